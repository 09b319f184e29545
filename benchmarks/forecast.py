"""How long the forecast of a fleet takes, and what ate it, on our own database.

    .venv/bin/python -m benchmarks.forecast

100 instances of 50 databases, 120 days each: the maths alone, then the whole run (reading 612,000
rows, 5,100 trends, writing); then the growth of one instance of 50,000 tables whose sizes changed.
Aim on two cores: the run in a minute, the growth in a second. Own database: a new SQLite file, or
PostgreSQL with OWN_DATABASE=postgresql.
"""

import os
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import django

FOLDER = tempfile.TemporaryDirectory(prefix="whalefall-benchmark-")
os.environ["DATABASE_URL"] = f"sqlite:///{Path(FOLDER.name) / 'own.sqlite3'}"
os.environ.setdefault("LOG_LEVEL", "ERROR")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

import numpy as np  # noqa: E402 -- Django must be set up first
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from capacity.forecast import forecast_now  # noqa: E402
from capacity.growth import growth  # noqa: E402
from capacity.models import DatabaseSize, InstanceSize, TableSize  # noqa: E402
from capacity.trend import WINDOW_DAYS, trends  # noqa: E402
from instances.models import Credential, Database, Instance  # noqa: E402

INSTANCES, DATABASES, TABLES = 100, 50, 50_000
GB = 10**9


def fill() -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """The fleet and its sizes, which are returned: a row per database."""
    random, now, today = np.random.default_rng(1), timezone.now(), timezone.localdate()
    credential = Credential.objects.create(name="c", username="u", password="p")
    instances = Instance.objects.bulk_create(
        Instance(name=f"i{n}", engine="mysql", host=f"h{n}", port=1, credential=credential)
        for n in range(INSTANCES)
    )
    databases = Database.objects.bulk_create(
        Database(instance=one, name=f"d{n}", first_seen_at=now)
        for one in instances
        for n in range(DATABASES)
    )
    steps = random.normal(0.05 * GB, 0.2 * GB, (len(databases), WINDOW_DAYS))
    sizes = (100 * GB + np.cumsum(steps, axis=1)).astype(np.int64)
    days = [today - timedelta(days=WINDOW_DAYS - 1 - day) for day in range(WINDOW_DAYS)]
    for database, row in zip(databases, sizes.tolist(), strict=True):
        DatabaseSize.objects.bulk_create(
            DatabaseSize(database=database, measured_on=day, measured_at=now, total_bytes=size)
            for day, size in zip(days, row, strict=True)
        )
    totals = sizes.reshape(INSTANCES, DATABASES, WINDOW_DAYS).sum(axis=1).tolist()
    for instance, row in zip(instances, totals, strict=True):
        InstanceSize.objects.bulk_create(
            InstanceSize(
                instance=instance,
                measured_on=day,
                measured_at=now,
                total_bytes=size,
                database_count=DATABASES,
                unmeasured_count=0,
            )
            for day, size in zip(days, row, strict=True)
        )
    return sizes


def fill_tables(instance: Instance) -> None:
    """Every table was measured twice, and every third has changed between."""
    today = timezone.localdate()
    database = instance.databases.all()[0]
    before, changed = today - timedelta(days=100), today - timedelta(days=10)
    TableSize.objects.bulk_create(
        (
            TableSize(
                database=database,
                schema="s",
                name=f"t{n}",
                valid_from=since,
                valid_to=until,
                total_bytes=n + size,
            )
            for n in range(TABLES)
            for since, until, size in (
                ((before, changed, 0), (changed, None, n)) if n % 3 == 0 else ((before, None, 0),)
            )
        ),
        batch_size=5000,
    )


def main() -> None:
    call_command("migrate", verbosity=0)
    sizes = fill()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    started = time.perf_counter()
    trends(sizes.astype(float))
    seconds = time.perf_counter() - started
    print(f"trends of {len(sizes)} series of {WINDOW_DAYS} days: {seconds:.1f} s")
    for _ in range(2):
        started = time.perf_counter()
        record = forecast_now(trigger="command").records.get()
        print(f"{connection.vendor}: {record.counts} in {time.perf_counter() - started:.1f} s")
    instance = Instance.objects.all()[0]
    fill_tables(instance)
    for _ in range(2):
        started = time.perf_counter()
        today = timezone.localdate()
        found = growth(instance, today - timedelta(days=30), today, most=DATABASES)
        shown = sum(len(one.tables) for one in found.databases)
        print(f"growth over {TABLES} tables ({shown} shown): {time.perf_counter() - started:.2f} s")


main()
