# mypy: disallow-subclassing-any=False

from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django_filters import rest_framework as filters  # type: ignore[import-untyped]

from instances.models import Instance
from sync_sessions.models import SyncRecord, SyncSession
from whalefall.core.filters import MomentFilter


class SyncSessionFilter(filters.FilterSet):
    instance = filters.ModelChoiceFilter(
        queryset=Instance.objects.all(), method="on_instance", label="With a record of it."
    )
    requested_by = filters.CharFilter(field_name="requested_by__username", label="A user's name.")
    retry_of = filters.UUIDFilter(field_name="retry_of", label="The session that is run again.")
    since = MomentFilter(field_name="created_at", lookup_expr="gte")
    until = MomentFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = SyncSession
        fields = ("category", "trigger", "status", "schedule")

    def on_instance(
        self, sessions: "QuerySet[SyncSession]", name: str, value: Any
    ) -> "QuerySet[SyncSession]":
        records = SyncRecord.objects.filter(session=OuterRef("pk"), instance=value)
        return sessions.filter(Exists(records))
