from rest_framework import serializers

from capacity.partitions import PartitionStatus, TableStatus
from capacity.querysets.partitions import Part


class PartSerializer(serializers.Serializer[Part]):
    """A part of a table: the days from ``from`` to the one before ``to``.

    The default part has neither. ``rows`` is PostgreSQL's estimate, NULL before it has one.
    """

    name = serializers.CharField()
    table = serializers.CharField()
    to = serializers.DateField(source="end", allow_null=True)
    is_default = serializers.BooleanField()
    rows = serializers.IntegerField(allow_null=True)
    total_bytes = serializers.IntegerField(allow_null=True)

    def get_fields(self) -> dict[str, serializers.Field]:  # type: ignore[type-arg]
        """``from`` is a word of Python's."""
        return {
            **super().get_fields(),
            "from": serializers.DateField(source="start", allow_null=True),
        }


class TableStatusSerializer(serializers.Serializer[TableStatus]):
    table = serializers.CharField()
    is_healthy = serializers.BooleanField()
    missing_months = serializers.ListField(child=serializers.DateField(), allow_null=True)
    default_rows = serializers.IntegerField(allow_null=True)
    has_next_month = serializers.BooleanField(allow_null=True)
    oldest_on = serializers.DateField(allow_null=True)


class PartitionStatusSerializer(serializers.Serializer[PartitionStatus]):
    """Where the own database has no partitions (SQLite), what is about them is NULL."""

    is_partitioned = serializers.BooleanField()
    is_healthy = serializers.BooleanField()
    first_kept_on = serializers.DateField(allow_null=True)
    tables = TableStatusSerializer(many=True)
