"""The change log in the console."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts import pages
from accounts.effect_words import effect_lines
from accounts.effects import effect_of
from accounts.models import AccountChange
from whalefall.core.admin import ReadOnlyModelAdmin
from whalefall.core.display import link, moment, status_badge

# Edges of one change shown on its page; its JSON has all of them.
MOST_EDGES = 500


@admin.register(AccountChange)
class AccountChangeAdmin(ReadOnlyModelAdmin):
    menu_group = _("Accounts")
    menu_icon = "history"
    menu_position = 22
    page_template = "admin/accounts/accountchange/page.html"
    list_display = ("occurred", "server", "whose", "change", "what", "cause")
    list_display_links = ("occurred",)
    list_filter = ("kind", "cause", "account__instance")
    search_fields = ("account__name",)
    search_help_text = _("Search by the account's name")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        changes: QuerySet[AccountChange] = super().get_queryset(request)
        return changes.select_related("account__instance", "session")

    @admin.display(description=_("seen"), ordering="occurred_at")
    def occurred(self, change: AccountChange) -> SafeString:
        return moment(change.occurred_at)

    @admin.display(description=_("instance"), ordering="account__instance__name")
    def server(self, change: AccountChange) -> SafeString:
        return link(change.account.instance)

    @admin.display(description=_("account"), ordering="account__name")
    def whose(self, change: AccountChange) -> SafeString:
        return link(change.account)

    @admin.display(description=_("change"), ordering="kind")
    def change(self, change: AccountChange) -> SafeString:
        return status_badge(change.kind, change.get_kind_display())

    @admin.display(description=_("what"))
    def what(self, change: AccountChange) -> str:
        return pages.change_words(change)

    def page(self, request: HttpRequest, row: AccountChange) -> dict[str, Any]:
        effect = effect_of(row)
        grants, memberships = row.diff.get("grants", []), row.diff.get("memberships", [])
        return {
            "change": row,
            "grants": grants[:MOST_EDGES],
            "more_grants": max(0, len(grants) - MOST_EDGES),
            "memberships": memberships[:MOST_EDGES],
            "more_memberships": max(0, len(memberships) - MOST_EDGES),
            "attributes": pages.sorted_attributes(row.diff),
            "effect": effect,
            "effect_lines": effect_lines(effect),
            "examples": [(_("gained"), effect.gained), (_("lost"), effect.lost)],
        }
