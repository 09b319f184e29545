"""A list of the console as a file."""

from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, path

from whalefall.core.admin import ModelAdmin
from whalefall.core.exports import Columns, csv_response


class ExportedModelAdmin(ModelAdmin):
    """``export/``: every row of the list under the filters of its address, as CSV."""

    list_before_template = "console/list_buttons.html"
    export_name: ClassVar[str]
    # Whether there is a page at ``admin:<app>_<model>_import``, and its button.
    import_permission: ClassVar[str] = ""

    def export_columns(self) -> Columns:
        raise NotImplementedError

    def export_rows(self, rows: Any) -> Any:
        """``rows`` with what the columns need."""
        return rows

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.export)
        return [path("export/", view, name=self.url_name("export")), *super().get_urls()]

    def export(self, request: HttpRequest) -> HttpResponseBase:
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = self.export_rows(self.get_changelist_instance(request).queryset)
        return csv_response(self.export_name, self.export_columns(), rows)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        may_import = self.import_permission and request.user.has_perm(self.import_permission)
        context = {
            "export_view": f"admin:{self.url_name('export')}",
            "import_view": f"admin:{self.url_name('import')}" if may_import else "",
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)
