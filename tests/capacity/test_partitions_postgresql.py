"""Months on PostgreSQL as the own database: OWN_DATABASE=postgresql pytest -m races."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.utils import timezone

from capacity.maintain import PartitionLocked, maintain_now
from capacity.models import DatabaseSize, InstanceSize
from capacity.partitions import partitions
from instances.models import Database, Instance
from sync_sessions.models import SyncRecord
from sync_sessions.outcomes import AlreadyRunning
from tests.capacity.keeping import (  # noqa: F401 -- fixtures
    _no_months_left,
    contents,
    maintained,
    sizes,
    today,
)
from tests.factories import (
    DatabaseFactory,
    DatabaseSizeFactory,
    InstanceSizeFactory,
    SyncRecordFactory,
    SyncSessionFactory,
)

pytestmark = [
    pytest.mark.races,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("_no_months_left"),
]
TABLE = "capacity_databasesize"
# What a part must have as its parent has it. Names of indexes and constraints differ.
SHAPE = {
    "constraints": """
        SELECT contype, regexp_replace(pg_get_constraintdef(oid), ' NOT VALID$', ''), convalidated,
               condeferrable, condeferred, confupdtype, confdeltype
          FROM pg_constraint WHERE conrelid = %s::regclass""",
    "indexes": """
        SELECT regexp_replace(pg_get_indexdef(indexrelid), '^.* USING ', ''), indisunique,
               indisprimary, indisvalid
          FROM pg_index WHERE indrelid = %s::regclass""",
    "columns": """
        SELECT attname, atttypid::regtype::text, atttypmod, attnotnull, attidentity
          FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0""",
}


def shape(table: str) -> dict[str, list[object]]:
    found = {}
    for name, sql in SHAPE.items():
        with connection.cursor() as cursor:
            cursor.execute(sql, [table])
            found[name] = sorted(cursor.fetchall(), key=repr)
    return found


def test_months_are_made_once_and_listed(today):  # noqa: F811
    today("2026-11-23")
    zeros = {"moved": 0, "dropped": 0, "deleted": 0}

    assert maintained() == {"created": 8, **zeros}
    assert maintained() == {"created": 0, **zeros}

    bounds = [(part.name, part.start, part.end) for part in partitions() if part.table == TABLE]
    assert bounds == [
        (f"{TABLE}_default", None, None),
        (f"{TABLE}_2026_11", date(2026, 11, 1), date(2026, 12, 1)),
        (f"{TABLE}_2026_12", date(2026, 12, 1), date(2027, 1, 1)),
        (f"{TABLE}_2027_01", date(2027, 1, 1), date(2027, 2, 1)),
        (f"{TABLE}_2027_02", date(2027, 2, 1), date(2027, 3, 1)),
    ]
    assert all(part.rows is None and part.total_bytes for part in partitions())


@pytest.mark.parametrize("table", [TABLE, "capacity_instancesize"])
def test_part_has_the_keys_indexes_and_columns_of_its_table(today, table):  # noqa: F811
    today("2026-11-23")
    maintained()

    assert shape(f"{table}_2026_12") == shape(table)
    assert len(shape(table)["constraints"]) >= 2  # the primary and the foreign key
    attached = "SELECT count(*) FROM pg_inherits JOIN pg_index ON indexrelid = inhrelid"
    with connection.cursor() as cursor:
        cursor.execute(f"{attached} WHERE indrelid = %s::regclass", [f"{table}_2026_12"])
        assert cursor.fetchone() == (len(shape(table)["indexes"]),)


def test_rows_of_a_missed_run_and_of_imported_history_are_moved_exactly_once(today):  # noqa: F811
    today("2026-11-23")
    database = DatabaseFactory()
    first = date(2026, 8, 20)
    for number in range(100):
        day = first + timedelta(days=number)
        DatabaseSizeFactory(database=database, measured_on=day, total_bytes=number)
    InstanceSizeFactory(instance=database.instance, measured_on=date(2031, 5, 5))
    before, strays = sizes(), contents(f"{TABLE}_default")

    counts = maintained()

    # August to October came late, May 2031 early.
    assert counts == {"created": 8 + 3 + 1, "moved": 101, "dropped": 0, "deleted": 0}
    assert sizes() == before
    assert contents(f"{TABLE}_default") == set()
    months = [contents(part.name) for part in partitions() if part.table == TABLE]
    assert set().union(*months) == strays
    assert sum(map(len, months)) == 100
    assert {row[1].month for row in contents(f"{TABLE}_2026_09")} == {9}


def test_measurement_after_a_missed_run_lands_in_the_default_part_first(today):  # noqa: F811
    today("2026-01-10")
    maintained()
    today("2026-07-01")

    size = DatabaseSizeFactory(measured_on=date(2026, 7, 1))

    assert len(contents(f"{TABLE}_default")) == 1
    assert maintained()["moved"] == 1
    assert DatabaseSize.objects.get().pk == size.pk
    assert len(contents(f"{TABLE}_2026_07")) == 1


def test_rows_of_a_part_go_with_their_database(today):  # noqa: F811
    today("2026-11-23")
    maintained()
    size = DatabaseSizeFactory(measured_on=date(2026, 11, 23))

    size.database.delete()

    assert sizes() == []


@contextmanager
def somebody_reads() -> Iterator[None]:
    """A reader in a transaction that stays open."""
    holds, done = threading.Event(), threading.Event()

    def read() -> None:
        try:
            with transaction.atomic():
                list(DatabaseSize.objects.all())
                holds.set()
                done.wait(10)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(read)
        try:
            assert holds.wait(10)
            yield
        finally:
            done.set()
        reader.result(10)


def test_lock_that_cannot_be_had_is_said_and_nothing_changes(settings, today):  # noqa: F811
    today("2026-11-23")
    settings.PARTITION_LOCK_SECONDS = 0.2
    DatabaseSizeFactory()
    before = sizes()

    with somebody_reads(), pytest.raises(PartitionLocked):
        maintain_now(trigger="command")

    record = SyncRecord.objects.get()
    assert (record.status, record.error_code) == ("failed", "PARTITION_LOCKED")
    assert [part.is_default for part in partitions()] == [True, True]
    assert sizes() == before
    assert maintained()["created"] == 8


def test_nobody_waits_behind_a_run_that_waits(settings, today):  # noqa: F811
    today("2026-11-23")
    settings.PARTITION_LOCK_SECONDS = 2
    database = DatabaseFactory()

    def maintain() -> None:
        try:
            with pytest.raises(PartitionLocked):
                maintain_now(trigger="command")
        finally:
            connections.close_all()

    with somebody_reads(), ThreadPoolExecutor(1) as pool:
        waiting, longest = pool.submit(maintain), 0.0
        while not waiting.done():
            started = time.monotonic()
            DatabaseSize.objects.record([DatabaseSizeFactory.build(database=database)])
            assert DatabaseSize.objects.count() == 1
            longest = max(longest, time.monotonic() - started)
        waiting.result()

    assert longest < 1


def test_two_at_once_do_the_work_once(today):  # noqa: F811
    today("2026-11-23")
    session = SyncSessionFactory(category="partitions", status="running")
    SyncRecordFactory(session=session, instance=None, category="partitions", status="running")

    with pytest.raises(AlreadyRunning):
        maintain_now(trigger="command")


def test_month_made_by_two_at_once_is_made_by_one():
    barrier = threading.Barrier(4)

    def make() -> int | None:
        barrier.wait(10)
        try:
            while True:
                try:
                    with transaction.atomic():
                        return DatabaseSize.objects.all().make_month(date(2026, 11, 1))
                except OperationalError:
                    time.sleep(0.01)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        made = [future.result(20) for future in [pool.submit(make) for _ in range(4)]]

    assert sorted(made, key=str) == [0, None, None, None]


class Writer:
    """Writes sizes of a database as a collection does, in its locks and order, until stopped."""

    def __init__(self, database: Database, last: date, stop: threading.Event) -> None:
        self.database, self.last, self.stop = database, last, stop
        self.written: dict[date, int] = {}

    def run(self) -> None:
        try:
            while not self.stop.wait(0.02):
                count = len(self.written)
                self.measure(self.last - timedelta(days=count % 200), count)
        finally:
            connections.close_all()

    def measure(self, day: date, total: int) -> None:
        size = {"measured_on": day, "total_bytes": total}
        instance = self.database.instance
        with transaction.atomic():
            Instance.objects.lock(instance.pk)
            Database.objects.filter(pk=self.database.pk).update(native_id=str(total))
            DatabaseSize.objects.record([DatabaseSizeFactory.build(database=self.database, **size)])
            InstanceSize.objects.record(InstanceSizeFactory.build(instance=instance, **size))
            Instance.objects.was_reached(instance.pk, at=timezone.now())
        self.written[day] = total


def test_measurements_written_meanwhile_are_all_kept(today, settings):  # noqa: F811
    settings.SIZE_RETENTION_MONTHS = 0
    now, stop = today("2026-11-23"), threading.Event()
    writers = [Writer(database, now, stop) for database in DatabaseFactory.create_batch(3)]

    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(writer.run) for writer in writers]
        for month in ("2026-11-23", "2027-02-05"):
            today(month)
            maintained()
        stop.set()
        for one in running:
            one.result(20)  # none was chosen to end a dead-lock

    maintained()
    expected = {
        (writer.database.pk, day): total
        for writer in writers
        for day, total in writer.written.items()
    }
    found = DatabaseSize.objects.values_list("database", "measured_on", "total_bytes")
    assert {(key, day): total for key, day, total in found} == expected
    assert len(expected) == InstanceSize.objects.count() > 3
    assert contents(f"{TABLE}_default") == set()
