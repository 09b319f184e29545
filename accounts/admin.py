"""The mirror in the console. It is read-only: the servers own their accounts."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

import accounts.change_admin
import accounts.classification_admin
import accounts.classification_rule_admin
import accounts.effective_admin  # noqa: F401 -- they are admins as well
from accounts import pages
from accounts.classification_pages import classes_of, login_doubt
from accounts.facts import password_state
from accounts.held import accept_reading, reject_reading
from accounts.models import Account, HeldReading
from accounts.standouts import standouts
from instances.coverage import NEVER_READ, coverage_by_instance, coverage_of
from sync_sessions.models import SyncSession
from whalefall.core.admin import DefaultedFilter, ReadOnlyModelAdmin, signed_in
from whalefall.core.display import (
    coverage_text,
    link,
    moment,
    object_url,
    page_of,
    status_badge,
    unknown,
    yes_no,
)
from whalefall.core.errors import WhalefallError


class PresentFilter(DefaultedFilter):
    title = _("presence")
    parameter_name = "presence"
    default = "present"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [
            ("present", _("present")),
            ("removed", _("removed, or server in the recycle bin")),
            ("all", _("all")),
        ]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        gone = Q(removed_at__isnull=False) | Q(instance__deleted_at__isnull=False)
        if self.chosen() == "removed":
            return queryset.filter(gone)
        present = Q(removed_at=None, instance__deleted_at=None)
        return queryset if self.chosen() == "all" else queryset.filter(present)


class SystemFilter(DefaultedFilter):
    title = _("the engine's own accounts")
    parameter_name = "system"
    default = "hide"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("hide", _("hidden")), ("show", _("shown")), ("only", _("only these"))]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        if self.chosen() == "show":
            return queryset
        return queryset.filter(is_system=self.chosen() == "only")


class StandOutFilter(admin.SimpleListFilter):
    """The questions of the overview; "?" before one lists those for whom nobody can say."""

    title = _("standing out")
    parameter_name = "stands_out"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        for code, one in standouts(timezone.now()).items():
            yield code, one.title
            yield f"?{code}", _("unknown: %(question)s") % {"question": one.title}

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        code = self.value() or ""
        question = standouts(timezone.now()).get(code.removeprefix("?"))
        if question is None:
            return queryset
        if not code.startswith("?"):
            return queryset.filter(question.yes)
        answered = Account.objects.filter(question.answered).values("pk")
        return queryset.filter(question.among).exclude(pk__in=answered)


@admin.register(Account)
class AccountAdmin(ReadOnlyModelAdmin):
    menu_group = _("Accounts")
    menu_icon = "badge"
    menu_position = 21
    page_template = "admin/accounts/account/page.html"
    list_before_template = "admin/accounts/account/hidden.html"
    list_display = (
        *("name", "server", "kind", "superuser", "may_log_in", "locked"),
        *("may_grant", "password", "last_seen", "coverage"),
    )
    list_filter = (
        *(PresentFilter, SystemFilter, StandOutFilter, "kind"),
        *("is_superuser", "can_login", "is_locked", "instance__engine", "instance"),
    )
    list_select_related = ("instance",)
    search_fields = ("name", "instance__name")

    def complete(self, rows: list[Any]) -> None:
        coverage = coverage_by_instance(row.instance_id for row in rows)
        for row in rows:
            row.known = coverage.get(row.instance_id, NEVER_READ)

    @admin.display(description=_("instance"), ordering="instance__name")
    def server(self, account: Account) -> SafeString:
        return link(account.instance)

    @admin.display(description=_("superuser"), ordering="is_superuser")
    def superuser(self, account: Account) -> SafeString:
        return yes_no(account.is_superuser, alarming=True)

    @admin.display(description=_("can log in"), ordering="can_login")
    def may_log_in(self, account: Account) -> SafeString:
        return yes_no(account.can_login)

    @admin.display(description=_("locked"), ordering="is_locked")
    def locked(self, account: Account) -> SafeString:
        return yes_no(account.is_locked)

    @admin.display(description=_("may grant"))
    def may_grant(self, account: Account) -> SafeString:
        return yes_no(account.facts.get("can_grant", {}).get("value"))

    @admin.display(description=_("password"), ordering="password_expires_at")
    def password(self, account: Account) -> SafeString:
        return password_badge(account)

    @admin.display(description=_("last seen"))
    def last_seen(self, account: Any) -> SafeString:
        return moment(account.removed_at or account.known.accounts_read_at)

    @admin.display(description=_("coverage"))
    def coverage(self, account: Any) -> SafeString:
        return coverage_text(account.known.known, account.known.total)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        accounts: QuerySet[Account] = super().get_queryset(request)
        return accounts.select_related("instance")

    def page(self, request: HttpRequest, row: Account) -> dict[str, Any]:
        grants = page_of(request, pages.open_grants(row), "grants", 500)
        changes = page_of(request, row.changes.all(), "changes", 50)
        for change in changes:
            change.words = pages.change_words(change)
        return {
            "account": row,
            "coverage": coverage_of(row.instance_id),
            "unknown_sections": pages.unknown_sections(row.instance_id),
            "password": password_badge(row),
            "grants": grants,
            "powers": pages.powers(grants),
            "memberships": page_of(request, pages.open_memberships(member=row), "memberships"),
            "members": page_of(request, pages.open_memberships(role=row), "members"),
            "changes": changes,
            "classes": classes_of(row),
            "login_doubt": login_doubt(row),
            "is_dormant": pages.is_dormant(row, now=timezone.now()),
            "everybody": pages.everybody(row),
        }


def password_badge(account: Account) -> SafeString:
    state = password_state(account.facts, account.password_expires_at, now=timezone.now())
    return unknown() if state is None else status_badge(state, gettext(state))


@admin.register(HeldReading)
class HeldReadingAdmin(ReadOnlyModelAdmin):
    menu_group = _("Accounts")
    menu_icon = "front_hand"
    menu_position = 23
    page_template = "admin/accounts/heldreading/page.html"
    post_views = ("accept", "reject")
    list_display = ("instance", "state", "lost", "read", "decided_by", "decided")
    list_filter = ("decision", "record__instance")

    def menu_badge(self) -> str:
        waiting = HeldReading.objects.pending().count()
        return str(waiting) if waiting else ""

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        held: QuerySet[HeldReading] = super().get_queryset(request)
        return held.defer("reading").select_related(
            "record__instance", "record__session", "decided_by"
        )

    @admin.display(description=_("instance"))
    def instance(self, held: HeldReading) -> str:
        return str(held.record.instance)

    @admin.display(description=_("decision"), ordering="decision")
    def state(self, held: HeldReading) -> SafeString:
        tone = "warning" if held.decision == HeldReading.Decision.PENDING else held.decision
        return status_badge(tone, held.get_decision_display())

    @admin.display(description=_("would be lost"))
    def lost(self, held: HeldReading) -> str:
        words = gettext("%(lost_accounts)s of %(accounts)s accounts, %(lost_edges)s of %(edges)s")
        return f"{words % held.summary} {gettext('grants and memberships')}"

    @admin.display(description=_("read"), ordering="pk")
    def read(self, held: HeldReading) -> SafeString:
        return moment(held.record.finished_at)

    @admin.display(description=_("decided"), ordering="decided_at")
    def decided(self, held: HeldReading) -> SafeString:
        return moment(held.decided_at, never=gettext("not yet"))

    def page(self, request: HttpRequest, row: HeldReading) -> dict[str, Any]:
        is_pending = row.decision == HeldReading.Decision.PENDING
        names = row.summary.get("names", [])
        return {
            "held": row,
            "more_names": max(0, row.summary.get("lost_accounts", 0) - len(names)),
            "may_decide": is_pending and self.has_accept_permission(request),
        }

    def has_accept_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_heldreading")

    has_reject_permission = has_accept_permission

    def accept(self, request: HttpRequest, held: HeldReading) -> HttpResponse:
        try:
            session = accept_reading(held, by=signed_in(request), trigger=SyncSession.Trigger.ADMIN)
        except WhalefallError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(object_url(held))
        messages.success(request, gettext("The reading is applied; this is the session that did."))
        return HttpResponseRedirect(object_url(session))

    def reject(self, request: HttpRequest, held: HeldReading) -> HttpResponse:
        try:
            reject_reading(held, by=signed_in(request))
        except WhalefallError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, gettext("The reading is dropped; the mirror stays."))
        return HttpResponseRedirect(object_url(held))
