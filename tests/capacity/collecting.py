"""Short words for what the tests of a collection do and look at."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from capacity.collect import COLLECTION, TABLES_COLLECTION, TASK
from capacity.models import DatabaseSize, InstanceSize, TableSize
from instances.models import Database, Instance
from sync_sessions.inline import run_inline
from sync_sessions.launch import open_session
from sync_sessions.models import SyncRecord
from tests.capacity.clock import START, clock_at, noon


def collect(
    instance: Instance, on: date = START, *, minutes: int = 0, with_tables: bool = False
) -> SyncRecord:
    """Measure ``instance`` around noon of a day, as a worker does; the record of that."""
    with clock_at(noon(on, minutes)):
        session = open_session("capacity", TASK, [instance], trigger="command")
        run_inline(session, TABLES_COLLECTION if with_tables else COLLECTION)
    return session.records.get()


def databases(instance: Instance) -> list[tuple[Any, ...]]:
    """Name, native id and whether it is gone, in the order in which they were first seen."""
    rows = Database.objects.filter(instance=instance).order_by("pk")
    return [(row.name, row.native_id, row.removed_at is not None) for row in rows]


def totals(instance: Instance) -> list[tuple[str, str, int]]:
    """Database, day and bytes."""
    rows = DatabaseSize.objects.filter(database__instance=instance).order_by(
        "database_id", "measured_on"
    )
    return [(row.database.name, f"{row.measured_on:%d}", row.total_bytes) for row in rows]


def instance_sizes(instance: Instance, *fields: str) -> list[tuple[Any, ...]]:
    rows = InstanceSize.objects.filter(instance=instance).order_by("measured_on")
    return list(rows.values_list(*(fields or ("total_bytes",))))


def edges(instance: Instance) -> list[tuple[Any, ...]]:
    """Table, bytes, since, until (days of the month; None: still)."""
    rows: Iterable[TableSize] = TableSize.objects.filter(database__instance=instance)
    return sorted(
        (
            f"{row.database.name}.{row}",
            row.valid_from.day,
            row.valid_to.day if row.valid_to else None,
            row.total_bytes,
        )
        for row in rows
    )
