"""Classifications in the console: their pages, runs, and classes by hand."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from accounts.by_hand import assign, unassign
from accounts.classification_pages import COLOURS, classification_page, holders_text
from accounts.classify import launch_classification
from accounts.models import Account, Assignment, Classification, ClassificationRule
from accounts.rules import refuse_use
from sync_sessions.models import SyncSession
from whalefall.core.admin import ModelAdmin, Select, console_page, signed_in
from whalefall.core.display import badge, object_url, yes_no
from whalefall.core.errors import WhalefallError

MAY_RUN = "sync_sessions.add_syncsession"


def may_run(request: HttpRequest) -> bool:
    return request.user.has_perm(MAY_RUN)


@admin.register(Classification)
class ClassificationAdmin(ModelAdmin):
    menu_group = _("Accounts")
    menu_icon = "category"
    menu_position = 24
    list_before_template = "admin/accounts/classification/buttons.html"
    change_form_outer_before_template = "admin/accounts/classification/page.html"
    post_views = ("remove",)
    fields = (("name", "code"), "description", ("risk_level", "priority"), "colour")
    list_display = ("label", "code", "risk", "priority", "accounts", "rules", "ships")
    list_filter = ("risk_level", "is_system")
    search_fields = ("code", "name")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        rows: Any = super().get_queryset(request)
        counted: QuerySet[Any] = rows.with_accounts()
        return counted

    def complete(self, rows: list[Any]) -> None:
        current = ClassificationRule.objects.current().filter(classification__in=rows)
        active = Count("pk", filter=Q(is_active=True))
        by_class = current.order_by().values_list("classification")
        counted = by_class.annotate(active=active, number=Count("pk"))
        numbers = {key: (on, all_) for key, on, all_ in counted}
        for row in rows:
            row.rule_counts = numbers.get(row.pk, (0, 0))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = {"may_run": may_run(request), **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    @admin.display(description=_("classification"), ordering="name")
    def label(self, row: Classification) -> SafeString:
        mark = format_html('<span class="wf-dot wf-dot-{}"></span>', row.colour or "grey")
        return format_html("{} {}", mark, row.name)

    @admin.display(description=_("risk"), ordering="risk_level")
    def risk(self, row: Classification) -> SafeString:
        tone = "bad" if row.risk_level >= 5 else "warn" if row.risk_level >= 3 else ""
        return badge(row.risk_level, tone)

    @admin.display(description=_("accounts"), ordering="accounts")
    def accounts(self, row: Any) -> str:
        return holders_text(row)

    @admin.display(description=_("rules"))
    def rules(self, row: Any) -> str:
        active, number = row.rule_counts
        if active == number:
            return str(number)
        return gettext("%(active)s of %(number)s") % {"active": active, "number": number}

    @admin.display(description=_("ships with Whalefall"), ordering="is_system")
    def ships(self, row: Classification) -> SafeString:
        return yes_no(row.is_system)

    # --- one classification -----------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self.row_or_404(request, object_id)
        context = {
            **classification_page(request, row, today=timezone.localdate()),
            "may_run": may_run(request),
            "may_add_rule": request.user.has_perm("accounts.add_classificationrule"),
            "may_remove": not row.is_system and self.has_remove_permission(request),
            **(extra_context or {}),
        }
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("code",) if obj else ()  # rules name it by its code

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "colour":
            choices = [("", "–"), *((one, one) for one in COLOURS)]
            return forms.ChoiceField(
                choices=choices, required=False, widget=Select(), label=gettext("Colour")
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # what is in use is refused, which the admin's own page could not say

    def has_remove_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.delete_classification")

    def remove(self, request: HttpRequest, row: Classification) -> HttpResponse:
        try:
            with transaction.atomic():
                refuse_use(row)
                row.delete()
        except WhalefallError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(object_url(row))
        messages.success(request, gettext("%(name)s is deleted.") % {"name": row.name})
        return HttpResponseRedirect(reverse("admin:accounts_classification_changelist"))


# --- runs, and classes by hand ------------------------------------------------------------------


@console_page("accounts/classify/", "accounts_classify", MAY_RUN)
@require_POST
def classify(request: HttpRequest) -> HttpResponse:
    """Of the whole fleet."""
    try:
        session = launch_classification(
            trigger=SyncSession.Trigger.ADMIN, requested_by=signed_in(request)
        )
    except WhalefallError as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(reverse("admin:accounts_classification_changelist"))
    return HttpResponseRedirect(object_url(session))


@console_page("accounts/<int:pk>/assign/", "accounts_assign", "accounts.add_assignment")
@require_POST
def assign_class(request: HttpRequest, pk: int) -> HttpResponse:
    account = get_object_or_404(Account.objects.present(), pk=pk)
    code = request.POST.get("classification", "")
    classification = get_object_or_404(Classification, code=code)
    try:
        with transaction.atomic():
            assign(account, classification, by=signed_in(request))
    except WhalefallError as error:
        messages.error(request, str(error))
    return HttpResponseRedirect(f"{object_url(account)}#classes")


@console_page("accounts/unassign/<int:pk>/", "accounts_unassign", "accounts.delete_assignment")
@require_POST
def unassign_class(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Assignment.objects.open().select_related("account"), pk=pk)
    try:
        with transaction.atomic():
            unassign(row)
    except WhalefallError as error:
        messages.error(request, str(error))
    return HttpResponseRedirect(f"{object_url(row.account)}#classes")
