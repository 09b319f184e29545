from typing import Any

from rest_framework import serializers

from instances.serializers import InstanceNameSerializer
from sync_sessions.models import SyncEvent, SyncRecord, SyncSession


class SyncSessionSerializer(serializers.ModelSerializer[SyncSession]):
    requested_by: Any = serializers.SlugRelatedField(
        slug_field="username", read_only=True, allow_null=True
    )
    total = serializers.IntegerField(read_only=True)
    completed = serializers.IntegerField(read_only=True)
    failed = serializers.IntegerField(read_only=True)
    cancelled = serializers.IntegerField(read_only=True)
    open = serializers.IntegerField(read_only=True)

    class Meta:
        model = SyncSession
        fields = (
            *("id", "category", "trigger", "status", "requested_by", "created_at"),
            *("started_at", "finished_at", "cancel_requested_at"),
            *("total", "completed", "failed", "cancelled", "open"),
        )
        read_only_fields = fields


class SyncRecordSerializer(serializers.ModelSerializer[SyncRecord]):
    instance = InstanceNameSerializer(  # type: ignore[assignment]
        read_only=True, allow_null=True
    )

    class Meta:
        model = SyncRecord
        fields = (
            *("id", "instance", "category", "status", "attempt", "started_at", "finished_at"),
            *("counts", "coverage", "error_code", "error_message", "timings"),
        )
        read_only_fields = fields


class SyncEventSerializer(serializers.ModelSerializer[SyncEvent]):
    class Meta:
        model = SyncEvent
        fields = ("id", "record", "level", "event", "fields", "at")
        read_only_fields = fields


class ErrorLogSerializer(SyncRecordSerializer):
    """A failed record with what was logged as a warning or worse while it ran."""

    events = SyncEventSerializer(many=True, read_only=True, source="complaints")

    class Meta(SyncRecordSerializer.Meta):
        fields = (  # type: ignore[assignment]
            *("id", "instance", "attempt", "started_at", "finished_at"),
            *("error_code", "error_message", "events"),
        )
        read_only_fields = fields  # type: ignore[assignment]


class SessionIdSerializer(serializers.Serializer[dict[str, str]]):
    session_id = serializers.UUIDField()


class SyncResultSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=["completed"])
    message = serializers.CharField()
    success = serializers.BooleanField()
    session_id = serializers.UUIDField()
    counts = serializers.DictField(child=serializers.IntegerField())


class SyncedSerializer(serializers.Serializer[Any]):
    result = SyncResultSerializer()
