"""How long sizes take to be summed up, beside an INSERT … SELECT written by hand.

    .venv/bin/python -m benchmarks.aggregation [growth]

Fills a throwaway PostgreSQL with 100 instances × 50 databases × 120 days (600,000 measurements) in
monthly partitions. For each period: the seconds to sum its last spans (15 at most) up through
``DatabaseAggregateQuerySet.compute``, and by hand, with the same rows as the result; the best of
three each. Aim: at most 1.5 × by hand. ``growth``: then the run that follows one more day of
measurements, at 600,000 and at 6,000,000 rows. Aim: the same time, for only touched periods are
read. (The older rows' own aggregates are not made.)
"""

import os
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta

import django

os.environ["OWN_DATABASE"] = "postgresql"
os.environ.setdefault("LOG_LEVEL", "ERROR")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.core.management import call_command  # noqa: E402 -- Django must be set up first
from django.db import connection, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from capacity.aggregate import Aggregation, aggregate_now  # noqa: E402
from capacity.models import DatabaseAggregate, StalePeriod  # noqa: E402
from capacity.periods import PERIODS, Span, spans_between, spans_of  # noqa: E402

INSTANCES, DATABASES, DAYS = 100, 50, 120
MOST_SPANS = 15
AIM = 1.5

INVENTORY = f"""
INSERT INTO instances_credential (name, username, password, description, is_active)
VALUES ('benchmark', 'whalefall', '', '', true);
INSERT INTO instances_instance (name, engine, host, port, service_name, credential_id, tls_mode,
    tls_ca, environment, version, is_active, last_error)
SELECT 'server-' || n, 'postgresql', 'server-' || n, 5432, '', credential.id, 'prefer', '', '', '',
    true, ''
FROM generate_series(1, {INSTANCES}) n, instances_credential credential;
INSERT INTO instances_database (instance_id, name, is_system, first_seen_at)
SELECT instance.id, 'database-' || n, false, now()
FROM instances_instance instance, generate_series(1, {DATABASES}) n;
"""

MEASURE = """
INSERT INTO capacity_databasesize (database_id, measured_on, measured_at, total_bytes)
SELECT database.id, day::date, day,
    1000000000 + mod(database.id * (day::date - '2000-01-01'), 99991)
FROM generate_series(%(first)s::date, %(last)s::date, '1 day') day, instances_database database;
"""
MEASURE_INSTANCES = """
INSERT INTO capacity_instancesize (instance_id, measured_on, measured_at, total_bytes,
    database_count, unmeasured_count, is_suspect)
SELECT database.instance_id, measured_on, max(measured_at), sum(total_bytes), count(*), 0, false
FROM capacity_databasesize size JOIN instances_database database ON database.id = size.database_id
WHERE measured_on BETWEEN %(first)s AND %(last)s
GROUP BY 1, 2;
"""

# As somebody would who knows the period and nothing of our tables' other uses.
BY_HAND = """
INSERT INTO by_hand (database_id, period, period_start, period_end, avg_bytes, min_bytes, max_bytes,
    first_bytes, last_bytes, samples, expected_samples, is_partial, previous_avg_bytes,
    change_bytes, change_percent, computed_at)
SELECT now.database_id, %(period)s, %(start)s, %(end)s, now.average, now.least, now.most,
    first.total_bytes, last.total_bytes, now.samples, %(days)s, false, before.avg_bytes,
    now.average - before.avg_bytes,
    (now.average - before.avg_bytes)::float8 * 100 / nullif(before.avg_bytes, 0)::float8, %(at)s
FROM (
    SELECT database_id, round(avg(total_bytes))::bigint AS average, min(total_bytes) AS least,
        max(total_bytes) AS most, count(*) AS samples, min(measured_on) AS first_on,
        max(measured_on) AS last_on
    FROM capacity_databasesize WHERE measured_on BETWEEN %(start)s AND %(end)s GROUP BY database_id
) now
JOIN capacity_databasesize first
    ON first.database_id = now.database_id AND first.measured_on = now.first_on
    AND first.measured_on BETWEEN %(start)s AND %(end)s
JOIN capacity_databasesize last
    ON last.database_id = now.database_id AND last.measured_on = now.last_on
    AND last.measured_on BETWEEN %(start)s AND %(end)s
LEFT JOIN by_hand before ON before.database_id = now.database_id AND before.period = %(period)s
    AND before.period_start = %(before)s
ON CONFLICT (database_id, period, period_start) DO UPDATE SET
    avg_bytes = excluded.avg_bytes, min_bytes = excluded.min_bytes, max_bytes = excluded.max_bytes,
    first_bytes = excluded.first_bytes, last_bytes = excluded.last_bytes,
    samples = excluded.samples, previous_avg_bytes = excluded.previous_avg_bytes,
    change_bytes = excluded.change_bytes, change_percent = excluded.change_percent,
    computed_at = excluded.computed_at
"""
SAME = [
    *(
        [
            "database_id",
            "period",
            "period_start",
            "period_end",
            "avg_bytes",
            "min_bytes",
            "max_bytes",
        ]
    ),
    *(["first_bytes", "last_bytes", "samples", "expected_samples", "is_partial"]),
    *(["previous_avg_bytes", "change_bytes", "change_percent"]),
]


