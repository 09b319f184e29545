"""A cancel stops what waits at once and what runs within seconds, and never rewrites an end."""

import time

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import Account
from sync_sessions.events import EventBuffer
from sync_sessions.launch import cancel_session, finish_session, open_session, reap
from sync_sessions.models import SyncRecord, SyncSession
from sync_sessions.outcomes import Cancelled, claim, end_record
from sync_sessions.run import run_stored
from tests.factories import InstanceFactory, SyncRecordFactory, SyncSessionFactory
from tests.sync_sessions.scripts import Finished, ends, events, fallbacks, run
from tests.toy_engine import reading, user

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db]

ONE = reading([user("app")])
FINAL = ["completed", "failed", "cancelled"]


def cancel_when(record):
    """For ``settled``: cancel the session as soon as its first record has ended."""
    cancel_session(record.session)


@pytest.fixture
def quick_and_hanging(server_has):
    instances = [InstanceFactory(), InstanceFactory()]
    servers = [server_has(instance, ONE) for instance in instances]
    servers[1].hangs = True
    yield instances, servers
    servers[1].released.set()


def test_waiting_records_are_cancelled_at_once():
    instances = [InstanceFactory(), InstanceFactory()]
    session = open_session("accounts", "some.task", instances, trigger="api")

    with Finished() as finished:
        asked = cancel_session(session)

    session.refresh_from_db()
    assert (asked, session.status, finished) == (True, "cancelled", [session.pk])
    assert ends(session) == [("cancelled", "")] * 2
    assert not any(claim(record) for record in session.records.all())


def test_server_being_read_is_interrupted(quick_and_hanging):
    instances, servers = quick_and_hanging
    started = time.monotonic()

    session = run(instances, settled=cancel_when)

    assert time.monotonic() - started < 3
    assert ends(session) == [("completed", ""), ("cancelled", "")]
    assert session.status == "cancelled"
    assert servers[1].released.is_set()


def test_reader_that_ignores_the_interrupt_is_left_behind(quick_and_hanging, caplog):
    instances, servers = quick_and_hanging
    servers[1].ignores_interrupt = True
    started = time.monotonic()

    session = run(instances, settled=cancel_when)

    record = session.records.order_by("pk")[1]
    assert time.monotonic() - started < 7
    assert ends(session) == [("completed", ""), ("cancelled", "")]
    assert fallbacks(caplog) == ["reader_abandoned"]
    assert "reader_left_behind" in events(record)


def test_what_waits_in_the_worker_is_not_begun(server_has, settings):
    settings.READ_CONCURRENCY = 1
    instances = [InstanceFactory() for _ in range(3)]
    servers = [server_has(instance, ONE) for instance in instances]

    session = run(instances, settled=cancel_when)

    assert ends(session) == [("completed", ""), ("cancelled", ""), ("cancelled", "")]
    assert [server.reads for server in servers] == [1, 0, 0]


def test_reading_that_is_not_yet_written_is_dropped(instance, server_has):
    server = server_has(instance, ONE)
    server.hangs = True

    def settle_late(execute, sql, *args):
        """The reader ends just before the run looks whether it is cancelled."""
        result = execute(sql, *args)
        if "SET" in sql and '"attempt" = (' in sql:  # the claim
            SyncSession.objects.update(cancel_requested_at=timezone.now())
            server.released.set()
            time.sleep(0.1)
        return result

    with connection.execute_wrapper(settle_late):
        session = run([instance])

    assert ends(session) == [("cancelled", "")]
    assert Account.objects.count() == 0


def test_stored_run_whose_session_was_cancelled_does_not_begin(instance):
    session = open_session("accounts", "some.task", [instance], trigger="api")
    cancel_session(session)

    with pytest.raises(Cancelled):
        run_stored(session, lambda _: pytest.fail("It was cancelled."))

    assert ends(session) == [("cancelled", "")]


def test_session_that_is_over_cannot_be_cancelled(instance, server_has):
    server_has(instance, ONE)
    session = run([instance])

    with Finished() as finished:
        asked = cancel_session(session)

    session.refresh_from_db()
    assert (asked, session.status, finished) == (False, "completed", [])
    assert ends(session) == [("completed", "")]


def test_second_cancel_says_that_it_is_asked_already(instance):
    record = SyncRecordFactory(status="running", attempt=1, session__status="running")

    first, second = cancel_session(record.session), cancel_session(record.session)

    record.refresh_from_db()
    assert (first, second, record.status) == (True, False, "running")


@pytest.mark.parametrize("status", FINAL)
def test_final_status_of_a_record_stays_whatever_comes_after(status):
    record = SyncRecordFactory(status=status, attempt=1, error_message="As it was.")
    now = timezone.now()

    claimed = claim(record)
    ended = end_record(EventBuffer(record), status="failed", error_message="Another.")
    SyncRecord.objects.refuse(record, at=now, code="X", message="Another.")
    cancel_session(record.session)
    reap()

    record.refresh_from_db()
    assert (claimed, ended) == (False, False)
    assert (record.status, record.error_message) == (status, "As it was.")


@pytest.mark.parametrize("status", [*FINAL, "partial"])
def test_final_status_of_a_session_stays_whatever_comes_after(status):
    session = SyncSessionFactory(status=status)

    with Finished() as finished:
        SyncSession.objects.start(session.pk, at=timezone.now())
        asked = cancel_session(session)
        finish_session(session.pk)
        reap()

    session.refresh_from_db()
    assert (session.status, asked, finished) == (status, False, [])
    assert session.cancel_requested_at is None
