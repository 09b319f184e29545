"""A run ends each record with the truth, whatever happens to one of them."""

import _thread
import re
import signal
import time

import pytest
from django.db import transaction
from django_q.exceptions import TimeoutException

from accounts.models import Account
from instances.engines.errors import ConnectionFailed, ServerTimeout
from sync_sessions.launch import launch
from sync_sessions.models import SyncEvent, SyncRecord, SyncSession
from sync_sessions.run import run_stored
from sync_sessions.signals import session_finished
from tests.factories import CredentialFactory, InstanceFactory
from tests.sync_sessions.scripts import (
    Finished,
    at_statement,
    ends,
    events,
    fallbacks,
    newest,
    run,
)
from tests.toy_engine import reading, user

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db]

ONE = reading([user("app")])
COMPLETED, BUG = ("completed", ""), ("failed", "TASK_EXECUTION_FAILED")


@pytest.fixture
def fleet(server_has):
    """Three instances and their servers."""
    instances = [InstanceFactory() for _ in range(3)]
    return instances, [server_has(instance, ONE) for instance in instances]


def test_expected_failure_ends_on_its_record_and_the_others_complete(fleet):
    instances, servers = fleet
    servers[1].fails_with = ConnectionFailed("Cannot connect to db.")

    session = run(instances)

    instances[1].refresh_from_db()
    assert session.status == "partial"
    assert ends(session) == [COMPLETED, ("failed", "DATABASE_CONNECTION_ERROR"), COMPLETED]
    assert instances[1].last_error == "Cannot connect to db."
    assert instances[1].last_reached_at is None


@pytest.mark.parametrize(
    ("failing", "status"), [((), "completed"), ((0,), "partial"), ((0, 1, 2), "failed")]
)
def test_session_says_how_its_records_ended(fleet, failing, status):
    instances, servers = fleet
    for one in failing:
        servers[one].fails_with = ServerTimeout("Too slow.")

    assert run(instances).status == status


def test_bug_is_recorded_found_by_its_id_and_raised_when_the_others_are_done(fleet):
    instances, servers = fleet
    servers[0].fails_with = RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        run(instances)

    record = newest().records.order_by("pk")[0]
    event = SyncEvent.objects.get(event="record_failed_unexpectedly")
    assert ends(newest()) == [BUG, COMPLETED, COMPLETED]
    assert newest().status == "partial"
    assert event.fields["error_id"] in record.error_message
    assert "a bug" not in record.error_message
    assert event.fields.keys() == {"error_id"}


def test_bug_before_the_first_read_stops_nobody_else(fleet, settings):
    instances, _ = fleet
    instances[0].credential = CredentialFactory(password="env:ANYTHING")
    instances[0].save()
    settings.ENVIRONMENT_SECRET = lambda _: 1 / 0

    with pytest.raises(ZeroDivisionError):
        run(instances)

    assert ends(newest()) == [BUG, COMPLETED, COMPLETED]


def test_bug_while_writing_leaves_the_mirror_as_it_was(fleet):
    instances, _ = fleet

    def fail():
        raise RuntimeError("a bug")

    with at_statement('INSERT INTO "accounts_account"', fail), pytest.raises(RuntimeError):
        run(instances[:1])

    assert ends(newest()) == [BUG]
    assert Account.objects.count() == 0


@pytest.mark.parametrize("phase", ["reading", "writing"])
@pytest.mark.parametrize(
    ("error", "end", "status"),
    [
        (TimeoutException, BUG, "pending"),
        (KeyboardInterrupt, ("cancelled", ""), "cancelled"),
    ],
)
def test_run_that_is_cut_off_says_so_and_wipes_nothing(fleet, settings, phase, error, end, status):
    """django-q's time-out is a SystemExit raised by a signal, wherever the main thread is."""
    settings.READ_CONCURRENCY = 1
    instances, servers = fleet

    def cut(*_):
        raise error

    if phase == "reading":
        servers[0].hangs = True
        servers[0].during_read = lambda: _thread.interrupt_main(signal.SIGUSR1)
        before = signal.signal(signal.SIGUSR1, cut)
        with pytest.raises(error):
            run(instances[:2])
        signal.signal(signal.SIGUSR1, before)
    else:
        with at_statement('INSERT INTO "accounts_account"', cut), pytest.raises(error):
            run(instances[:2])

    # What was not begun waits for another worker, unless somebody wanted the run to end.
    assert ends(newest()) == [end, (status, "")]
    assert newest().status == ("cancelled" if status == "cancelled" else "running")
    assert Account.objects.count() == 0


