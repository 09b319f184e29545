"""Measure how big servers are: their databases, and their tables when asked to."""

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from capacity.aggregate import refresh_after
from capacity.models import InstanceSize, StalePeriod
from capacity.sizes import store_sizes
from capacity.spool import TableSpool
from capacity.tables import store_tables
from instances.coverage import section_rows
from instances.engines.base import Engine
from instances.engines.base import Section as ReadSection
from instances.engines.sizes import SizesReading
from instances.inventory import Inventory, take_inventory
from instances.models import Instance, Section
from sync_sessions.inline import run_inline
from sync_sessions.launch import launch, open_session
from sync_sessions.models import SyncRecord, SyncSession
from sync_sessions.outcomes import LeaseLost, Outcome
from sync_sessions.run import WRITE_LEASE, Work
from whalefall.core.fallbacks import FallbackReason, log_fallback

if TYPE_CHECKING:
    from whalefall.users.models import User

TASK = "capacity.tasks.collect_capacity_for_records"
TABLES_TASK = "capacity.tasks.collect_tables_for_records"
# The tables' sections are a category of their own: a run without tables must not forget them.
TABLES = "tables"


@dataclass(frozen=True, slots=True)
class Collected:
    """What a server told, and when that was; ``tables`` is None where nobody asked for them."""

    sizes: SizesReading
    read_at: datetime
    tables: TableSpool | None = None


def launch_collection(
    instances: Iterable[Instance],
    *,
    with_tables: bool = False,
    trigger: str,
    requested_by: "User | None" = None,
) -> SyncSession:
    """Have the workers measure ``instances``."""
    return launch(
        SyncSession.Category.CAPACITY,
        TABLES_TASK if with_tables else TASK,
        instances,
        trigger=trigger,
        requested_by=requested_by,
    )


def collect_now(
    instances: Iterable[Instance],
    *,
    with_tables: bool = False,
    trigger: str,
    requested_by: "User | None" = None,
    settled: Callable[[SyncRecord], None] = lambda _record: None,
) -> SyncSession:
    """Measure ``instances`` in this process, then refresh today's aggregates; the session.

    Must not be called inside a transaction. Ctrl-C cancels the session.
    """
    session = open_session(
        SyncSession.Category.CAPACITY,
        TABLES_TASK if with_tables else TASK,
        instances,
        trigger=trigger,
        requested_by=requested_by,
    )
    work = TABLES_COLLECTION if with_tables else COLLECTION
    session = run_inline(session, work, settled=settled)
    refresh_after(session)
    return session


def read_sizes(engine: Engine) -> Collected:
    return Collected(engine.read_sizes(), timezone.now())


def read_with_tables(engine: Engine) -> Collected:
    sizes, read_at = engine.read_sizes(), timezone.now()
    return Collected(sizes, read_at, TableSpool.of(engine.stream_tables()))


def write_collection(record: SyncRecord, collected: Collected) -> Outcome:
    """Store what was measured on the record's instance, in one transaction.

    It counts for the business day of its reading. Raises LeaseLost when another worker has taken
    the record over.
    """
    with collected.tables or nullcontext(), transaction.atomic(durable=True):
        if not SyncRecord.objects.hold(record, lease_until=timezone.now() + WRITE_LEASE):
            raise LeaseLost("Another worker has taken this record over.")
        assert record.instance_id is not None  # a collection is always about one server
        instance = Instance.objects.lock(record.instance_id)
        return store(instance, collected, session=record.session_id)


def store(instance: Instance, collected: Collected, *, session: UUID) -> Outcome:
    reading, read_at = collected.sizes, collected.read_at
    day = timezone.localdate(read_at)
    inventory = take_inventory(
        instance,
        reading.databases,
        version=reading.version,
        is_known=any(one.name == "databases" and one.is_complete for one in reading.sections),
        session=session,
        at=read_at,
    )
    size = store_sizes(instance, inventory, reading, on=day, at=read_at)
    sections, counts = list(reading.sections), sums(inventory, size)
    store_sections(instance, SyncSession.Category.CAPACITY, sections, at=read_at)
    if collected.tables is not None:
        told, tables = store_tables(instance, inventory.rows, collected.tables, on=day)
        store_sections(instance, TABLES, told, at=read_at)
        sections, counts = [*sections, *told], counts | tables
    Instance.objects.was_reached(instance.pk, at=read_at)
    if size is not None:
        StalePeriod.objects.mark(instance.pk, [day], at=timezone.now())
    return outcome(sections, counts)


def sums(inventory: Inventory, size: InstanceSize | None) -> dict[str, int]:
    if size is None:
        return {**inventory.counts, "unmeasured": len(inventory.present)}
    return {
        **inventory.counts,
        "unmeasured": size.unmeasured_count,
        "total_bytes": size.total_bytes,
        "suspect": int(size.is_suspect),
    }


def store_sections(
    instance: Instance, category: str, sections: Iterable[ReadSection], *, at: datetime
) -> None:
    Section.objects.record(section_rows(instance.pk, category, sections, read_at=at))


def outcome(sections: list[ReadSection], counts: dict[str, int]) -> Outcome:
    """``counts`` with those of the sections; the coverage is known sections / all."""
    unknown = [one for one in sections if not one.is_complete]
    if unknown:
        log_fallback(
            "sections_unknown",
            FallbackReason.SECTION_UNKNOWN,
            sections=sorted(f"{one.name} {one.database}".strip() for one in unknown),
        )
    numbers = {"sections": len(sections), "unknown_sections": len(unknown)}
    return Outcome(counts | numbers, (len(sections) - len(unknown)) / len(sections))


COLLECTION = Work(read=read_sizes, write=write_collection)
TABLES_COLLECTION = Work(read=read_with_tables, write=write_collection)
