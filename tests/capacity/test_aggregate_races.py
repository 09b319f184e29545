"""Measuring while sums are made, on PostgreSQL: nothing is lost, nobody waits for ever.

Run with ``OWN_DATABASE=postgresql pytest -m races``.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection, connections, transaction

from capacity.aggregate import Aggregation, refresh_after
from capacity.models import DatabaseAggregate, InstanceAggregate, StalePeriod
from capacity.periods import spans_of
from instances.models import Instance
from sync_sessions.outcomes import AlreadyRunning
from tests.capacity.aggregating import aggregate, expected, measure, stored
from tests.capacity.clock import START, clock_at, noon
from tests.factories import (
    DatabaseFactory,
    InstanceFactory,
    SyncRecordFactory,
    SyncSessionFactory,
)

pytestmark = [pytest.mark.races, pytest.mark.django_db(transaction=True)]

DAY = timedelta(days=1)


@pytest.fixture
def fleet():
    return [DatabaseFactory.create_batch(2, instance=InstanceFactory()) for _ in range(3)]


def measure_at_once(databases, sizes, on):
    """As a collection does: the instance is locked first, and all is one transaction."""
    with transaction.atomic(durable=True):
        Instance.objects.lock(databases[0].instance_id)
        measure(databases, sizes, on)


def in_threads(*acts):
    def act(one):
        try:
            return one()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        for future in [pool.submit(act, one) for one in acts]:
            future.result(60)


def until_somebody_waits():
    """Return when another connection waits for a lock of ours, or nothing would be shown."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with connection.cursor() as cursor:
            cursor.execute("SELECT FROM pg_locks WHERE NOT granted")
            if cursor.fetchone() is not None:
                return
        time.sleep(0.02)
    raise AssertionError("Nobody had to wait.")


def measure_often(databases):
    for n in range(40):
        measure_at_once(databases, {n % 2: n * 10**9}, START - n % 3 * DAY)


def test_measuring_while_aggregating_loses_nothing_and_waits_for_nobody(fleet):
    over = threading.Event()
    session = SyncSessionFactory(category="capacity", status="completed")
    for databases in fleet:
        SyncRecordFactory(session=session, instance=databases[0].instance)

    def measuring():
        try:
            in_threads(*(partial(measure_often, databases) for databases in fleet))
        finally:
            over.set()

    def until_then(act):
        while not over.is_set():
            act()

    with clock_at(noon(START)):
        in_threads(
            measuring,
            partial(until_then, lambda: aggregate(START)),
            partial(until_then, lambda: refresh_after(session)),
        )

    aggregate(START)
    assert stored() == expected(START)
    assert not StalePeriod.objects.exists()


def test_measurement_that_commits_in_between_is_marked_anew(fleet):
    measure(fleet[0], {0: 1}, START)

    with transaction.atomic():
        StalePeriod.objects.take(spans_of(START))
        pool = ThreadPoolExecutor(1)
        waiting = pool.submit(in_threads, lambda: measure_at_once(fleet[0], {0: 2}, START))
        until_somebody_waits()
    waiting.result(30)

    assert StalePeriod.objects.spans() == set(spans_of(START))


def test_aggregation_waits_for_a_measurement_whose_mark_was_there_before(fleet):
    measure(fleet[0], {0: 1}, START)

    with transaction.atomic():
        measure(fleet[0], {0: 2}, START)
        pool = ThreadPoolExecutor(1)
        waiting = pool.submit(in_threads, lambda: aggregate(START))
        until_somebody_waits()
    waiting.result(30)

    assert stored() == expected(START)


def test_first_aggregate_of_an_instance_does_not_wait_for_its_collection(fleet):
    databases = fleet[0]
    measure(databases, {0: 1}, START)

    with transaction.atomic():
        Instance.objects.lock(databases[0].instance_id)
        in_threads(lambda: aggregate(START))

    assert InstanceAggregate.objects.count() == 4


def test_two_aggregations_at_once_are_one(fleet):
    for n in range(30):
        measure(fleet[0], {0: n}, START - n * DAY)
    refused = []

    def act():
        try:
            aggregate(START)
        except AlreadyRunning:
            refused.append(True)

    with clock_at(noon(START)):  # or the threads would give each other's clocks back
        in_threads(act, act, act)

    assert len(refused) < 3
    assert stored() == expected(START)
    assert DatabaseAggregate.objects.count() == len(expected(START)[0])


def test_refresh_and_run_take_turns(fleet):
    measure(fleet[0], {0: 1}, START)
    level = Aggregation().levels[0]

    with transaction.atomic():
        StalePeriod.objects.lock_out_others()
        pool = ThreadPoolExecutor(1)
        waiting = pool.submit(in_threads, lambda: aggregate(START))
        until_somebody_waits()
        assert not level.exists()
    waiting.result(30)

    assert level.count() == 4
