from typing import Any

from auditlog.models import LogEntry

from whalefall.audit.entries import EXPORTED
from whalefall.audit.filters import AuditLogFilter
from whalefall.audit.serializers import AuditLogSerializer
from whalefall.core.api import ReadOnlyViewSet
from whalefall.core.exports import Columns, ExportMixin


class AuditLogViewSet(ExportMixin, ReadOnlyViewSet[Any]):
    """Who changed what. Entries are written by what they tell of, and by nothing else."""

    queryset = LogEntry.objects.select_related("content_type")
    serializer_class = AuditLogSerializer
    filterset_class = AuditLogFilter
    search_fields = ("object_repr", "changes", "additional_data")
    ordering_fields = ("timestamp", "action", "object_repr")
    ordering = ("-timestamp",)
    export_name = "audit-log"

    def export_columns(self) -> Columns:
        return EXPORTED
