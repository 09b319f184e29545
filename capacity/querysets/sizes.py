"""Daily sizes of databases and instances; and the writes of those tables."""

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING, Self

from capacity.querysets.partitions import PartitionedQuerySet

if TYPE_CHECKING:
    from capacity.models import DatabaseSize, InstanceSize

BATCH = 500


class DatabaseSizeQuerySet(PartitionedQuerySet["DatabaseSize"]):
    def up_to(self, day: date) -> Self:
        """Those of ``day`` and before, the newest first."""
        return self.filter(measured_on__lte=day).order_by("-measured_on")

    def forget(self, *, before: date) -> int:
        """Delete what was measured before a day; how many rows."""
        return self.filter(measured_on__lt=before).delete()[0]

    def record(self, sizes: Iterable["DatabaseSize"]) -> None:
        """Store ``sizes``; each replaces what its database had on that day."""
        self.bulk_create(
            sizes,
            update_conflicts=True,
            unique_fields=["database", "measured_on"],
            update_fields=[
                *("measured_at", "total_bytes", "data_bytes", "index_bytes", "log_bytes"),
            ],
            batch_size=BATCH,
        )


class InstanceSizeQuerySet(PartitionedQuerySet["InstanceSize"]):
    def before(self, instance: int, *, on: date) -> "InstanceSize | None":
        """The size of the last measured day before ``on``; None if there is none."""
        earlier = self.filter(instance=instance, measured_on__lt=on)
        return earlier.order_by("-measured_on").first()

    def forget(self, *, before: date) -> int:
        """Delete what was measured before a day; how many rows."""
        return self.filter(measured_on__lt=before).delete()[0]

    def record(self, size: "InstanceSize") -> None:
        """Store ``size``, in the place of what the instance had on that day."""
        self.bulk_create(
            [size],
            update_conflicts=True,
            unique_fields=["instance", "measured_on"],
            update_fields=[
                *("measured_at", "total_bytes", "log_bytes", "limit_bytes"),
                *("database_count", "unmeasured_count", "is_suspect"),
            ],
        )
