"""Two at once, on the database where it shows: PostgreSQL, in threads with their own connections.

Run with ``OWN_DATABASE=postgresql pytest -m races``.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections, transaction
from django.utils import timezone
from django_q.models import OrmQ

from accounts.held import accept_reading, decide
from accounts.models import Account, HeldReading
from instances.models import Instance
from sync_sessions.events import EventBuffer
from sync_sessions.jobs import StillRunning, start
from sync_sessions.launch import cancel_session, finish_session, open_session, reap
from sync_sessions.models import SyncRecord, SyncSession
from sync_sessions.outcomes import AlreadyRunning, claim, end_record
from sync_sessions.schedules import setup_schedules
from tests.factories import InstanceFactory, SyncRecordFactory, SyncSessionFactory, sync
from tests.sync_sessions.scripts import Finished, ends, newest, run
from tests.toy_engine import reading, user

pytestmark = [pytest.mark.races, pytest.mark.django_db(transaction=True)]

ROUNDS = 150


@pytest.fixture(scope="module")
def pool():
    with ThreadPoolExecutor(4) as threads:
        yield threads


@pytest.fixture
def at_once(pool):
    """Run some functions at the same moment, each on a connection of its own; their results."""

    def start(*acts: Callable[[], Any]) -> list[Any]:
        barrier = threading.Barrier(len(acts))

        def act(one: Callable[[], Any]) -> Any:
            try:
                barrier.wait(10)
                return one()
            finally:
                connections.close_all()

        return [future.result(30) for future in [pool.submit(act, one) for one in acts]]

    return start


@pytest.fixture
def while_uncommitted(pool):
    """Run ``first`` in a transaction that commits when ``second`` waits for it; its result."""

    def start(first: Callable[[], Any], second: Callable[[], Any]) -> Any:
        def act() -> Any:
            try:
                return second()
            finally:
                connections.close_all()

        with transaction.atomic():
            first()
            future: Future[Any] = pool.submit(act)
            time.sleep(0.3)
            assert not future.done(), "It did not have to wait, so nothing is shown."
        return future.result(30)

    return start


def pending(instance: Instance | None = None) -> SyncRecord:
    session = open_session(
        "accounts", "some.task", [instance or InstanceFactory()], trigger="schedule"
    )
    return session.records.select_related("session", "instance").get()


def expire(record: SyncRecord) -> None:
    SyncRecord.objects.filter(pk=record.pk).update(lease_until=timezone.now())


def test_one_of_two_syncs_of_an_instance_wins_and_the_other_says_where(
    instance, server_has, at_once
):
    server_has(instance, reading([user("app")]), during_read=lambda: time.sleep(0.5))

    sessions = at_once(lambda: run([instance]), lambda: run([instance]))

    won, lost = sorted(sessions, key=lambda session: session.status)
    assert ends(won) == [("completed", "")]
    assert ends(lost) == [("failed", "SYNC_ALREADY_RUNNING")]
    assert str(won.pk) in lost.records.get().error_message
    assert Account.objects.count() == 1


def test_two_syncs_one_after_the_other_at_full_speed_never_write_twice(
    instance, server_has, at_once
):
    server_has(instance, reading([user("app")]))

    for _ in range(20):
        at_once(lambda: run([instance]), lambda: run([instance]), lambda: run([instance]))

    assert set(SyncRecord.objects.values_list("status", "error_code")) <= {
        ("completed", ""),
        ("failed", "SYNC_ALREADY_RUNNING"),
    }
    assert Account.objects.count() == 1


def test_last_two_records_that_end_at_once_close_their_session_once(at_once):
    def finish(record: SyncRecord) -> None:
        end_record(EventBuffer(record), status="completed")
        finish_session(record.session_id)

    instances = [InstanceFactory(), InstanceFactory()]
    with Finished() as finished:
        for _ in range(ROUNDS):
            session = SyncSessionFactory(status="running")
            one, two = (
                SyncRecordFactory(session=session, instance=instance, status="running", attempt=1)
                for instance in instances
            )
            at_once(lambda one=one: finish(one), lambda two=two: finish(two))

    assert len(finished) == len(set(finished)) == ROUNDS
    assert set(SyncSession.objects.values_list("status", flat=True)) == {"completed"}


def test_one_of_several_workers_claims_a_record(at_once):
    for _ in range(50):
        record = pending()
        copies = [SyncRecord.objects.get(pk=record.pk) for _ in range(4)]

        claimed = at_once(*(lambda one=one: claim(one) for one in copies))

        record.refresh_from_db()
        assert (sorted(claimed), record.attempt) == ([False, False, False, True], 1)


def test_claim_that_waited_for_another_is_none(while_uncommitted):
    record, other = pending(), None
    other = SyncRecord.objects.get(pk=record.pk)

    claimed = while_uncommitted(lambda: claim(record), lambda: claim(other))

    record.refresh_from_db()
    assert (claimed, record.attempt) == (False, 1)


def test_claim_that_waited_for_a_cancel_is_none(while_uncommitted):
    record = pending()

    def cancel() -> None:
        SyncRecord.objects.filter(session=record.session_id).cancel_pending(at=timezone.now())

    assert while_uncommitted(cancel, lambda: claim(record)) is False


@pytest.mark.parametrize("is_cancelled", [True, False])
@pytest.mark.parametrize("attempt", [1, 2])
def test_reap_that_waited_for_the_end_of_a_record_leaves_it(
    while_uncommitted, is_cancelled, attempt
):
    record = SyncRecordFactory(
        status="running",
        attempt=attempt,
        session__status="running",
        session__cancel_requested_at=timezone.now() if is_cancelled else None,
    )
    expire(record)

    while_uncommitted(lambda: end_record(EventBuffer(record), status="completed"), reap)

    record.refresh_from_db()
    record.session.refresh_from_db()
    assert (record.status, record.attempt) == ("completed", attempt)
    assert record.session.status == "completed"


def test_two_reaps_give_a_record_back_once(at_once):
    record = SyncRecordFactory(status="running", attempt=1, session__status="running")
    expire(record)

    at_once(reap, reap)

    record.refresh_from_db()
    assert (record.status, record.attempt) == ("pending", 1)


def test_cancel_while_a_reading_is_written_lets_it_be_written(instance, server_has, at_once):
    """It is one short transaction: what it wrote is told as it is."""
    server = server_has(instance, reading([user("app")]))

    def hold_the_instance() -> bool:
        server.started.wait(5)
        with transaction.atomic():
            Instance.objects.lock(instance.pk)
            time.sleep(1)
        return cancel_session(newest())

    def cancel() -> bool:
        server.started.wait(5)
        time.sleep(0.7)  # by now the write waits for the lock
        return cancel_session(newest())

    server.during_read = lambda: time.sleep(0.3)
    session, _, asked = at_once(lambda: run([instance]), hold_the_instance, cancel)

    session.refresh_from_db()
    assert asked is True
    assert ends(session) == [("completed", "")]
    assert (session.status, Account.objects.count()) == ("completed", 1)


def test_decision_that_was_waited_for_is_not_overtaken(instance, server_has, while_uncommitted):
    server = server_has(instance, reading([user(f"app{number}") for number in range(9)]))
    sync(instance)
    server.reading = reading([user("app0")])
    sync(instance)
    held = HeldReading.objects.get()

    while_uncommitted(
        lambda: decide(held, "rejected", None),
        lambda: HeldReading.objects.supersede(instance.pk, at=timezone.now()),
    )

    held.refresh_from_db()
    assert held.decision == "rejected"


def test_reading_accepted_twice_at_once_is_applied_once(instance, server_has, at_once):
    server = server_has(instance, reading([user(f"app{number}") for number in range(9)]))
    sync(instance)
    server.reading = reading([user("app0")])
    sync(instance)

    def accept() -> str:
        held = HeldReading.objects.select_related("record__instance").get()
        try:
            return str(accept_reading(held, trigger="api").status)
        except Exception as error:  # noqa: BLE001 -- its name is the result
            return type(error).__name__

    results = sorted(at_once(accept, accept))

    assert results[1] == "completed"
    assert results[0] in {"AlreadyDecided", AlreadyRunning.__name__}
    assert HeldReading.objects.get().decision == "accepted"
    assert Account.objects.present().count() == 1


def test_schedule_that_several_workers_start_at_once_runs_once(at_once):
    InstanceFactory()
    setup_schedules()

    for _ in range(30):
        started = at_once(*[lambda: start_of("sync_accounts")] * 4)

        session = SyncSession.objects.get(status="pending")
        assert sorted(started) == sorted([*["still running"] * 3, str(session.pk)])
        assert OrmQ.objects.count() == session.records.count() == 1
        OrmQ.objects.all().delete()
        cancel_session(session)


def start_of(schedule: str) -> str:
    try:
        session = start(schedule, trigger="schedule")
    except StillRunning:
        return "still running"
    assert session is not None
    return str(session.pk)
