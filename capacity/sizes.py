"""Daily sizes of databases, and of their instance, from a reading."""

from datetime import date, datetime

import structlog
from django.db.models import OuterRef, Subquery

from capacity.models import DatabaseSize, InstanceSize
from instances.engines.sizes import SizesReading
from instances.inventory import Inventory
from instances.models import Database, Instance

log = structlog.get_logger(__name__)


def store_sizes(
    instance: Instance, inventory: Inventory, reading: SizesReading, *, on: date, at: datetime
) -> InstanceSize | None:
    """Store what was measured at ``at``, the business day ``on``; the instance's size of that day.

    None, and nothing is stored of the instance, while no database of it was ever measured. Call
    inside a transaction.
    """
    DatabaseSize.objects.record(
        DatabaseSize(
            database=inventory.rows[one.name],
            measured_on=on,
            measured_at=at,
            total_bytes=one.total_bytes,
            data_bytes=one.data_bytes,
            index_bytes=one.index_bytes,
            log_bytes=one.log_bytes,
        )
        for one in reading.databases
        if one.total_bytes is not None and one.name in inventory.rows
    )
    measured, last_known = known_totals(instance, inventory.present, on=on)
    if not measured and not last_known:
        return None
    size = InstanceSize(
        instance=instance,
        measured_on=on,
        measured_at=at,
        total_bytes=sum(measured.values()) + sum(last_known.values()),
        log_bytes=reading.log_bytes,
        limit_bytes=reading.limit_bytes,
        database_count=len(inventory.present),
        unmeasured_count=len(inventory.present) - len(measured),
    )
    size.is_suspect = is_suspect(size)
    InstanceSize.objects.record(size)
    return size


def known_totals(
    instance: Instance, present: set[int], *, on: date
) -> tuple[dict[int, int], dict[int, int]]:
    """Bytes by database, of those ``present``: measured on that day, and last known before it."""
    rows = DatabaseSize.objects.filter(database__instance=instance, measured_on=on)
    totals = rows.values_list("database_id", "total_bytes")
    measured = {database: total for database, total in totals if database in present}
    if len(measured) == len(present):
        return measured, {}
    # One step into the index per database; a grouped maximum would read their whole history.
    last = DatabaseSize.objects.up_to(on).filter(database=OuterRef("pk"))
    known = Database.objects.present().filter(instance=instance)
    known_rows = known.annotate(last=Subquery(last.values("total_bytes")[:1]))
    pairs = known_rows.values_list("pk", "last")
    return measured, {
        database: total
        for database, total in pairs
        if database in present and database not in measured and total is not None
    }


def is_suspect(size: InstanceSize) -> bool:
    """Whether more than half of the instance's bytes are gone since the last measured day."""
    before = InstanceSize.objects.before(size.instance_id, on=size.measured_on)
    if before is None or 2 * size.total_bytes >= before.total_bytes:
        return False
    log.warning(
        "size_dropped",
        total_bytes=size.total_bytes,
        before_bytes=before.total_bytes,
        before_on=before.measured_on.isoformat(),
    )
    return True
