"""Keep the months of measured sizes: make those to come, drop those nobody wants any more.

Each month is made or dropped in a transaction of its own, so that a run that is cut off leaves
whole months behind, and the next one goes on where it ended.
"""

import time
from collections import Counter
from collections.abc import Callable
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import structlog
from django.conf import settings
from django.db import OperationalError
from django.utils import timezone

from capacity.partitions import first_kept, tables, wanted_months
from capacity.querysets.partitions import PartitionedQuerySet, month_of
from sync_sessions.fleet import launch_for_fleet, run_fleet_record, run_for_fleet, step
from sync_sessions.models import SyncRecord, SyncSession
from sync_sessions.outcomes import Outcome
from whalefall.core.errors import WhalefallError

if TYPE_CHECKING:
    from whalefall.users.models import User

log = structlog.get_logger(__name__)

TASK = "capacity.tasks.maintain_for_record"
RETENTION_TASK = "capacity.tasks.drop_old_for_record"
LOCK_NOT_AVAILABLE = "55P03"
PAUSE_SECONDS = 0.01

Result = TypeVar("Result")
Table = PartitionedQuerySet[Any]


class PartitionLocked(WhalefallError):
    """Others kept using a table for as long as we tried to change its parts. Nothing is lost."""

    code = "PARTITION_LOCKED"
    http_status = 409
    category = "conflict"
    suggestions = ("Wait for the next run, or run it when nothing is measured.",)


def launch_maintenance(*, trigger: str, requested_by: "User | None" = None) -> SyncSession:
    """Have the workers make the months to come and drop the old ones."""
    category = SyncSession.Category.PARTITIONS
    return launch_for_fleet(category, TASK, trigger=trigger, requested_by=requested_by)


def launch_retention(*, trigger: str, requested_by: "User | None" = None) -> SyncSession:
    """Have the workers drop the old months, and nothing else."""
    category = SyncSession.Category.PARTITIONS
    return launch_for_fleet(category, RETENTION_TASK, trigger=trigger, requested_by=requested_by)


def maintain_now(*, trigger: str, requested_by: "User | None" = None) -> SyncSession:
    """Maintain in this process; the finished session. Not inside a transaction.

    Raises PartitionLocked and AlreadyRunning, which its record has too.
    """
    category = SyncSession.Category.PARTITIONS
    return run_for_fleet(category, TASK, maintain, trigger=trigger, requested_by=requested_by)


def run_maintenance(session_id: UUID) -> None:
    run_fleet_record(session_id, maintain)


def run_retention(session_id: UUID) -> None:
    run_fleet_record(session_id, apply_retention)


def maintain(record: SyncRecord) -> Outcome:
    """Drop the months past their time, then make the wanted ones and those of stray rows.

    Counts: ``dropped`` and ``created`` months of either table, ``deleted`` rows that had no month
    of their own to be dropped with, ``moved`` rows of the default parts.
    """
    counts = dropped_and_deleted(record)
    for rows in tables():
        counts += make_months(record, rows)
    return Outcome({name: counts[name] for name in ("created", "moved", "dropped", "deleted")})


def apply_retention(record: SyncRecord) -> Outcome:
    """Drop the months past their time."""
    counts = dropped_and_deleted(record)
    return Outcome({name: counts[name] for name in ("dropped", "deleted")})


def dropped_and_deleted(record: SyncRecord) -> "Counter[str]":
    counts: Counter[str] = Counter()
    kept = first_kept(timezone.localdate())
    if kept is not None:
        for rows in tables():
            counts["dropped"] += drop_months(record, rows, before=kept)
            counts["deleted"] += delete_rows(record, rows, before=kept)
    return counts


def drop_months(record: SyncRecord, rows: Table, *, before: date) -> int:
    dropped = 0
    for month in sorted(month for month in rows.months() if month < before):
        if when_unlocked(record, partial(rows.drop_month, month)):
            dropped += 1
            log.info("month_dropped", table=rows.model._meta.db_table, month=f"{month:%Y-%m}")
    return dropped


def delete_rows(record: SyncRecord, rows: Table, *, before: date) -> int:
    """Delete what has no part of its own: all on SQLite, strays on PostgreSQL."""
    deleted = 0
    while (oldest := rows.oldest_day()) is not None and oldest < before:
        with step(record):
            deleted += rows.forget_month(month_of(oldest))
    return deleted


def make_months(record: SyncRecord, rows: Table) -> "Counter[str]":
    """Make the wanted months, and those of rows that came when theirs was not there."""
    counts: Counter[str] = Counter()
    if not rows.is_partitioned:
        return counts
    wanted = {*wanted_months(timezone.localdate()), *rows.stray_months()}
    for month in sorted(wanted - rows.months()):
        moved = when_unlocked(record, partial(rows.make_month, month))
        if moved is not None:
            counts += Counter(created=1, moved=moved)
            log.info(
                "month_made",
                table=rows.model._meta.db_table,
                month=f"{month:%Y-%m}",
                moved=moved,
            )
    return counts


def when_unlocked(record: SyncRecord, change: Callable[[], Result]) -> Result:
    """What ``change`` returns, in a transaction of its own, begun again while a table is in use.

    Raises PartitionLocked after ``PARTITION_LOCK_SECONDS``.
    """
    deadline = time.monotonic() + settings.PARTITION_LOCK_SECONDS
    while True:
        try:
            with step(record):
                return change()
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") != LOCK_NOT_AVAILABLE:
                raise
            if time.monotonic() > deadline:
                raise PartitionLocked(
                    f"The tables of sizes were in use for {settings.PARTITION_LOCK_SECONDS} s. "
                    "Nothing is lost: measurements of a month without a part are kept in the "
                    "default one, and the next run moves them."
                ) from error
        time.sleep(PAUSE_SECONDS)
