from typing import Any

from auditlog.models import LogEntry
from rest_framework import serializers

from whalefall.audit.entries import ACTIONS, actor_of


class AuditLogSerializer(serializers.ModelSerializer[Any]):
    """``changes``: field → [before, after], or for tags and the like what was added or deleted."""

    at = serializers.DateTimeField(source="timestamp")
    actor = serializers.SerializerMethodField(help_text="The user's name; null: a worker.")
    origin = serializers.JSONField(source="additional_data")
    action = serializers.SerializerMethodField()
    object_type = serializers.CharField(source="content_type.model")
    object_id = serializers.CharField(source="object_pk")
    object_name = serializers.CharField(source="object_repr")
    request_id = serializers.CharField(source="cid", allow_null=True)
    address = serializers.CharField(source="remote_addr", allow_null=True)

    class Meta:
        model = LogEntry
        fields = (
            *("id", "at", "actor", "origin", "action", "object_type", "object_id"),
            *("object_name", "changes", "address", "request_id"),
        )
        read_only_fields = fields

    def get_actor(self, entry: Any) -> str | None:
        return actor_of(entry)

    def get_action(self, entry: Any) -> str:
        return ACTIONS[entry.action]
