"""A worker that dies loses its records once; a second time they have failed."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Account
from accounts.sync import write_reading
from sync_sessions.events import EventBuffer
from sync_sessions.launch import QUEUE_GRACE, launch, open_session, reap
from sync_sessions.models import SyncEvent, SyncRecord
from sync_sessions.outcomes import LeaseLost, claim, end_record
from tests.factories import InstanceFactory, SyncRecordFactory
from tests.sync_sessions.scripts import Finished, ends, fallbacks, run
from tests.toy_engine import reading, user

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db]

LONG_AGO = timedelta(hours=1)


@pytest.fixture(autouse=True)
def queued(monkeypatch, django_capture_on_commit_callbacks):
    """The arguments of each ``async_task``, once it was committed."""
    calls = []
    monkeypatch.setattr("sync_sessions.launch.async_task", lambda *args: calls.append(args))
    return calls


@pytest.fixture
def reaped(django_capture_on_commit_callbacks):
    def reap_and_commit():
        with django_capture_on_commit_callbacks(execute=True):
            return reap()

    return reap_and_commit


def expire(*records):
    SyncRecord.objects.filter(pk__in=[record.pk for record in records]).update(
        lease_until=timezone.now() - LONG_AGO
    )


def pending(instance=None):
    session = open_session(
        "accounts", "some.task", [instance or InstanceFactory()], trigger="schedule"
    )
    return session.records.select_related("session", "instance").get()


def running():
    record = pending()
    assert claim(record)
    return record


def test_record_that_nobody_was_told_of_is_queued_after_a_grace(queued, reaped):
    record = pending()
    too_early = reaped()

    expire(record)
    number = reaped()

    record.refresh_from_db()
    assert (too_early, number) == (0, 1)
    assert queued == [("some.task", str(record.session_id), record.pk, record.pk)]
    assert (record.status, record.attempt) == ("pending", 0)
    assert record.lease_until > timezone.now() + QUEUE_GRACE - timedelta(minutes=1)
    assert reaped() == 0


def test_lost_record_is_given_back_once_and_then_failed(queued, reaped):
    record = running()
    expire(record)
    first = reaped()
    record.refresh_from_db()
    given_back = (record.status, record.attempt)

    assert claim(record)
    expire(record)
    with Finished() as finished:
        second = reaped()

    record.refresh_from_db()
    assert (first, given_back, second) == (1, ("pending", 1), 0)
    assert queued == [("some.task", str(record.session_id), record.pk, record.pk)]
    assert (record.status, record.error_code, record.attempt) == ("failed", "WORKER_LOST", 2)
    assert finished == [record.session_id]
    assert record.session.records.get().session.status == "failed"


def test_lease_that_holds_is_left_alone(queued, reaped):
    record = running()

    assert reaped() == 0
    record.refresh_from_db()
    assert (record.status, queued) == ("running", [])


def test_lost_record_of_a_cancelled_session_is_cancelled(queued, reaped):
    record = running()
    record.session.cancel_requested_at = timezone.now()
    record.session.save()
    expire(record)

    reaped()

    record.refresh_from_db()
    record.session.refresh_from_db()
    assert (record.status, record.session.status, queued) == ("cancelled", "cancelled", [])


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_record_that_has_ended_is_never_reaped(reaped, status):
    record = SyncRecordFactory(status=status, lease_until=timezone.now() - LONG_AGO)

    reaped()

    record.refresh_from_db()
    assert record.status == status


def test_session_whose_last_worker_died_before_closing_it_is_closed(reaped):
    record = SyncRecordFactory(status="completed", session__status="running")

    with Finished() as finished:
        reaped()

    record.session.refresh_from_db()
    assert (record.session.status, finished) == ("completed", [record.session_id])


def test_every_run_reaps_first(server_has, queued):
    lost = running()
    expire(lost)
    instance = InstanceFactory()
    server_has(instance, reading())

    run([instance])

    lost.refresh_from_db()
    assert lost.status == "pending"


def test_paused_worker_that_wakes_up_after_its_record_was_given_away_writes_nothing(reaped):
    record = running()
    paused = SyncRecord.objects.select_related("instance").get(pk=record.pk)
    expire(record)
    reaped()
    record.refresh_from_db()
    assert claim(record)
    buffer = EventBuffer(paused)

    with pytest.raises(LeaseLost):
        write_reading(paused, reading([user("app")]))
    ended = end_record(buffer, status="completed", counts={"accounts": 1})

    record.refresh_from_db()
    assert (ended, record.status, record.attempt, record.counts) == (False, "running", 2, {})
    assert Account.objects.count() == 0
    assert SyncEvent.objects.count() == 0


def test_worker_whose_session_was_deleted_writes_nothing(instance, server_has):
    server = server_has(instance, reading([user("app")]))
    session = open_session("accounts", "some.task", [instance], trigger="schedule")
    record = session.records.select_related("instance").get()
    assert claim(record)
    session.delete()

    with pytest.raises(LeaseLost):
        write_reading(record, server.reading)

    assert Account.objects.count() == 0


def test_slow_read_keeps_its_lease_and_that_of_what_waits(instance, server_has, settings, caplog):
    settings.LEASE_SECONDS = 1
    settings.READ_CONCURRENCY = 1
    later = InstanceFactory()
    server = server_has(instance, reading())
    server_has(later, reading())
    server.hangs = True
    server.during_read = threading.Timer(2, server.released.set).start

    with CaptureQueriesContext(connection) as queries:
        session = run([instance, later])

    renewals = [
        query["sql"]
        for query in queries
        if query["sql"].startswith('UPDATE "sync_sessions_syncrecord" SET "lease_until"')
    ]
    assert ends(session) == [("completed", "")] * 2
    assert len(renewals) >= 5
    assert fallbacks(caplog) == []


def test_launched_record_has_a_grace_before_it_counts_as_lost(instance):
    session = launch("accounts", "some.task", [instance], trigger="api")

    sure = session.records.filter(lease_until__gt=timezone.now() + QUEUE_GRACE / 2)
    assert sure.count() == 1
