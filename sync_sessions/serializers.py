from typing import Any

from rest_framework import serializers

from instances.serializers import InstanceNameSerializer
from sync_sessions.cron import LONGEST
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
            *("started_at", "finished_at", "cancel_requested_at", "schedule", "retry_of"),
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


class LastRunSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    outcome = serializers.ChoiceField(
        choices=SyncSession.Status.choices,
        help_text="A session's status; completed or failed for what keeps no session.",
    )
    session_id = serializers.UUIDField(allow_null=True)


class JobSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(read_only=True)
    title = serializers.CharField(read_only=True)
    cron = serializers.CharField(
        max_length=LONGEST, help_text="Minute, hour, day, month, day of the week, in TIME_ZONE."
    )
    explanation = serializers.CharField(read_only=True, help_text="The expression in words.")
    paused = serializers.BooleanField(read_only=True)
    running = serializers.BooleanField(
        read_only=True,
        allow_null=True,
        help_text="null for what is done in a moment and keeps no session.",
    )
    overdue = serializers.BooleanField(read_only=True)
    problem = serializers.CharField(
        read_only=True, help_text="Why the expression runs nothing; empty: it does."
    )
    last_run = LastRunSerializer(read_only=True, allow_null=True)
    next_runs = serializers.ListField(
        read_only=True,
        child=serializers.DateTimeField(),
        help_text="In TIME_ZONE; none while it is paused.",
    )


class JobStartedSerializer(serializers.Serializer[Any]):
    session_id = serializers.UUIDField(
        allow_null=True, help_text="null for what is done already and keeps no session."
    )
