"""Clean-up deletes exactly what the settings say, in small transactions, and says what it did."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.history import HistoryForgotten, kept_since
from accounts.models import Account, AccountChange, Grant, HeldReading, Membership, Securable
from accounts.privileges import direct_privileges
from capacity.models import DatabaseAggregate, Forecast, InstanceAggregate, TableSize
from instances.models import Database
from sync_sessions import cleaning
from sync_sessions.fleet import run_for_fleet, step
from sync_sessions.launch import cancel_session
from sync_sessions.models import SyncEvent, SyncRecord, SyncSession
from sync_sessions.outcomes import Cancelled, LeaseLost, Outcome
from tests.capacity.keeping import record_of
from tests.factories import (
    AccountChangeFactory,
    AccountFactory,
    DatabaseAggregateFactory,
    DatabaseFactory,
    DatabaseSizeFactory,
    ForecastFactory,
    GrantFactory,
    InstanceAggregateFactory,
    InstanceFactory,
    MembershipFactory,
    SectionFactory,
    SecurableFactory,
    SyncRecordFactory,
    SyncSessionFactory,
    TableSizeFactory,
)
from whalefall.cleaning import clean_up_now
from whalefall.core.querysets import forget_oldest

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

NAMES = (
    *("EVENT_RETENTION_DAYS", "SESSION_RETENTION_DAYS", "HELD_READING_RETENTION_DAYS"),
    *("CHANGE_RETENTION_DAYS", "HISTORY_RETENTION_DAYS", "REMOVED_DATABASE_RETENTION_DAYS"),
    *("TABLE_SIZE_RETENTION_MONTHS", "FORECAST_RETENTION_MONTHS"),
)


@pytest.fixture(autouse=True)
def _kept_for_ever(settings):
    """Each test says what it does not keep."""
    for name in NAMES:
        setattr(settings, name, 0)
    settings.AGGREGATE_RETENTION_MONTHS = dict.fromkeys(settings.AGGREGATE_RETENTION_MONTHS, 0)


def ago(days: int) -> datetime:
    return timezone.now() - timedelta(days=days)


def day_ago(days: int) -> date:
    return timezone.localdate() - timedelta(days=days)


def cleaned() -> dict[str, int]:
    return record_of(clean_up_now(trigger="command")).counts  # type: ignore[no-any-return]


def keys(model: Any) -> set[Any]:
    return set(model.objects.values_list("pk", flat=True))


def session(days: int, status: str = "completed", **fields: Any) -> SyncSession:
    made: SyncSession = SyncSessionFactory(created_at=ago(days), status=status, **fields)
    return made


def say(about: SyncSession, number: int = 1) -> None:
    rows = (SyncEvent(session=about, event="said", level="info", at=ago(0)) for _ in range(number))
    SyncEvent.objects.bulk_create(rows)


# --- sessions ---------------------------------------------------------------------------------


def test_nothing_goes_where_everything_is_kept_for_ever():
    say(session(5000))
    GrantFactory(valid_to=ago(5000))
    TableSizeFactory(valid_to=day_ago(5000))
    assert cleaned() == {}
    assert (SyncSession.objects.count(), SyncEvent.objects.count()) == (2, 2)
    assert (Grant.objects.count(), TableSize.objects.count()) == (1, 1)


def test_old_sessions_lose_their_events_then_themselves(settings):
    settings.EVENT_RETENTION_DAYS, settings.SESSION_RETENTION_DAYS = 10, 20
    new, middle, old, running = session(9), session(11), session(21), session(99, "running")
    for one in (new, middle, old, running):
        SyncRecordFactory(session=one)
        say(one, 3)

    assert cleaned() == {"syncevent": 6, "syncsession": 1, "syncrecord": 1}

    this = SyncSession.objects.get(category="clean_up")
    assert keys(SyncSession) == {new.pk, middle.pk, running.pk, this.pk}
    assert set(SyncEvent.objects.values_list("session", flat=True)) == {new.pk, running.pk, this.pk}
    assert SyncRecord.objects.count() == 4


def test_session_is_kept_for_a_decision_and_decided_readings_go(settings):
    settings.SESSION_RETENTION_DAYS = settings.HELD_READING_RETENTION_DAYS = 20
    waiting = SyncRecordFactory(session=session(99), status="failed")
    held = [HeldReading.objects.create(record=waiting, reading={}, summary={})]
    for days, decision in ((19, "accepted"), (21, "rejected"), (99, "superseded")):
        record = SyncRecordFactory(session=session(5), status="failed")
        made = HeldReading.objects.create(record=record, reading={}, summary={}, decision=decision)
        HeldReading.objects.filter(pk=made.pk).update(decided_at=ago(days))
        held.append(made)

    assert cleaned() == {"heldreading": 2}

    assert keys(HeldReading) == {held[0].pk, held[1].pk}
    assert SyncRecord.objects.filter(pk=waiting.pk).exists()


def test_change_outlives_the_session_that_saw_it(settings):
    settings.SESSION_RETENTION_DAYS, settings.CHANGE_RETENTION_DAYS = 20, 100
    kept = AccountChangeFactory(session=session(30), occurred_at=ago(30))
    AccountChangeFactory(occurred_at=ago(101))

    assert cleaned() == {"accountchange": 1, "syncsession": 1}

    change = AccountChange.objects.get()
    assert (change.pk, change.session) == (kept.pk, None)


# --- history ----------------------------------------------------------------------------------


def test_closed_edges_go_and_what_only_they_spoke_of(settings):
    settings.HISTORY_RETENTION_DAYS = 100
    instance = InstanceFactory()
    ada, role = AccountFactory.create_batch(2, instance=instance, first_seen_at=ago(900))
    removed = {"instance": instance, "first_seen_at": ago(900)}
    gone, remembered, grantor, recent = (
        AccountFactory(**removed, removed_at=ago(days)) for days in (200, 200, 200, 99)
    )
    AccountChangeFactory(account=remembered, occurred_at=ago(200))
    table, unused = SecurableFactory.create_batch(2, instance=instance)
    edge = {"account": ada, "securable": table}
    kept = [
        GrantFactory(**edge),
        GrantFactory(**edge, valid_to=ago(99), grantor=grantor, privilege="UPDATE"),
    ]
    GrantFactory(account=ada, securable=unused, valid_to=ago(101))
    GrantFactory(account=gone, securable=table, valid_to=ago(200))
    member = MembershipFactory(member=ada, role=role)
    MembershipFactory(member=ada, role=gone, valid_to=ago(200))

    counts = cleaned()

    assert keys(Grant) == {one.pk for one in kept}
    assert keys(Membership) == {member.pk}
    assert keys(Account) == {ada.pk, role.pk, remembered.pk, grantor.pk, recent.pk}
    assert keys(Securable) == {table.pk}
    since = int(f"{day_ago(100):%Y%m%d}")
    deleted = {"grant": 2, "membership": 1, "account": 1, "securable": 1}
    assert counts == {**deleted, "history_since": since}
    assert cleaned() == {"history_since": since}


def test_past_before_the_kept_history_is_refused_not_shown_too_small(settings):
    grant = GrantFactory(account__first_seen_at=ago(900), valid_to=ago(150))
    account = grant.account
    SectionFactory(instance=account.instance, name="table")
    assert len(direct_privileges(account, at=ago(200)).privileges) == 1
    settings.HISTORY_RETENTION_DAYS = 100

    cleaned()

    with pytest.raises(HistoryForgotten, match="kept since"):
        direct_privileges(account, at=ago(200))
    for at in (ago(99), None):
        assert direct_privileges(account, at=at).privileges == []
    settings.HISTORY_RETENTION_DAYS = 1000  # what is gone does not come back with the setting
    cleaned()
    with pytest.raises(HistoryForgotten):
        direct_privileges(account, at=ago(200))


def test_command_refuses_a_forgotten_moment_of_a_forgotten_account(settings):
    account = AccountFactory(first_seen_at=ago(900), removed_at=ago(200))
    settings.HISTORY_RETENTION_DAYS = 100
    cleaned()
    assert not Account.objects.exists()

    name, moment = account.instance.name, f"{day_ago(300)}"
    with pytest.raises(CommandError, match="kept since"):
        call_command("privileges", name, account.name, "--at", moment)
    with pytest.raises(CommandError, match="has no account"):
        call_command("privileges", name, account.name, "--at", f"{day_ago(50)}")


def test_mark_of_the_kept_history_outlives_the_session_that_set_it(settings):
    settings.HISTORY_RETENTION_DAYS = 100
    GrantFactory(valid_to=ago(150))
    cleaned()
    SyncSession.objects.update(created_at=ago(500))
    marked = kept_since()
    settings.SESSION_RETENTION_DAYS = 20

    for _ in range(3):  # each has the mark too, so the one before the last may go
        cleaned()
        assert SyncSession.objects.count() == 2
        SyncSession.objects.update(created_at=ago(500))
    SyncRecord.objects.update(status="failed")
    cleaned()

    assert kept_since() == marked is not None


def test_mark_is_there_though_the_run_that_set_it_was_cut_off(settings, monkeypatch):
    settings.HISTORY_RETENTION_DAYS = 100
    GrantFactory(valid_to=ago(150))
    batches = []

    def cut(*args: Any, **options: Any) -> Any:
        batches.append(forget_oldest(*args, **options))
        raise KeyboardInterrupt

    monkeypatch.setattr(cleaning, "forget_oldest", cut)
    with pytest.raises(KeyboardInterrupt):
        clean_up_now(trigger="command")

    assert batches == [{"grant": 1}]
    assert SyncRecord.objects.get().status == "cancelled"
    assert kept_since() is not None


def test_without_anything_old_no_moment_is_refused(settings):
    settings.HISTORY_RETENTION_DAYS = 100
    GrantFactory(valid_to=ago(99))
    assert cleaned() == {}
    assert kept_since() is None


# --- sizes ------------------------------------------------------------------------------------


def test_table_keeps_its_newest_size_however_old(settings):
    settings.TABLE_SIZE_RETENTION_MONTHS = 12
    database, other = DatabaseFactory.create_batch(2)
    long_ago, before, lately = day_ago(900), day_ago(800), day_ago(100)
    table = {"database": database, "name": "orders"}
    kept = [
        TableSizeFactory(**table, valid_from=before, valid_to=lately),
        TableSizeFactory(**table, valid_from=lately),
        TableSizeFactory(**table, schema="archive", valid_from=long_ago, valid_to=before),
        TableSizeFactory(database=other, name="orders", valid_from=long_ago, valid_to=before),
    ]
    TableSizeFactory(**table, valid_from=long_ago, valid_to=before)

    assert cleaned() == {"tablesize": 1}

    assert keys(TableSize) == {one.pk for one in kept}


def test_aggregates_and_forecasts_go_by_their_own_settings(settings):
    settings.AGGREGATE_RETENTION_MONTHS = {"daily": 2, "weekly": 12, "monthly": 0, "quarterly": 0}
    settings.FORECAST_RETENTION_MONTHS = 12
    kept: dict[Any, set[int]] = {DatabaseAggregate: set(), InstanceAggregate: set()}
    month = timezone.localdate().replace(day=1)
    for factory in (DatabaseAggregateFactory, InstanceAggregateFactory):
        for period, oldest in (("daily", 2), ("weekly", 12), ("monthly", 99), ("quarterly", 99)):
            for months in (1, 2, 3, 12, 13, 90):
                start = month
                for _ in range(months):
                    start = (start - timedelta(days=1)).replace(day=1)
                made = factory(period=period, period_start=start)
                if months <= oldest:
                    kept[type(made)].add(made.pk)
    fresh = ForecastFactory(made_on=day_ago(300))
    ForecastFactory(made_on=day_ago(500))

    assert cleaned() == {"databaseaggregate": 6, "instanceaggregate": 6, "forecast": 1}

    for model, rows in kept.items():
        assert keys(model) == rows
    assert keys(Forecast) == {fresh.pk}


def test_removed_database_goes_when_nothing_is_known_of_it(settings):
    settings.REMOVED_DATABASE_RETENTION_DAYS = 100
    removed = {"first_seen_at": ago(900), "removed_at": ago(200)}
    measured, summed, with_tables, foreseen = DatabaseFactory.create_batch(4, **removed)
    DatabaseSizeFactory(database=measured)
    DatabaseAggregateFactory(database=summed)
    TableSizeFactory(database=with_tables)
    ForecastFactory(database=foreseen)
    lately = DatabaseFactory(first_seen_at=ago(900), removed_at=ago(99))
    present = DatabaseFactory(first_seen_at=ago(900))
    DatabaseFactory(**removed)

    assert cleaned() == {"database": 1}

    rows = (measured, summed, with_tables, foreseen, lately, present)
    assert keys(Database) == {one.pk for one in rows}


# --- batches ----------------------------------------------------------------------------------


def test_batches_are_ranges_of_a_bounded_size():
    account = AccountFactory()
    moments = [ago(400 + number // 3) for number in range(100)]
    AccountChange.objects.bulk_create(
        AccountChange(account=account, kind="added", cause="observed", occurred_at=moment)
        for moment in moments
    )
    rows = AccountChange.objects.filter(occurred_at__lt=ago(410))
    expected = len([moment for moment in moments if moment < ago(410)])

    batches = []
    while batch := forget_oldest(rows, "occurred_at", most=10):
        batches.append(batch["accountchange"])

    assert sum(batches) == expected
    assert AccountChange.objects.count() == 100 - expected
    assert all(10 <= size <= 12 for size in batches[:-1])


def test_statements_grow_with_batches_not_with_rows(settings):
    settings.EVENT_RETENTION_DAYS = 10

    def statements(sessions: int) -> int:
        for _ in range(sessions):
            say(session(20), 30)
        with CaptureQueriesContext(
            connection,
        ) as asked:
            cleaned()
        assert SyncEvent.objects.filter(event="said").count() == 0
        return len(asked)

    assert statements(20) == statements(1)
    assert statements(45) > statements(20)


def test_cancelled_clean_up_stops_between_two_steps():
    def work(record: SyncRecord) -> Outcome:
        with step(record):
            pass
        cancel_session(record.session)
        with step(record):
            raise AssertionError
        return Outcome({})

    with pytest.raises(Cancelled):
        run_for_fleet("clean_up", "some.task", work, trigger="command")

    assert SyncRecord.objects.get().status == "cancelled"
    assert SyncSession.objects.get().status == "cancelled"


def test_step_of_a_record_that_another_worker_has_is_not_taken():
    def work(record: SyncRecord) -> Outcome:
        SyncRecord.objects.update(attempt=2)
        with step(record):
            raise AssertionError
        return Outcome({})

    with pytest.raises(LeaseLost):
        run_for_fleet("clean_up", "some.task", work, trigger="command")

    assert SyncRecord.objects.get().status == "running"


def test_command_prints_what_went(settings, capsys):
    settings.EVENT_RETENTION_DAYS = 10
    say(session(20), 7)
    call_command("clean_up")
    assert "whole fleet: 7 syncevent" in capsys.readouterr().out
