"""The inventory in the console: servers, how to sign in to them, and what is known of each."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

import instances.credential_admin  # noqa: F401 -- it is an admin as well
from accounts.models import Account
from accounts.pages import instance_overview
from accounts.sync import launch_account_sync
from instances.bulk_admin import BulkInstanceAdmin
from instances.coverage import NEVER_READ, coverage_by_instance
from instances.forms import InstanceForm
from instances.models import Database, Instance, Section
from instances.probe import Preflight, probe
from instances.recycling import recycle, recycle_all, restore
from sync_sessions.models import SyncSession
from whalefall.core.admin import (
    DefaultedFilter,
    ReadOnlyTabularInline,
    TextInput,
    signed_in,
)
from whalefall.core.display import (
    badge,
    coverage_text,
    link,
    moment,
    object_url,
    status_badge,
    yes_no,
)
from whalefall.core.errors import WhalefallError

# Each waits for a server, at most as long as the time-outs of a reading.
MOST_PROBED = 5


class SectionInline(ReadOnlyTabularInline):
    model = Section
    fields = readonly_fields = ("name", "database", "known", "last_read")
    verbose_name_plural = _("Sections of the last reading")

    @admin.display(description=_("state"))
    def known(self, section: Section) -> SafeString:
        return status_badge(section.state, section.get_state_display())

    @admin.display(description=_("last read"))
    def last_read(self, section: Section) -> SafeString:
        return moment(section.read_at, never=gettext("never"))


class DatabaseInline(ReadOnlyTabularInline):
    model = Database
    fields = readonly_fields = ("name", "system", "first_seen", "removed")

    @admin.display(description=_("system"))
    def system(self, database: Database) -> SafeString:
        return yes_no(database.is_system)

    @admin.display(description=_("first seen"))
    def first_seen(self, database: Database) -> SafeString:
        return moment(database.first_seen_at)

    @admin.display(description=_("removed"))
    def removed(self, database: Database) -> SafeString:
        return moment(database.removed_at, never=gettext("no"))


class BinFilter(DefaultedFilter):
    title = _("place")
    parameter_name = "bin"
    default = "no"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("no", _("in use")), ("yes", _("recycle bin"))]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        return queryset.filter(deleted_at__isnull=self.chosen() == "no")


class ErrorFilter(admin.SimpleListFilter):
    title = _("reached")
    parameter_name = "reached"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("error", _("with an error")), ("never", _("never reached"))]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        if self.value() == "error":
            return queryset.exclude(last_error="")
        return queryset.filter(last_reached_at=None) if self.value() == "never" else queryset


@admin.register(Instance)
class InstanceAdmin(BulkInstanceAdmin):
    """Deleting puts an instance into the recycle bin, with all that is known of it."""

    menu_group = _("Servers")
    menu_icon = "dns"
    menu_position = 11
    form = InstanceForm
    change_form_outer_before_template = "admin/instances/instance/overview.html"
    post_views = ("sync", "probe")
    actions = ("sync_accounts", "probe_selected", "change_tags", "take_back")
    list_display = (
        *("name", "engine", "address", "environment", "reached"),
        *("coverage", "accounts", "state"),
    )
    list_filter = (BinFilter, ErrorFilter, "engine", "environment", "is_active", "tags")
    list_select_related = ("credential",)
    search_fields = ("name", "host")
    autocomplete_fields = ("tags",)
    fieldsets = (
        (None, {"fields": [("name", "engine"), ("host", "port"), "service_name", "is_active"]}),
        (_("Sign-in"), {"fields": ["credential", "tls_mode", "tls_ca"]}),
        (_("Order"), {"fields": ["environment", "tags", "storage_limit_bytes"]}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Instance | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if not request.user.has_perm("instances.view_credential"):
            fieldsets = [(title, plainly(options)) for title, options in fieldsets]
        may_move = obj is not None and self.has_change_permission(request, obj)
        return [*fieldsets, (None, {"fields": ["asked_for"]})] if may_move else fieldsets

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "tls_ca":  # a path: one line
            kwargs["widget"] = TextInput()
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def complete(self, rows: list[Any]) -> None:
        keys = [row.pk for row in rows]
        coverage = coverage_by_instance(keys)
        listed = Account.objects.listed().filter(instance__in=keys).order_by()
        accounts = dict(listed.values_list("instance").annotate(Count("pk")))
        for row in rows:
            row.known = coverage.get(row.pk, NEVER_READ)
            row.account_count = accounts.get(row.pk, 0)

    @admin.display(description=_("address"), ordering="host")
    def address(self, instance: Instance) -> str:
        return f"{instance.host}:{instance.port}"

    @admin.display(description=_("last reached"), ordering="last_reached_at")
    def reached(self, instance: Instance) -> SafeString:
        return moment(instance.last_reached_at, never=gettext("never"))

    @admin.display(description=_("coverage"))
    def coverage(self, instance: Any) -> SafeString:
        return coverage_text(instance.known.known, instance.known.total)

    @admin.display(description=_("accounts"))
    def accounts(self, instance: Any) -> str:
        return str(instance.account_count) if instance.known.accounts_read_at else "–"

    @admin.display(description=_("state"))
    def state(self, instance: Instance) -> SafeString:
        if instance.deleted_at:
            return badge(_("recycle bin"))
        if instance.last_error:
            mark = badge(_("error"), "bad")
            return format_html('<span title="{}">{}</span>', instance.last_error, mark)
        return badge(_("active"), "good") if instance.is_active else badge(_("switched off"))

    @admin.display(description=_("credential"))
    def credential_name(self, instance: Instance) -> str:
        return str(instance.credential)

    # --- one instance -----------------------------------------------------------------------

    def get_inlines(self, request: HttpRequest, obj: Instance | None) -> list[Any]:
        return [SectionInline, DatabaseInline] if obj else []

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        instance = self.row_or_404(request, object_id)
        context = {
            "overview": instance_overview(instance),
            "may_run": self.has_sync_permission(request),
            **(extra_context or {}),
        }
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    def sync(self, request: HttpRequest, instance: Instance) -> HttpResponse:
        self.sync_accounts(request, Instance.objects.filter(pk=instance.pk))
        return HttpResponseRedirect(object_url(instance))

    def probe(self, request: HttpRequest, instance: Instance) -> HttpResponse:
        return self.probe_selected(request, Instance.objects.filter(pk=instance.pk))

    # --- actions ----------------------------------------------------------------------------

    def has_sync_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("sync_sessions.add_syncsession")

    has_probe_permission = has_sync_permission

    @admin.action(description=_("Sync accounts"), permissions=["sync"])
    def sync_accounts(self, request: HttpRequest, queryset: "QuerySet[Instance]") -> None:
        active = list(queryset.filter(is_active=True, deleted_at=None))
        if not active:
            messages.error(request, _("None of these instances is active, so nothing was queued."))
            return
        session = launch_account_sync(
            active, trigger=SyncSession.Trigger.ADMIN, requested_by=signed_in(request)
        )
        text = ngettext(
            "An account sync of one instance is queued:",
            "An account sync of %(number)s instances is queued:",
            len(active),
        ) % {"number": len(active)}
        messages.success(
            request, format_html("{} {}", text, link(session, gettext("open the session")))
        )

    @admin.action(description=_("Probe"), permissions=["probe"])
    def probe_selected(self, request: HttpRequest, queryset: "QuerySet[Instance]") -> HttpResponse:
        chosen = queryset.select_related("credential").order_by("name")
        instances = list(chosen[: MOST_PROBED + 1])
        if len(instances) > MOST_PROBED:
            text = gettext("A probe waits for each server; choose at most %(number)s.")
            messages.error(request, text % {"number": MOST_PROBED})
            return HttpResponseRedirect(request.get_full_path())
        context = {"results": [(one, *probed(one)) for one in instances]}
        template = "admin/instances/instance/probe.html"
        return self.page_response(request, template, gettext("Probe"), context)

    @admin.action(description=_("Restore from the recycle bin"), permissions=["change"])
    def take_back(self, request: HttpRequest, queryset: "QuerySet[Instance]") -> None:
        for instance in queryset.exclude(deleted_at=None):
            try:
                with transaction.atomic():
                    restore(instance)
            except WhalefallError as error:
                messages.error(request, str(error))
            else:
                messages.success(request, gettext("%(name)s is back.") % {"name": instance})

    # --- recycle bin ------------------------------------------------------------------------

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Nothing is deleted with it, so nothing else needs listing or permission."""
        may = self.has_delete_permission(request)
        missing = set() if may else {self.opts.verbose_name}
        return [str(one) for one in objs], {}, missing, []

    def delete_model(self, request: HttpRequest, obj: Instance) -> None:
        recycle(obj)

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[Instance]") -> None:
        recycle_all(list(queryset.values_list("pk", flat=True)))


def plainly(options: dict[str, Any]) -> dict[str, Any]:
    """With the credential's name for those whom a link to it would refuse."""
    names = {"credential": "credential_name"}
    fields = [names.get(one, one) if isinstance(one, str) else one for one in options["fields"]]
    return {**options, "fields": fields}


def probed(instance: Instance) -> tuple[Preflight | None, str]:
    """What a probe found, or why it failed."""
    try:
        return probe(instance), ""
    except WhalefallError as error:
        return None, str(error)
