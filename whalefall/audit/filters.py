# mypy: disallow-subclassing-any=False, warn-return-any=False

from auditlog.models import LogEntry
from django_filters import rest_framework as filters  # type: ignore[import-untyped]

from whalefall.audit.entries import ACTIONS
from whalefall.core.filters import MomentFilter


class AuditLogFilter(filters.FilterSet):
    actor = filters.CharFilter(field_name="additional_data__user", label="The user's name.")
    source = filters.ChoiceFilter(
        field_name="additional_data__source",
        choices=[(one, one) for one in ("api", "command", "console", "worker")],
    )
    action = filters.TypedChoiceFilter(
        choices=[(word, word) for word in ACTIONS.values()],
        coerce={word: number for number, word in ACTIONS.items()}.__getitem__,
    )
    object_type = filters.CharFilter(field_name="content_type__model")
    object_id = filters.CharFilter(field_name="object_pk")
    request_id = filters.CharFilter(field_name="cid")
    since = MomentFilter(field_name="timestamp", lookup_expr="gte")
    until = MomentFilter(field_name="timestamp", lookup_expr="lt")

    class Meta:
        model = LogEntry
        fields = ()