def test_stored_run_that_is_cut_off_says_so(instance):
    def cut(_):
        raise SystemExit

    session = launch("accounts", "some.task", [instance], trigger="command")

    with pytest.raises(SystemExit):
        run_stored(session, cut)

    session.refresh_from_db()
    assert (session.status, ends(session)) == ("failed", [BUG])


def test_read_that_takes_too_long_is_interrupted(fleet, settings):
    settings.READ_TIMEOUT_SECONDS = 0.3
    instances, servers = fleet
    servers[0].hangs = True

    session = run(instances)

    assert ends(session) == [("failed", "DATABASE_TIMEOUT"), COMPLETED, COMPLETED]


def test_reader_that_never_returns_is_left_behind_visibly(fleet, settings, caplog):
    settings.READ_TIMEOUT_SECONDS = 0.3
    instances, servers = fleet
    servers[0].hangs = servers[0].ignores_interrupt = True
    started = time.monotonic()

    session = run(instances[:1])

    record = session.records.get()
    assert time.monotonic() - started < 6
    assert ends(session) == [("failed", "DATABASE_TIMEOUT")]
    assert fallbacks(caplog) == ["reader_abandoned"]
    assert "reader_left_behind" in events(record)
    servers[0].released.set()


def test_what_no_database_can_store_does_not_stop_the_run(fleet):
    instances, servers = fleet
    servers[0].fails_with = ConnectionFailed("Garbage: \0 \udcff")

    session = run(instances)

    assert ends(session) == [("failed", "DATABASE_CONNECTION_ERROR"), COMPLETED, COMPLETED]
    assert session.records.order_by("pk")[0].error_message == r"Garbage: \x00 \udcff"


def test_end_of_a_session_is_told_once_and_no_listener_can_spoil_it(fleet, caplog):
    instances, _ = fleet

    def broken(**_):
        raise ValueError("nobody listens")

    session_finished.connect(broken)
    with Finished() as finished:
        session = run(instances)
    session_finished.disconnect(broken)

    assert finished == [session.pk]
    assert session.status == "completed"
    assert fallbacks(caplog) == ["receiver_failed"]


def test_each_record_has_its_own_events(fleet):
    instances, servers = fleet
    servers[2].fails_with = ConnectionFailed("No.")

    session = run(instances)

    good = ["record_started", "server_read", "record_ended"]
    bad = ["record_started", "record_failed", "record_ended"]
    assert [events(record) for record in session.records.order_by("pk")] == [good, good, bad]


# --- the queue -------------------------------------------------------------------------------


@pytest.fixture
def queued(monkeypatch):
    """The calls of ``async_task``."""
    calls = []
    monkeypatch.setattr(
        "sync_sessions.launch.async_task", lambda *args, **kwargs: calls.append((args, kwargs))
    )
    return calls


def test_work_is_queued_on_commit_in_chunks_by_position(
    queued, settings, django_capture_on_commit_callbacks
):
    settings.RECORDS_PER_CHUNK = 2
    instances = [InstanceFactory() for _ in range(5)]

    with django_capture_on_commit_callbacks(execute=True):
        session = launch("accounts", "some.task", instances, trigger="schedule")
        before_commit = list(queued)

    keys = list(session.records.order_by("pk").values_list("pk", flat=True))
    assert before_commit == []
    assert queued == [
        (("some.task", str(session.pk), first, last), {})
        for first, last in ((keys[0], keys[1]), (keys[2], keys[3]), (keys[4], keys[4]))
    ]


@pytest.mark.django_db(transaction=True)
def test_launch_that_is_rolled_back_queues_nothing(queued, instance):
    with transaction.atomic():
        launch("accounts", "some.task", [instance], trigger="api")
        transaction.set_rollback(True)

    assert queued == []
    assert SyncRecord.objects.count() == 0


def test_session_without_records_is_over_at_launch(queued, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        session = launch("accounts", "some.task", [], trigger="schedule")

    assert (session.status, queued) == ("completed", [])
    assert session.finished_at == session.started_at is not None


def test_session_ids_are_found_in_every_event(fleet):
    session = run(fleet[0])

    assert set(SyncEvent.objects.values_list("session", flat=True)) == {session.pk}
    assert not any(
        re.search("session_id|record_id", str(fields))
        for fields in SyncEvent.objects.values_list("fields", flat=True)
    )
    assert SyncSession.objects.count() == 1
