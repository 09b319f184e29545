"""The audit log in the console: to look at and to take along, for admins."""

from typing import Any

from auditlog.models import LogEntry
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from whalefall.audit.entries import ACTIONS, EXPORTED, actor_of, origin_text
from whalefall.core.admin import ReadOnlyModelAdmin
from whalefall.core.display import badge, moment
from whalefall.core.exports import Columns
from whalefall.core.exports_admin import ExportedModelAdmin

SHOWN_FIELDS, SHOWN_NAMES = 4, 50
TONES = {"create": "good", "delete": "bad"}

# Its own page would show the log to whoever may see any, and without its origin.
admin.site.unregister(LogEntry)


class SourceFilter(admin.SimpleListFilter):
    title = _("by way of")
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [
            *(("console", _("console")), ("api", _("API"))),
            *(("command", _("command")), ("worker", _("worker"))),
        ]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        value = self.value()
        return queryset.filter(additional_data__source=value) if value else queryset


@admin.register(LogEntry)
class LogEntryAdmin(ExportedModelAdmin, ReadOnlyModelAdmin):
    menu_group = _("People")
    menu_icon = "history"
    menu_position = 55
    menu_title = _("audit log")
    page_template = "admin/auditlog/logentry/page.html"
    export_name = "audit-log"
    list_display = ("when", "who", "by_way_of", "what", "kind", "name", "fields_changed")
    list_display_links = ("when", "name")
    list_filter = ("action", SourceFilter, ("content_type", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("content_type",)
    search_fields = ("object_repr", "changes", "additional_data")
    ordering = ("-timestamp", "-pk")

    def export_columns(self) -> Columns:
        return EXPORTED

    @admin.display(description=_("when"), ordering="timestamp")
    def when(self, entry: Any) -> SafeString:
        return moment(entry.timestamp)

    @admin.display(description=_("who"))
    def who(self, entry: Any) -> SafeString:
        return short(actor_of(entry) or "–")

    @admin.display(description=_("by way of"))
    def by_way_of(self, entry: Any) -> SafeString:
        return short(origin_text(entry))

    @admin.display(description=_("action"), ordering="action")
    def what(self, entry: Any) -> SafeString:
        word = ACTIONS[entry.action]
        return badge(entry.get_action_display(), TONES.get(word, ""))

    @admin.display(description=_("object"), ordering="content_type")
    def kind(self, entry: Any) -> SafeString:
        return short(str(entry.content_type.name))

    @admin.display(description=_("name"), ordering="object_repr")
    def name(self, entry: Any) -> str:
        return str(entry.object_repr)

    @admin.display(description=_("changed"))
    def fields_changed(self, entry: Any) -> str:
        names = list(entry.changes or ())
        more = [f"+{len(names) - SHOWN_FIELDS}"] if len(names) > SHOWN_FIELDS else []
        return ", ".join([*names[:SHOWN_FIELDS], *more])

    def page(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        changes = (row.changes or {}).items()
        return {
            "entry": row,
            "action": row.get_action_display(),
            "actor": actor_of(row),
            "origin": origin_text(row),
            "fields": [(name, *map(text, one)) for name, one in changes if isinstance(one, list)],
            "sets": [
                (
                    *(name, one["operation"], one["objects"][:SHOWN_NAMES]),
                    max(0, len(one["objects"]) - SHOWN_NAMES),
                )
                for name, one in changes
                if isinstance(one, dict)
            ],
        }


def short(words: str) -> SafeString:
    """In one line; all of it is behind."""
    return format_html('<span class="wf-short" title="{}">{}</span>', words, words)


def text(value: Any) -> str:
    """A value before or after; nothing there is a dash, an empty text says so."""
    if value is None:
        return "–"
    return gettext("(empty)") if value == "" else str(value)
