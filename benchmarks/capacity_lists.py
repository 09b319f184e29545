"""How long the capacity lists take, with 5,000 databases and 400 days of daily aggregates.

    .venv/bin/python -m benchmarks.capacity_lists [requests]

Builds 100 instances × 50 databases × 400 days (2,000,000 daily aggregates, besides those of weeks,
months and quarters) in a throwaway PostgreSQL, asks each address 30 times through the whole stack
but the network, and prints the median and the 95th percentile. Limit: 300 ms.
"""

import os
import sys
import time
from datetime import timedelta
from statistics import quantiles

import django

os.environ["OWN_DATABASE"] = "postgresql"
os.environ.setdefault("LOG_LEVEL", "ERROR")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.core.management import call_command  # noqa: E402 -- Django must be set up first
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from instances.models import Instance  # noqa: E402
from tags.models import Tag  # noqa: E402
from whalefall.users.models import User  # noqa: E402

INSTANCES, DATABASES, DAYS = 100, 50, 400
LIMIT_MILLISECONDS = 300
MIB = 1 << 20

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

# A size grows by its own share of a MiB a day; one in a hundred was last measured a month ago.
SIZES = f"""
INSERT INTO capacity_databasesize (database_id, measured_on, measured_at, total_bytes)
SELECT database.id, day, day + interval '3 hours',
    {MIB}::bigint * ((database.id % 997 + 1) * 10 + database.id % 13 * (day - %(first)s))
FROM instances_database database,
    LATERAL (SELECT moment::date AS day
        FROM generate_series(%(first)s::date, %(today)s::date, '1 day') moment) days
WHERE database.id % 100 <> 0 OR day < %(today)s::date - 30;
INSERT INTO capacity_instancesize (instance_id, measured_on, measured_at, total_bytes,
    database_count, unmeasured_count, is_suspect)
SELECT database.instance_id, measured_on, max(measured_at), sum(total_bytes), {DATABASES}, 0, false
FROM capacity_databasesize size JOIN instances_database database ON database.id = size.database_id
GROUP BY 1, 2;
"""

AGGREGATES = """
INSERT INTO capacity_{level}aggregate ({level}_id, period, period_start, period_end, avg_bytes,
    min_bytes, max_bytes, first_bytes, last_bytes, samples, expected_samples, is_partial,
    previous_avg_bytes, change_bytes, change_percent, computed_at)
SELECT *, lag(average) OVER past, average - lag(average) OVER past,
    100.0 * (average - lag(average) OVER past) / lag(average) OVER past, now()
FROM (
    SELECT {level}_id, '{period}', date_trunc('{unit}', measured_on)::date AS period_start,
        (date_trunc('{unit}', measured_on) + interval '{length}' - interval '1 day')::date,
        avg(total_bytes)::bigint AS average, min(total_bytes), max(total_bytes), min(total_bytes),
        max(total_bytes), count(*), count(*), false
    FROM capacity_{level}size GROUP BY 1, 3, 4
) periods
WINDOW past AS (PARTITION BY {level}_id ORDER BY period_start)
ORDER BY period_start, {level}_id;
"""
PERIODS = {
    "daily": ("day", "1 day"),
    "weekly": ("week", "7 days"),
    "monthly": ("month", "1 month"),
    "quarterly": ("quarter", "3 months"),
}

TABLES = f"""
INSERT INTO capacity_tablesize (database_id, schema, name, valid_from, total_bytes)
SELECT database.id, 'public', 'table-' || n, %(today)s, (database.id * n) %% 99991 * {MIB}
FROM instances_database database, generate_series(1, 40) n;
"""


def build() -> None:
    today = timezone.localdate()
    days = {"today": today, "first": today - timedelta(days=DAYS - 1)}
    with connection.cursor() as cursor:
        cursor.execute(INVENTORY)
        for statement in filter(str.strip, SIZES.replace("% ", "%% ").split(";")):
            cursor.execute(statement, days)
        for level in ("database", "instance"):
            for period, (unit, length) in PERIODS.items():
                cursor.execute(
                    AGGREGATES.format(level=level, period=period, unit=unit, length=length)
                )
        cursor.execute(TABLES, days)
        cursor.execute("VACUUM ANALYZE")
    Tag.objects.create(name="half").instances.set(Instance.objects.filter(pk__lte=INSTANCES // 2))


def addresses() -> list[str]:
    today = timezone.localdate()
    month, all_days = today - timedelta(days=30), today - timedelta(days=DAYS)
    return [
        "databases",
        "databases?sort=-avg_bytes&limit=200",
        "databases?sort=-change_bytes",
        "databases?sort=name&page=50",
        "databases?engine=postgresql&tag=half&search=base-4",
        "databases?instance=7&period=monthly",
        "databases?period=weekly&sort=-change_percent",
        f"databases?start={month}",
        f"databases?start={month}&sort=-change_bytes",
        f"databases?start={all_days}",
        f"databases?start={all_days}&database=77",
        f"databases?start={all_days}&instance=7",
        f"databases?start={all_days}&tag=half",
        f"databases?start={all_days}&period=weekly",
        "databases/summary",
        "databases/summary?period=monthly&tag=half",
        "instances",
        "instances?sort=-change_bytes",
        f"instances?start={all_days}",
        "instances/summary",
        "tables",
        "tables?instance=7&search=table-1",
    ]


def measure(client: Client, address: str, times: int) -> tuple[float, float]:
    """The median and the 95th percentile, in milliseconds."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        response = client.get(address)
        took.append((time.perf_counter() - began) * 1000)
        assert response.status_code == 200, response.content[:300]
    parts = quantiles(took, n=20, method="inclusive")
    return parts[9], parts[18]


def main(times: int) -> int:
    call_command("migrate", verbosity=0)
    began = time.perf_counter()
    build()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM capacity_databaseaggregate WHERE period = 'daily'")
        rows = cursor.fetchone()[0]
    print(f"{rows} daily aggregates, built in {time.perf_counter() - began:.0f} s")
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.create(username="benchmark", is_superuser=True, is_staff=True))
    slow = 0
    api = [f"/api/v1/capacity/{one}" for one in addresses()]
    pages = [f"/admin/capacity/{one}/" for one in ("databases", "instances", "instances/7")]
    print(f"{'p50':>8}{'p95':>8}  ms, limit {LIMIT_MILLISECONDS} for the API")
    for address in [*api, *pages]:
        median, most = measure(client, address, times)
        is_slow = address in api and most > LIMIT_MILLISECONDS
        slow += is_slow
        print(f"{median:8.0f}{most:8.0f}  {address}{'  TOO SLOW' if is_slow else ''}", flush=True)
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 30))
