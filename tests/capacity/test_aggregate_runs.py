"""The runs around the sums: sessions, follow-ups, the command, and what cuts them off."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from capacity import aggregate as module
from capacity.aggregate import Aggregation, launch_aggregation, refresh_after
from capacity.models import DatabaseAggregate, InstanceAggregate, StalePeriod
from capacity.periods import spans_of
from capacity.tasks import aggregate_all_due, aggregate_due, refresh_aggregates
from sync_sessions.launch import finish_session
from sync_sessions.models import SyncEvent, SyncRecord, SyncSession
from sync_sessions.outcomes import AlreadyRunning, Cancelled
from tests.capacity.aggregating import aggregate, expected, measure, stored
from tests.capacity.clock import START, clock_at, noon
from tests.factories import (
    DatabaseFactory,
    InstanceFactory,
    SyncRecordFactory,
    SyncSessionFactory,
)
from tests.sync_sessions.scripts import fallbacks
from whalefall.core.errors import InvalidRequest

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def databases(db):
    return DatabaseFactory.create_batch(2, instance=InstanceFactory())


def session_of(*instances):
    session = SyncSessionFactory(category="capacity", status="completed")
    for instance in instances:
        SyncRecordFactory(session=session, instance=instance, status="completed")
    return session


def queued():
    return [SignedPackage.loads(one.payload)["func"] for one in OrmQ.objects.all()]


def test_refresh_after_a_session_is_of_today_and_of_its_instances(databases):
    other = DatabaseFactory()
    for on in (START, START - DAY):
        measure(databases, {0: 5, 1: 6}, on)
        measure([other], {0: 7}, on)

    with clock_at(noon(START)):
        refresh_after(session_of(databases[0].instance))

    assert set(InstanceAggregate.objects.values_list("instance", "period_start")) == {
        (databases[0].instance_id, span.start) for span in spans_of(START)
    }
    assert DatabaseAggregate.objects.get(database=databases[1], period="daily").avg_bytes == 6
    left = StalePeriod.objects.filter(instance=databases[0].instance)
    assert {span.start for span in left.spans()} == {
        span.start for span in spans_of(START - DAY) if span not in spans_of(START)
    }
    assert StalePeriod.objects.filter(instance=other.instance).exists()


def test_refresh_after_a_session_that_left_nothing_stale_writes_nothing(
    databases, django_assert_num_queries
):
    session = session_of(databases[0].instance)

    with django_assert_num_queries(1):
        refresh_after(session)


def test_refresh_that_fails_is_an_event_of_the_session_and_done_later(
    databases, monkeypatch, caplog
):
    measure(databases, {0: 5}, START)
    session = session_of(databases[0].instance)
    monkeypatch.setattr(module, "refresh", broken)

    with clock_at(noon(START)):
        refresh_after(session)

    assert fallbacks(caplog) == ["aggregates_not_refreshed"]
    event = SyncEvent.objects.get(session=session)
    assert (event.event, event.fields["error"]) == ("aggregates_not_refreshed", "DatabaseError")
    monkeypatch.undo()
    aggregate(START)
    assert stored() == expected(START)


def broken(*_args, **_options):
    raise DatabaseError("The disk is full.")


@pytest.mark.parametrize(("category", "tasks"), [("capacity", 1), ("accounts", 0)])
def test_end_of_a_collection_queues_a_refresh(
    category, tasks, django_capture_on_commit_callbacks, databases
):
    measure(databases, {0: 5}, START)
    session = SyncSessionFactory(category=category, status="running")
    SyncRecordFactory(
        session=session, instance=databases[0].instance, category=category, status="completed"
    )

    with django_capture_on_commit_callbacks(execute=True):
        finish_session(session.pk)

    refreshes = [one for one in queued() if one == "capacity.tasks.refresh_aggregates"]
    assert len(refreshes) == tasks
    with clock_at(noon(START)):
        refresh_aggregates(str(session.pk))
    assert InstanceAggregate.objects.count() == 4


def test_schedule_launches_what_is_due(databases, django_capture_on_commit_callbacks):
    measure(databases, {0: 5}, START - 40 * DAY)

    with django_capture_on_commit_callbacks(execute=True), clock_at(noon(START)):
        session = aggregate_all_due(trigger="schedule")
        aggregate_due(str(session.pk), 0, 0)

    assert queued() == ["capacity.tasks.aggregate_due"]
    session.refresh_from_db()
    assert (session.category, session.status) == ("aggregation", "completed")
    assert stored() == expected(START)


def test_two_aggregations_never_overlap(databases):
    other = launch_aggregation("all", trigger="api").records.get()
    SyncRecord.objects.filter(pk=other.pk).update(status="running")

    with pytest.raises(AlreadyRunning):
        aggregate(START)


def test_run_that_is_cut_off_is_continued_by_the_next(databases, monkeypatch):
    for n in range(70):
        measure(databases, {0: n}, START - n * DAY)
    done = []

    def killed_in_the_second_month(level, span, *args, **options):
        if span.start.month == 2:
            raise SystemExit
        done.append(span)
        return refresh(level, span, *args, **options)

    refresh = module.refresh
    monkeypatch.setattr(module, "refresh", killed_in_the_second_month)
    with pytest.raises(SystemExit):
        aggregate(START)
    assert done
    assert InstanceAggregate.objects.exists()
    monkeypatch.undo()

    aggregate(START)

    assert stored() == expected(START)


def test_cancelled_run_stops_between_two_months_and_says_so(databases, monkeypatch):
    for n in range(70):
        measure(databases, {0: n}, START - n * DAY)

    def cancel_meanwhile(record: SyncRecord) -> None:
        SyncSession.objects.request_cancel(record.session_id, at=noon(START))
        keep(record)

    keep = module.keep
    monkeypatch.setattr(module, "keep", cancel_meanwhile)
    with pytest.raises(Cancelled):
        aggregate(START)

    assert SyncRecord.objects.get().status == SyncSession.objects.get().status == "cancelled"


def test_rebuild_corrects_what_nobody_marked(databases):
    for n in range(40):
        measure(databases, {0: n, 1: 2}, START - n * DAY)
    aggregate(START)
    right = stored()
    DatabaseAggregate.objects.update(avg_bytes=1, previous_avg_bytes=77)
    InstanceAggregate.objects.update(max_bytes=0)

    aggregate(START, rebuild=(START - 40 * DAY, START))

    assert stored() == right == expected(START)


# --- the command --------------------------------------------------------------------------------


def run(*words):
    out = StringIO()
    with clock_at(noon(START)):
        call_command("aggregate_capacity", *words, stdout=out)
    return out.getvalue()


def test_command_does_what_the_schedule_does(databases):
    measure(databases, {0: 5}, START - 40 * DAY)

    printed = json.loads(run("--json"))

    assert printed["status"] == "completed"
    assert printed["records"][0]["counts"]["database_rows"] == DatabaseAggregate.objects.count()
    assert stored() == expected(START)


def test_command_for_one_period_leaves_the_others_stale(databases):
    measure(databases, {0: 5}, START - 40 * DAY)

    run("--period", "weekly", "--period", "daily")

    kinds = set(InstanceAggregate.objects.values_list("period", flat=True))
    assert kinds == {"weekly", "daily"}
    assert {span.period for span in StalePeriod.objects.spans()} == {"monthly", "quarterly"}


def test_command_for_the_current_periods_leaves_older_ones(databases):
    measure(databases, {0: 5}, START)
    measure(databases, {0: 5}, START - 200 * DAY)

    assert "4 spans" in run("--current")

    assert {one.period_start for one in InstanceAggregate.objects.all()} == {
        span.start for span in spans_of(START)
    }
    assert StalePeriod.objects.count() == 4


def test_command_rebuilds_a_range_of_days(databases):
    measure(databases, {0: 5}, START - 40 * DAY)
    StalePeriod.objects.all().delete()

    run("--rebuild", "2026-01-01", "2026-03-01")

    assert stored() == expected(START)


@pytest.mark.parametrize(
    "words",
    [
        ("--rebuild", "2026-03-02", "2026-03-01"),
        ("--rebuild", "2026-03-32", "2026-03-01"),
        ("--rebuild", "2026-03-01"),
        ("--period", "yearly"),
        ("--current", "--rebuild", "2026-03-01", "2026-03-02"),
    ],
)
def test_wrong_usage_runs_nothing(words):
    with pytest.raises(CommandError):
        run(*words)

    assert not SyncSession.objects.exists()


def test_days_in_the_wrong_order_are_an_invalid_request():
    with pytest.raises(InvalidRequest):
        Aggregation(rebuild=(START, START - DAY))
