"""Sizes without servers, and what their aggregates must be: computed by duckdb, from the rows."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

import duckdb
from django.utils import timezone

from capacity.aggregate import Aggregation, aggregate_now
from capacity.models import (
    DatabaseAggregate,
    DatabaseSize,
    InstanceAggregate,
    InstanceSize,
    StalePeriod,
)
from instances.models import Database
from sync_sessions.models import SyncRecord
from tests.capacity.clock import clock_at, noon

FIELDS = (
    *("period", "period_start", "period_end", "avg_bytes", "min_bytes", "max_bytes"),
    *("first_bytes", "last_bytes", "samples", "expected_samples", "is_partial"),
    *("previous_avg_bytes", "change_bytes", "change_percent"),
)
Rows = list[tuple[Any, ...]]

# Every average is compared with that of the row just before, if that is of the period just before.
ORACLE = """
WITH units(period, unit, length) AS (VALUES
    ('daily', 'day', INTERVAL 1 DAY), ('weekly', 'week', INTERVAL 7 DAY),
    ('monthly', 'month', INTERVAL 1 MONTH), ('quarterly', 'quarter', INTERVAL 3 MONTH)
), placed AS (
    SELECT owner, on_day, bytes, period, date_trunc(unit, on_day)::DATE AS period_start,
        (date_trunc(unit, on_day) + length)::DATE AS next_start
    FROM sizes, units
), summed AS (
    SELECT owner, period, period_start, next_start, next_start - 1 AS period_end,
        (sum(bytes)::HUGEINT * 2 + count(*)) // (2 * count(*)) AS average,
        min(bytes) AS least, max(bytes) AS most,
        arg_min(bytes, on_day) AS earliest, arg_max(bytes, on_day) AS latest,
        count(*) AS samples, next_start - period_start AS expected,
        next_start > $today AND count(*) < next_start - period_start AS is_partial
    FROM placed GROUP BY owner, period, period_start, next_start
), compared AS (
    SELECT *, CASE WHEN lag(next_start) OVER past = period_start
        THEN lag(average) OVER past END AS before
    FROM summed WINDOW past AS (PARTITION BY owner, period ORDER BY period_start)
)
SELECT owner, period, period_start, period_end, average::BIGINT, least, most, earliest, latest,
    samples, expected, is_partial, before::BIGINT,
    CASE WHEN NOT is_partial THEN (average - before)::BIGINT END,
    CASE WHEN NOT is_partial AND before <> 0
        THEN (average - before)::DOUBLE * 100 / before::DOUBLE END
FROM compared ORDER BY ALL
"""


def oracle(sizes: Iterable[tuple[int, date, int]], today: date) -> Rows:
    with duckdb.connect() as memory:
        memory.execute("CREATE TABLE sizes (owner BIGINT, on_day DATE, bytes BIGINT)")
        columns = [list(column) for column in zip(*sizes, strict=True)] or [[], [], []]
        memory.execute("INSERT INTO sizes SELECT unnest(?), unnest(?), unnest(?)", columns)
        return memory.execute(ORACLE, {"today": today}).fetchall()


def expected(today: date) -> tuple[Rows, Rows]:
    """What the two tables must hold: of databases, and of instances."""
    databases = DatabaseSize.objects.values_list("database_id", "measured_on", "total_bytes")
    instances = InstanceSize.objects.values_list("instance_id", "measured_on", "total_bytes")
    return oracle(databases, today), oracle(instances, today)


def stored() -> tuple[Rows, Rows]:
    databases = DatabaseAggregate.objects.values_list("database_id", *FIELDS)
    instances = InstanceAggregate.objects.values_list("instance_id", *FIELDS)
    order = ("period", "period_start")
    return (
        list(databases.order_by("database_id", *order)),
        list(instances.order_by("instance_id", *order)),
    )


def measure(databases: Sequence[Database], sizes: dict[int, int], on: date) -> None:
    """Store ``sizes`` (by position) of an instance's databases on a day, as a collection does."""
    at, instance = timezone.now(), databases[0].instance
    DatabaseSize.objects.record(
        DatabaseSize(database=databases[which], measured_on=on, measured_at=at, total_bytes=total)
        for which, total in sizes.items()
    )
    total = sum(
        DatabaseSize.objects.filter(database__instance=instance, measured_on=on).values_list(
            "total_bytes", flat=True
        )
    )
    InstanceSize.objects.record(
        InstanceSize(
            instance=instance,
            measured_on=on,
            measured_at=at,
            total_bytes=total,
            database_count=len(databases),
            unmeasured_count=0,
        )
    )
    StalePeriod.objects.mark(instance.pk, [on], at=at)


def aggregate(today: date | datetime, **wanted: Any) -> SyncRecord:
    """Run an aggregation on that day; its record."""
    moment = today if isinstance(today, datetime) else noon(today)
    with clock_at(moment):
        session = aggregate_now(Aggregation(**wanted), trigger="command")
    return session.records.get()