def execute(statement: str, **params: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, params or None)


def measure(first: date, last: date) -> None:
    """Fill ``first`` to ``last``, each month in its partition."""
    for month in spans_between("monthly", first, last):
        for table in ("capacity_databasesize", "capacity_instancesize"):
            execute(
                f"CREATE TABLE IF NOT EXISTS {table}_{month.start:%Y%m} PARTITION OF {table} "
                f"FOR VALUES FROM ('{month.start}') TO ('{month.next.start}')"
            )
    execute(MEASURE, first=first, last=last)
    execute(MEASURE_INSTANCES, first=first, last=last)
    execute("VACUUM ANALYZE")


def seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    with transaction.atomic():
        act()
    return time.perf_counter() - began


def by_hand(spans: list[Span]) -> None:
    for span in spans:
        execute(
            BY_HAND,
            period=span.period,
            start=span.start,
            end=span.end,
            days=span.days,
            before=span.previous.start,
            at=timezone.now(),
        )


def by_us(spans: list[Span], today: date) -> None:
    for span in spans:
        DatabaseAggregate.objects.compute(span, None, today=today, at=timezone.now())


def differences() -> int:
    columns = ", ".join(SAME)
    ours, hand = (f"SELECT {columns} FROM {t}" for t in ("capacity_databaseaggregate", "by_hand"))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM (({ours} EXCEPT {hand}) UNION ALL ({hand} EXCEPT {ours})) other"
        )
        return int(cursor.fetchone()[0])


def compare_with_hand(first: date, last: date) -> None:
    execute("CREATE TABLE by_hand (LIKE capacity_databaseaggregate INCLUDING ALL)")
    print(f"{INSTANCES * DATABASES * DAYS:,} measurements, best of three")
    for period in PERIODS:
        spans = list(spans_between(period, first, last))[-MOST_SPANS:]
        ours, hand = [], []
        for _ in range(3):
            execute("TRUNCATE capacity_databaseaggregate, by_hand")
            hand.append(seconds(lambda spans=spans: by_hand(spans)))
            ours.append(seconds(lambda spans=spans: by_us(spans, last + timedelta(days=100))))
        ratio = min(ours) / min(hand)
        print(
            f"  {period:10}{min(ours):7.2f} s, by hand {min(hand):7.2f} s: {ratio:.2f} × "
            f"(aim ≤ {AIM}), {DatabaseAggregate.objects.count():,} rows, "
            f"{differences()} of them differ"
        )


def measure_growth(today: date) -> None:
    """The run after one day of measurements, before and after there are ten times as many."""
    execute("TRUNCATE capacity_databaseaggregate, capacity_instanceaggregate")
    run(today)
    few = min(run(today) for _ in range(3))
    first = today - timedelta(days=DAYS)
    measure(today - timedelta(days=10 * DAYS - 1), first)
    many = min(run(today) for _ in range(3))
    print(
        f"one more day, {INSTANCES * DATABASES:,} measurements: {few:.2f} s among "
        f"{INSTANCES * DATABASES * DAYS:,}, {many:.2f} s among "
        f"{10 * INSTANCES * DATABASES * DAYS:,}: {many / few:.2f} × (aim: the same)"
    )


def run(day: date) -> float:
    """Seconds of what the schedule does when every instance was measured on ``day``."""
    for span in spans_of(day):
        StalePeriod.objects.mark_all(span, day, day, at=timezone.now())
    began = time.perf_counter()
    session = aggregate_now(Aggregation(), trigger="command")
    assert session.status == "completed", session.status
    return time.perf_counter() - began


def main(wanted: list[str]) -> None:
    call_command("migrate", verbosity=0)
    today = timezone.localdate()
    first = today - timedelta(days=DAYS - 1)
    execute(INVENTORY)
    measure(first, today)
    compare_with_hand(first, today)
    if "growth" in wanted:
        measure_growth(today)


if __name__ == "__main__":
    main(sys.argv[1:])
