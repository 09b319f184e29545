"""Many servers at once in the console: tags, the list as a file, and a file as servers."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from instances.bulk import RowsRefused, Status, import_document, run_import
from instances.bulk_rows import COLUMNS, NEEDED, csv_drafts
from instances.exporting import EXPORTED
from instances.models import Instance
from instances.tagging import Tagging, assign_tags, remove_all_tags, remove_tags
from tags.models import Tag
from whalefall.core.admin import console_page, page_of_console
from whalefall.core.errors import WhalefallError
from whalefall.core.exports import Columns, uploaded
from whalefall.core.exports_admin import ExportedModelAdmin

SHOWN = 200
TAGGING = {"assign": assign_tags, "remove": remove_tags}


class TagsForm(forms.Form):
    """Which tags, and what to do with them; ``remove-all`` needs none."""

    tags = forms.ModelMultipleChoiceField(Tag.objects.all(), required=False)
    operation = forms.ChoiceField(choices=[(one, one) for one in (*TAGGING, "remove-all")])

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("operation") in TAGGING and not data.get("tags"):
            self.add_error("tags", _("Choose at least one tag."))
        return data

    def apply(self, instances: "QuerySet[Instance]") -> Tagging:
        """Do it to ``instances``. Call inside a transaction."""
        keys = list(instances.values_list("pk", flat=True))
        operation = self.cleaned_data["operation"]
        if operation == "remove-all":
            return remove_all_tags(keys)
        return TAGGING[operation](keys, [tag.pk for tag in self.cleaned_data["tags"]])


class BulkInstanceAdmin(ExportedModelAdmin):
    export_name = "instances"
    import_permission = "instances.add_instance"

    def export_columns(self) -> Columns:
        return EXPORTED

    def export_rows(self, rows: Any) -> Any:
        return rows.with_parts()

    def has_tag_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("tags.change_tag")

    @admin.action(description=_("Tags…"), permissions=["tag"])
    def change_tags(self, request: HttpRequest, queryset: "QuerySet[Instance]") -> HttpResponse:
        """First a page to choose on, which posts the same action again with the choice."""
        form = TagsForm(request.POST if "operation" in request.POST else None)
        if form.is_bound and form.is_valid():
            with transaction.atomic():
                done = form.apply(queryset)
            messages.success(request, tagging_text(done))
            return HttpResponseRedirect(request.get_full_path())
        context = {
            "form": form,
            "tags": Tag.objects.all(),
            "total": queryset.count(),
            "some": queryset.order_by("name")[:10],
            "chosen": request.POST.getlist("_selected_action"),
            "across": request.POST.get("select_across", "0"),
        }
        template = "admin/instances/instance/tags.html"
        return self.page_response(request, template, gettext("Tags of instances"), context)


def tagging_text(done: Tagging) -> str:
    text = ngettext(
        "Tags of one instance: %(changed)d changed, %(unchanged)d were so already.",
        "Tags of %(instances)d instances: %(changed)d changed, %(unchanged)d were so already.",
        done.instances,
    )
    return text % {
        "instances": done.instances,
        "changed": done.changed,
        "unchanged": done.unchanged,
    }


@console_page("instances/instance/import/", "instances_instance_import", "instances.add_instance")
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def import_page(request: HttpRequest) -> HttpResponse:
    """``check`` says what each row would do, ``import`` does it."""
    context: dict[str, Any] = {"columns": [(name, name in NEEDED) for name in COLUMNS]}
    if request.method == "POST":
        context |= imported(request, dry_run=request.POST.get("action") != "import")
    template = "admin/instances/instance/import.html"
    return page_of_console(request, template, gettext("Import instances"), context)


def imported(request: HttpRequest, *, dry_run: bool) -> dict[str, Any]:
    all_or_nothing = "all_or_nothing" in request.POST
    try:
        with transaction.atomic():
            drafts = csv_drafts(uploaded(request, "file"))
            rows = run_import(drafts, dry_run=dry_run, all_or_nothing=all_or_nothing)
    except RowsRefused as error:
        return {"problem": str(error), **shown(error.extra["result"]), "dry_run": False}
    except WhalefallError as error:
        return {"problem": str(error), "all_or_nothing": all_or_nothing}
    document = import_document(rows)
    return {**shown(document), "dry_run": dry_run, "all_or_nothing": all_or_nothing}


def shown(document: dict[str, Any]) -> dict[str, Any]:
    """The bad rows first: they are what somebody has to do something about."""
    rows = sorted(document["rows"], key=lambda row: row["status"] != Status.INVALID)
    return {
        "counts": document["counts"],
        "rows": rows[:SHOWN],
        "more": max(0, len(rows) - SHOWN),
    }
