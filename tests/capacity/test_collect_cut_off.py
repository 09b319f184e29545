"""A collection that ends in the middle leaves what was there; two at once do not mix."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections

from capacity.collect import collect_now
from capacity.models import DatabaseSize, InstanceSize, StalePeriod, TableSize
from instances.engines.base import Section
from instances.models import Database
from instances.models import Section as StoredSection
from sync_sessions.models import SyncRecord, SyncSession
from tests.capacity.clock import START
from tests.capacity.collecting import collect, instance_sizes
from tests.sync_sessions.scripts import at_statement, ends
from tests.toy_engine import database, sizes, table

NEXT = START + timedelta(1)
STORED = (Database, DatabaseSize, InstanceSize, TableSize, StoredSection, StalePeriod)


@pytest.fixture
def server(instance, server_has):
    return server_has(
        instance,
        sizes=sizes(database("shop", 70), database("old", 1)),
        tables=[table("shop.public.t"), Section("tables", "shop"), Section("tables", "old")],
    )


def stored():
    return [list(model.objects.order_by("pk").values()) for model in STORED]


@pytest.mark.both_databases
@pytest.mark.django_db
@pytest.mark.parametrize("end", [SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize(
    "statement",
    [
        'UPDATE "instances_database"',
        'INSERT INTO "capacity_databasesize"',
        'INSERT INTO "capacity_instancesize"',
        'INSERT INTO "capacity_tablesize"',
        'INSERT INTO "instances_section"',
        'INSERT INTO "capacity_staleperiod"',
        'UPDATE "instances_instance"',
    ],
)
def test_run_that_is_ended_during_the_write_has_written_nothing(instance, server, statement, end):
    collect(instance, with_tables=True)
    before = stored()
    server.ignores_interrupt = True  # or it would stay broken
    server.sizes = sizes(database("shop", 8), database("new", 2))
    server.tables = [table("shop.public.t", 99), Section("tables", "shop")]

    def cut():
        raise end

    with pytest.raises(end), at_statement(statement, cut):
        collect(instance, NEXT, with_tables=True)

    assert stored() == before
    record = SyncRecord.objects.order_by("pk").last()
    assert record is not None
    assert record.status == ("cancelled" if end is KeyboardInterrupt else "failed")
    again = collect(instance, NEXT, with_tables=True)
    assert (again.status, again.error_code, again.error_message) == ("completed", "", "")
    assert instance_sizes(instance) == [(71,), (10,)]


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
def test_one_of_two_collections_of_an_instance_wins_and_the_other_says_where(instance, server):
    server.during_read = lambda: time.sleep(0.5)
    barrier = threading.Barrier(2)

    def run(with_tables: bool) -> SyncSession:
        try:
            barrier.wait(10)
            return collect_now([instance], with_tables=with_tables, trigger="command")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as threads:
        sessions = list(threads.map(run, [False, True]))

    won, lost = sorted(sessions, key=lambda session: session.status)
    assert ends(won) == [("completed", "")]
    assert ends(lost) == [("failed", "SYNC_ALREADY_RUNNING")]
    assert str(won.pk) in lost.records.get().error_message
    assert instance_sizes(instance) == [(71,)]
