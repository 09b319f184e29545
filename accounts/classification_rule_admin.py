"""Rules in the console: the editor, its preview, and versions."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from accounts.classification_forms import PreviewForm, RuleForm
from accounts.classification_pages import editor, holders_text, preview_context, versions
from accounts.models import Classification, ClassificationRule
from accounts.predicates.schema import VERSION
from accounts.predicates.validation import InvalidExpression, checked
from accounts.rules import add_rule, preview, retire_rule, revise_rule
from whalefall.core.admin import DefaultedFilter, ModelAdmin, console_page, signed_in
from whalefall.core.display import link, moment, object_url, unknown, yes_no
from whalefall.core.errors import WhalefallError

MAY_SEE = "accounts.view_classificationrule"
EMPTY = {"version": VERSION, "match": {"all": []}}


class VersionFilter(DefaultedFilter):
    title = _("versions")
    parameter_name = "versions"
    default = "current"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("current", _("current")), ("older", _("older or deleted")), ("all", _("all"))]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        if self.chosen() == "all":
            return queryset
        return queryset.filter(superseded_at__isnull=self.chosen() == "current")


@admin.register(ClassificationRule)
class ClassificationRuleAdmin(ModelAdmin):
    menu_group = _("Accounts")
    menu_icon = "rule"
    menu_position = 24
    post_views = ("retire",)
    list_display = (
        *("name", "whose", "engine_name", "version", "accounts"),
        *("active", "policy", "made_by", "since"),
    )
    list_filter = (VersionFilter, "classification", "engine", "is_active", "is_policy")
    search_fields = ("name", "classification__code", "classification__name")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        rows: Any = super().get_queryset(request)
        counted: QuerySet[Any] = rows.select_related("classification", "created_by").with_accounts()
        return counted

    @admin.display(description=_("classification"), ordering="classification__name")
    def whose(self, rule: ClassificationRule) -> SafeString:
        return link(rule.classification)

    @admin.display(description=_("engine"), ordering="engine")
    def engine_name(self, rule: ClassificationRule) -> str:
        return rule.engine or gettext("every")

    @admin.display(description=_("accounts"), ordering="accounts")
    def accounts(self, rule: Any) -> str:
        return holders_text(rule)

    @admin.display(description=_("active"), ordering="is_active")
    def active(self, rule: ClassificationRule) -> SafeString:
        return yes_no(rule.is_active)

    @admin.display(description=_("policy"), ordering="is_policy")
    def policy(self, rule: ClassificationRule) -> SafeString:
        return yes_no(rule.is_policy)

    @admin.display(description=_("made by"), ordering="created_by")
    def made_by(self, rule: ClassificationRule) -> str:
        return "Whalefall" if rule.is_system else str(rule.created_by or unknown())

    @admin.display(description=_("since"), ordering="created_at")
    def since(self, rule: ClassificationRule) -> SafeString:
        return moment(rule.created_at)

    # --- the editor -------------------------------------------------------------------------

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        initial = {"classification": request.GET.get("classification")}
        return self.edit(request, RuleForm(request.POST or None, initial=initial))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        rule = self.row_or_404(request, object_id)
        names = ("name", "classification", "engine", "is_active", "is_policy", "expression")
        initial = {name: getattr(rule, name) for name in names}
        return self.edit(request, RuleForm(request.POST or None, rule=rule, initial=initial))

    def edit(self, request: HttpRequest, form: RuleForm) -> HttpResponse:
        if request.method == "POST":
            if not self.may_write(request, form.rule):
                raise PermissionDenied
            if saved := save(request, form):
                text = gettext("Saved as version %(number)s. The next run assigns by it.")
                messages.success(request, text % {"number": saved.version})
                return HttpResponseRedirect(object_url(saved))
        title = str(form.rule) if form.rule else gettext("New rule")
        template = "admin/accounts/classificationrule/page.html"
        return self.page_response(request, template, title, self.context(request, form))

    def context(self, request: HttpRequest, form: RuleForm) -> dict[str, Any]:
        rule = form.rule
        document = form.document or (rule.expression if rule else EMPTY)
        is_history = rule is not None and rule.superseded_at is not None
        may_edit = not is_history and self.may_write(request, rule)
        return {
            "form": form,
            "rule": rule,
            "editor": editor(document, may_edit=may_edit, complaints=form.complaints),
            "versions": versions(rule) if rule else (),
            "may_edit": may_edit,
            "may_retire": may_edit and rule is not None and self.has_retire_permission(request),
        }

    def may_write(self, request: HttpRequest, rule: ClassificationRule | None) -> bool:
        verb = "add" if rule is None else "change"
        return request.user.has_perm(f"accounts.{verb}_classificationrule")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # a deleted rule stays as history

    def has_retire_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.delete_classificationrule")

    def retire(self, request: HttpRequest, rule: ClassificationRule) -> HttpResponse:
        try:
            with transaction.atomic():
                retire_rule(rule)
        except WhalefallError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(object_url(rule))
        messages.success(request, gettext("%(name)s has ended.") % {"name": rule.name})
        return HttpResponseRedirect(object_url(rule.classification))


def save(request: HttpRequest, form: RuleForm) -> ClassificationRule | None:
    """The rule as the form has it; None where the form says what is wrong."""
    if not form.is_valid():
        return None
    try:
        with transaction.atomic():
            if form.rule is None:
                return add_rule(by=signed_in(request), **form.cleaned_data)
            return revise_rule(form.rule, by=signed_in(request), **form.cleaned_data)
    except InvalidExpression as error:
        form.complain(error)
    except WhalefallError as error:
        form.add_error(None, str(error))
    return None


@console_page("accounts/rules/preview/", "accounts_rule_preview", MAY_SEE)
@require_POST
def preview_rule(request: HttpRequest) -> HttpResponse:
    """``{"expression", "html"}``; or with status 422 ``{"errors": [{"pointer", "message"}]}``."""
    form = PreviewForm(request.POST)
    if not form.is_valid():
        texts = [{"pointer": "", "message": text} for [text] in form.errors.values()]
        return JsonResponse({"errors": texts}, status=422)
    try:
        return JsonResponse(previewed(request, **form.cleaned_data))
    except WhalefallError as error:
        found = error.extra.get("errors") if isinstance(error, InvalidExpression) else None
        errors = found or [{"pointer": "", "message": str(error)}]
        return JsonResponse({"errors": errors}, status=422)


def previewed(
    request: HttpRequest,
    *,
    expression: Any,
    engine: str,
    classification: Classification | None,
    rule: ClassificationRule | None,
) -> dict[str, Any]:
    code = classification.code if classification else None
    told = preview(expression, engine=engine, code=code, replaces=rule)
    shown, page = (request.POST.get(name, "") for name in ("show", "page"))
    context = preview_context(told, shown, page)
    html = render_to_string("console/rule_preview.html", context, request)
    return {"expression": checked(expression), "html": html}
