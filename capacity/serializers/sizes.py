from typing import Any

from rest_framework import serializers

from capacity.listing import SizeRow
from capacity.models import Period, TableSize
from capacity.summary import Summary
from instances.models import Database
from instances.serializers import InstanceNameSerializer


class DatabaseNameSerializer(serializers.ModelSerializer[Database]):
    class Meta:
        model = Database
        fields = ("id", "name", "is_system", "removed_at")
        read_only_fields = fields


class PeriodDate(serializers.DateField):
    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(source=f"aggregate.{name}", allow_null=True, **options)


class PeriodNumber(serializers.IntegerField):
    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(source=f"aggregate.{name}", allow_null=True, **options)


class SizeSerializer(serializers.Serializer[SizeRow]):
    """One period of a database or instance; without an aggregate everything about it is NULL.

    ``change_*`` are NULL without a whole period before, and while the period is partial.
    ``measured_on`` is the day of the newest measurement of all, NULL if there never was one.
    """

    instance = InstanceNameSerializer()  # type: ignore[assignment]
    measured_on = serializers.DateField(allow_null=True)
    period = serializers.ChoiceField(
        source="aggregate.period", choices=Period.choices, allow_null=True
    )
    period_start = PeriodDate("period_start")
    period_end = PeriodDate("period_end")
    is_partial = serializers.BooleanField(source="aggregate.is_partial", allow_null=True)
    is_simulated = serializers.BooleanField(help_text="Days of the period were invented.")
    samples = PeriodNumber("samples")
    expected_samples = PeriodNumber("expected_samples")
    avg_bytes = PeriodNumber("avg_bytes")
    min_bytes = PeriodNumber("min_bytes")
    max_bytes = PeriodNumber("max_bytes")
    first_bytes = PeriodNumber("first_bytes")
    last_bytes = PeriodNumber("last_bytes")
    previous_avg_bytes = PeriodNumber("previous_avg_bytes")
    change_bytes = PeriodNumber("change_bytes")
    change_percent = serializers.FloatField(source="aggregate.change_percent", allow_null=True)
    computed_at = serializers.DateTimeField(source="aggregate.computed_at", allow_null=True)


class DatabaseSizeSerializer(SizeSerializer):
    database = DatabaseNameSerializer(source="owner")


class InstanceSizeSerializer(SizeSerializer):
    """``limit_bytes``: what was set by hand, or else what the server tells.

    ``database_count`` and ``unmeasured_count`` are of the period's last day, ``is_suspect`` of any
    of its days: the total was less than half of that before. NULL: not kept any more.
    """

    limit_bytes = serializers.IntegerField(allow_null=True)
    database_count = PeriodNumber("database_count")
    unmeasured_count = PeriodNumber("unmeasured_count")
    is_suspect = serializers.BooleanField(source="aggregate.is_suspect", allow_null=True)


class SummarySerializer(serializers.Serializer[Summary]):
    """``is_complete``: nothing stale, unmeasured or suspect; the total is "at least" without it."""

    count = serializers.IntegerField()
    measured = serializers.IntegerField()
    stale = serializers.IntegerField()
    unmeasured = serializers.IntegerField()
    suspect = serializers.IntegerField()
    compared = serializers.IntegerField()
    is_complete = serializers.BooleanField()
    total_bytes = serializers.IntegerField(allow_null=True)
    change_bytes = serializers.IntegerField(allow_null=True)
    change_percent = serializers.FloatField(allow_null=True)


class DatabaseSummarySerializer(SummarySerializer):
    biggest = DatabaseSizeSerializer(many=True)
    fastest_growing = DatabaseSizeSerializer(many=True)


class InstanceSummarySerializer(SummarySerializer):
    biggest = InstanceSizeSerializer(many=True)
    fastest_growing = InstanceSizeSerializer(many=True)


class TableSizeSerializer(serializers.ModelSerializer[TableSize]):
    """A table's size from ``valid_from`` to ``valid_to``, the first day it was different or gone.

    ``read_at`` is when its database's tables were last read: an open row was true then.
    """

    instance = InstanceNameSerializer(source="database.instance")  # type: ignore[assignment]
    database = DatabaseNameSerializer()
    read_at = serializers.DateTimeField(allow_null=True)

    class Meta:
        model = TableSize
        fields = (
            *("id", "instance", "database", "schema", "name", "total_bytes", "data_bytes"),
            *("index_bytes", "estimated_rows", "valid_from", "valid_to", "read_at"),
        )
        read_only_fields = fields
