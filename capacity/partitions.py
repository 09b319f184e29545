"""Which months of sizes there are, which should be, and whether all is well with them."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.utils import timezone

from capacity.models import DatabaseSize, InstanceSize
from capacity.querysets.partitions import Part, PartitionedQuerySet, month_after, month_of

MONTHS_AHEAD = 3


@dataclass(frozen=True, slots=True)
class TableStatus:
    """``missing_months`` by their first day; all None where the own database has no parts.

    ``oldest_on`` is the oldest measured day, None when nothing was ever measured.
    """

    table: str
    missing_months: list[date] | None
    default_rows: int | None
    has_next_month: bool | None
    oldest_on: date | None

    @property
    def is_healthy(self) -> bool:
        """No month is missing, and no row waits in the default part for its own."""
        return not self.missing_months and not self.default_rows


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """``first_kept_on``: days before are dropped; None when sizes are kept for ever."""

    is_partitioned: bool
    first_kept_on: date | None
    tables: list[TableStatus]

    @property
    def is_healthy(self) -> bool:
        """Also that nothing is left of months that should be dropped."""
        kept = self.first_kept_on
        return all(
            one.is_healthy and not (kept and one.oldest_on and one.oldest_on < kept)
            for one in self.tables
        )


def tables() -> tuple[PartitionedQuerySet[Any], ...]:
    """All rows of each table that is kept by month."""
    return DatabaseSize.objects.all(), InstanceSize.objects.all()


def wanted_months(today: date) -> list[date]:
    """The first days of the current month and the next ones, which should be there."""
    return [month_after(month_of(today), number) for number in range(MONTHS_AHEAD + 1)]


def months_back(today: date, months: int) -> date | None:
    """The first day of the month so many before that of ``today``; None for 0: keep for ever."""
    return month_after(month_of(today), -months) if months else None


def first_kept(today: date) -> date | None:
    """The first day of the oldest month whose sizes are kept; None: for ever."""
    return months_back(today, settings.SIZE_RETENTION_MONTHS)


def partitions() -> list[Part]:
    """The parts of all tables; none on a database without parts."""
    return [part for rows in tables() for part in rows.parts()]


def partition_status() -> PartitionStatus:
    today = timezone.localdate()
    return PartitionStatus(
        is_partitioned=all(rows.is_partitioned for rows in tables()),
        first_kept_on=first_kept(today),
        tables=[table_status(rows, today) for rows in tables()],
    )


def table_status(rows: PartitionedQuerySet[Any], today: date) -> TableStatus:
    table, oldest = rows.model._meta.db_table, rows.oldest_day()
    if not rows.is_partitioned:
        return TableStatus(table, None, None, None, oldest)
    months, wanted = rows.months(), wanted_months(today)
    return TableStatus(
        table=table,
        missing_months=[month for month in wanted if month not in months],
        default_rows=rows.stray_rows(),
        has_next_month=wanted[1] in months,
        oldest_on=oldest,
    )
