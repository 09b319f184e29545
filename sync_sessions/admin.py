"""Every run in the console: how far it is, what failed and why, and a way to stop it."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods
from django_q.models import Failure, OrmQ, Schedule, Success

from sync_sessions.jobs import jobs, start
from sync_sessions.launch import cancel_session, retry_failed
from sync_sessions.models import SyncRecord, SyncSession
from sync_sessions.querysets import OPEN
from sync_sessions.schedules import change_cron, missing_schedules, pause, resume
from whalefall.core.admin import (
    ReadOnlyModelAdmin,
    console_page,
    page_of_console,
    signed_in,
)
from whalefall.core.display import (
    link,
    moment,
    object_url,
    page_of,
    seconds_between,
    share_text,
    status_badge,
)
from whalefall.core.errors import WhalefallError

# The queue's own tables: sessions say all of it better, and a schedule edited by hand can stop all.
admin.site.unregister([Failure, OrmQ, Schedule, Success])


@admin.register(SyncSession)
class SyncSessionAdmin(ReadOnlyModelAdmin):
    menu_group = _("Runs")
    menu_icon = "sync"
    menu_position = 31
    page_template = "admin/sync_sessions/syncsession/page.html"
    post_views = ("cancel", "retry")
    list_display = (
        *("created", "category", "state", "progress"),
        *("duration", "trigger", "requested_by"),
    )
    list_filter = ("status", "category", "trigger")
    list_select_related = ("requested_by",)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.progress_view)
        name = self.url_name("progress")
        return [path("<uuid:object_id>/progress/", view, name=name), *super().get_urls()]

    def complete(self, rows: list[Any]) -> None:
        counted = SyncSession.objects.filter(pk__in=[row.pk for row in rows]).with_progress()
        by_key = {one.pk: one for one in counted}
        for row in rows:
            row.counted = by_key[row.pk]

    @admin.display(description=_("started"), ordering="created_at")
    def created(self, session: SyncSession) -> SafeString:
        return moment(session.created_at)

    @admin.display(description=_("status"), ordering="status")
    def state(self, session: SyncSession) -> SafeString:
        return status_badge(session.status, session.get_status_display())

    @admin.display(description=_("records"))
    def progress(self, session: Any) -> str:
        return progress_text(session.counted)

    @admin.display(description=_("took"))
    def duration(self, session: SyncSession) -> SafeString | str:
        return seconds_between(session.started_at, session.finished_at)

    # --- one session ------------------------------------------------------------------------

    def page(self, request: HttpRequest, row: SyncSession) -> dict[str, Any]:
        records = row.records.select_related("instance").order_by("pk")
        events = row.events.select_related("record__instance").order_by("at", "pk")
        counted = with_progress(row)
        return {
            "session": row,
            "counted": counted,
            "done": counted.total - counted.open,
            "progress_text": progress_text(counted),
            "is_open": row.status in OPEN,
            "may_retry": counted.failed and not counted.open and self.has_retry_permission(request),
            "retries": row.retries.all(),
            "may_cancel": row.status in OPEN and self.has_cancel_permission(request),
            "records": page_of(request, records, "records"),
            "events": page_of(request, events, "events", 200),
        }

    def progress_view(self, request: HttpRequest, object_id: str) -> JsonResponse:
        """How far the session is, for the script that keeps its page fresh."""
        session = with_progress(self.row_or_404(request, str(object_id)))
        numbers = ("total", "completed", "failed", "cancelled", "open")
        return JsonResponse(
            {
                "status": session.status,
                "is_open": session.status in OPEN,
                "text": progress_text(session),
                **{name: getattr(session, name) for name in numbers},
            }
        )

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("sync_sessions.change_syncsession")

    def cancel(self, request: HttpRequest, session: SyncSession) -> HttpResponse:
        if cancel_session(session):
            messages.success(request, gettext("The session is asked to stop; it takes seconds."))
        else:
            messages.warning(request, gettext("The session was over, or was asked before."))
        return HttpResponseRedirect("../change/")

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("sync_sessions.add_syncsession")

    def retry(self, request: HttpRequest, session: SyncSession) -> HttpResponse:
        trigger, person = SyncSession.Trigger.ADMIN, signed_in(request)
        try:
            again = retry_failed(session, trigger=trigger, requested_by=person)
            return HttpResponseRedirect(object_url(again))
        except WhalefallError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect("../change/")


def with_progress(session: SyncSession) -> Any:
    return SyncSession.objects.with_progress().get(pk=session.pk)


def progress_text(counted: Any) -> str:
    """How many records are done and how they ended, in words."""
    done = counted.total - counted.open
    parts = [gettext("%(done)s of %(total)s done") % {"done": done, "total": counted.total}]
    for number, words in (
        (counted.failed, gettext("%(number)s failed")),
        (counted.cancelled, gettext("%(number)s cancelled")),
    ):
        if number:
            parts.append(words % {"number": number})
    return ", ".join(parts)


@admin.register(SyncRecord)
class SyncRecordAdmin(ReadOnlyModelAdmin):
    menu_group = _("Runs")
    menu_icon = "receipt_long"
    menu_position = 32
    page_template = "admin/sync_sessions/syncrecord/page.html"
    list_display = (
        *("place", "category", "state", "error_code"),
        *("coverage_share", "duration", "finished", "in_session"),
    )
    list_filter = ("status", "category", "error_code", "instance")
    list_select_related = ("instance", "session")
    search_fields = ("instance__name",)
    ordering = ("-pk",)

    @admin.display(description=_("instance"), ordering="instance__name")
    def place(self, record: SyncRecord) -> str:
        return str(record.instance or _("whole fleet"))

    @admin.display(description=_("status"), ordering="status")
    def state(self, record: SyncRecord) -> SafeString:
        return status_badge(record.status, record.get_status_display())

    @admin.display(description=_("coverage"), ordering="coverage")
    def coverage_share(self, record: SyncRecord) -> SafeString:
        return share_text(record.coverage)

    @admin.display(description=_("took"))
    def duration(self, record: SyncRecord) -> SafeString | str:
        return seconds_between(record.started_at, record.finished_at)

    @admin.display(description=_("ended"), ordering="finished_at")
    def finished(self, record: SyncRecord) -> SafeString:
        return moment(record.finished_at, never=gettext("not yet"))

    @admin.display(description=_("session"))
    def in_session(self, record: SyncRecord) -> SafeString:
        return link(record.session)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        records: QuerySet[SyncRecord] = super().get_queryset(request)
        return records.select_related("instance", "session")

    def page(self, request: HttpRequest, row: SyncRecord) -> dict[str, Any]:
        return {"record": row, "events": page_of(request, row.events.all(), "events", 200)}


# --- schedules ------------------------------------------------------------------------------------

MAY_EDIT = "django_q.change_schedule"


@console_page(
    *("schedules/", "schedules", "django_q.view_schedule"),
    title=_("Schedules"),
    menu_group=_("Runs"),
    menu_icon="schedule",
    menu_position=33,
)
@require_http_methods(["GET", "HEAD", "POST"])
def schedules_page(request: HttpRequest) -> HttpResponse:
    """The list; a POST is one of its buttons, or the form of an expression that was wrong."""
    form: dict[str, Any] = {}
    if request.method == "POST":
        if not request.user.has_perm(MAY_EDIT):
            raise PermissionDenied
        try:
            return HttpResponseRedirect(act(request))
        except WhalefallError as error:
            form = {"name": request.POST.get("name"), "cron": request.POST.get("cron")}
            form["error"] = str(error)
            messages.error(request, form["error"])
    context = {"jobs": jobs(), "missing": missing_schedules(), "form": form}
    may_edit = request.user.has_perm(MAY_EDIT)
    context |= {"may_edit": may_edit, "zone": timezone.get_current_timezone_name()}
    return page_of_console(
        request, "admin/sync_sessions/schedules.html", gettext("Schedules"), context
    )


def act(request: HttpRequest) -> str:
    """Do what the button says; where to go then. Raises Http404 and WhalefallError."""
    name, action = request.POST.get("name", ""), request.POST.get("action")
    if action == "run":
        started = start(name, trigger=SyncSession.Trigger.ADMIN, requested_by=signed_in(request))
        messages.success(request, gettext("Started."))
        return object_url(started) if started else reverse("admin:schedules")
    with transaction.atomic():
        if action == "pause":
            pause(name)
        elif action == "resume":
            resume(name)
        else:
            change_cron(name, request.POST.get("cron", ""))
    messages.success(request, gettext("Saved."))
    return f"{reverse('admin:schedules')}#{name}"
