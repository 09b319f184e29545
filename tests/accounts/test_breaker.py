"""A reading that would remove too much is held back until somebody decides."""

from datetime import UTC
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from accounts.held import AlreadyDecided, accept_reading, reject_reading
from accounts.models import Account, AccountChange, HeldReading
from accounts.reading import dump, load
from instances.engines.base import (
    AccountKind,
    AccountRecord,
    AccountsReading,
    GrantRecord,
    MembershipRecord,
    Scope,
    Section,
)
from instances.models import Section as StoredSection
from sync_sessions.models import SyncRecord
from sync_sessions.outcomes import AlreadyRunning
from tests.accounts.mirror import causes, written_tables
from tests.factories import SyncRecordFactory, SyncSessionFactory, UserFactory, sync
from tests.toy_engine import reading, select_on, user

pytestmark = pytest.mark.both_databases

TEN = reading([user(f"app{number}") for number in range(10)])


def accounts_of(number: int) -> AccountsReading:
    return reading(TEN.accounts[:number])


def with_grants(number: int) -> AccountsReading:
    grants = [select_on(f"shop.public.t{index}", "app0") for index in range(number)]
    return reading(TEN.accounts[:1], grants=grants)


def hold(instance: Any, server_has: Any) -> tuple[Any, HeldReading]:
    """An instance of ten accounts whose next reading, of one, is held back."""
    server = server_has(instance, TEN)
    sync(instance)
    server.reading = accounts_of(1)
    record = sync(instance)
    return server, HeldReading.objects.get(record=record)


@pytest.mark.parametrize(
    ("before", "after", "status"),
    [
        (accounts_of(10), accounts_of(6), "completed"),  # 4: below the floor
        (accounts_of(10), accounts_of(5), "failed"),  # 5 of 10
        (with_grants(20), with_grants(14), "completed"),  # 6 of 20 is the threshold itself
        (with_grants(20), with_grants(13), "failed"),
        (accounts_of(10), accounts_of(0), "failed"),
    ],
)
def test_breaker_opens_above_the_share_and_the_floor(instance, server_has, before, after, status):
    server = server_has(instance, before)
    sync(instance)

    server.reading = after
    record = sync(instance)

    assert (record.status, record.error_code) == (
        status,
        "" if status == "completed" else "SYNC_IMPLAUSIBLE",
    )


def test_share_is_a_setting(instance, server_has, settings):
    settings.IMPLAUSIBLE_SHARE = 0.5
    server = server_has(instance, TEN)
    sync(instance)

    server.reading = accounts_of(5)

    assert sync(instance).status == "completed"


def test_held_reading_changes_nothing_else(instance, server_has):
    server = server_has(instance, TEN)
    sync(instance)
    sections = list(StoredSection.objects.order_by("pk").values())
    instance.refresh_from_db()
    reached = instance.last_reached_at

    server.reading = accounts_of(1)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        record = sync(instance)

    held = HeldReading.objects.get()
    instance.refresh_from_db()
    assert set(written_tables(queries)) == {
        "sync_sessions_syncsession",
        "sync_sessions_syncrecord",
        "sync_sessions_syncevent",
        "accounts_heldreading",
        "auditlog_logentry",  # who started the run
    }
    assert held.summary == {
        "accounts": 10,
        "lost_accounts": 9,
        "edges": 0,
        "lost_edges": 0,
        "names": [f"app{number}" for number in range(1, 10)],
    }
    assert record.error_message == (
        f"{instance} would lose 9 of 10 accounts and 0 of 0 grants and memberships. Nothing was "
        f"changed; accept or reject held reading {held.pk}."
    )
    assert list(StoredSection.objects.order_by("pk").values()) == sections
    assert instance.last_reached_at == reached


@pytest.mark.django_db(transaction=True)
def test_accepting_applies_the_stored_reading_as_of_when_it_was_made(server_has, instance):
    server, held = hold(instance, server_has)
    server.fails_with = AssertionError("The server must not be read.")
    somebody = UserFactory()

    session = accept_reading(held, trigger="command", by=somebody)

    held.refresh_from_db()
    assert (held.decision, held.decided_by) == ("accepted", somebody)
    assert held.decided_at is not None
    assert session.status == "completed"
    assert session.requested_by == somebody
    assert [account.name for account in Account.objects.present()] == ["app0"]
    assert {entry[1:] for entry in causes(instance, 10)} == {("removed", "observed")}
    assert set(StoredSection.objects.values_list("read_at", flat=True)) == {held.record.started_at}


def test_rejecting_leaves_the_mirror_as_it_is(instance, server_has):
    _, held = hold(instance, server_has)

    reject_reading(held)

    assert held.decision == "rejected"
    assert Account.objects.present().count() == 10


@pytest.mark.django_db(transaction=True)
def test_nobody_decides_twice(server_has, instance):
    _, held = hold(instance, server_has)
    stale = HeldReading.objects.get()
    reject_reading(held)

    with pytest.raises(AlreadyDecided, match="rejected already"):
        accept_reading(stale, trigger="command")
    with pytest.raises(AlreadyDecided, match="rejected already"):
        reject_reading(held)

    assert SyncRecord.objects.count() == 2  # no session was opened for the refused decision
    assert Account.objects.present().count() == 10


@pytest.mark.parametrize("newer", [TEN, accounts_of(2)])
def test_newer_reading_overtakes_a_held_one(instance, server_has, newer):
    server, held = hold(instance, server_has)

    server.reading = newer
    sync(instance)

    held.refresh_from_db()
    assert (held.decision, held.decided_by) == ("superseded", None)
    with pytest.raises(AlreadyDecided, match="overtaken"):
        reject_reading(held)


@pytest.mark.django_db(transaction=True)
def test_held_reading_waits_on_where_a_sync_runs_meanwhile(server_has, instance):
    _, held = hold(instance, server_has)
    running = SyncRecordFactory(instance=instance, status="running", attempt=1)

    with pytest.raises(AlreadyRunning) as refused:
        accept_reading(held, trigger="command")

    held.refresh_from_db()
    assert held.decision == "pending"
    assert refused.value.extra == {"session_id": str(running.session_id)}
    assert Account.objects.present().count() == 10


@pytest.mark.django_db(transaction=True)
def test_acceptance_that_fails_in_the_middle_is_no_decision(server_has, instance, monkeypatch):
    _, held = hold(instance, server_has)
    HeldReading.objects.filter(pk=held.pk).update(reading={"version": "1.0"})
    held.refresh_from_db()

    with pytest.raises(KeyError):
        accept_reading(held, trigger="command")

    held.refresh_from_db()
    newest = SyncRecord.objects.order_by("pk").last()
    assert held.decision == "pending"
    assert newest is not None
    assert (newest.status, newest.error_code) == ("failed", "TASK_EXECUTION_FAILED")


def test_reading_of_another_server_overtakes_nothing(instance, server_has):
    _, held = hold(instance, server_has)
    other = SyncRecordFactory(session=SyncSessionFactory()).instance
    server_has(other, TEN)

    sync(other)

    held.refresh_from_db()
    assert held.decision == "pending"


# --- the stored form -------------------------------------------------------------------------

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
MOMENTS = st.none() | st.datetimes(timezones=st.just(UTC))
MAYBE = st.none() | st.booleans()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)
READINGS = st.builds(
    AccountsReading,
    NAMES,
    st.lists(st.builds(Section, NAMES, NAMES, NAMES, NAMES), max_size=3),
    st.lists(
        st.builds(
            AccountRecord,
            NAMES,
            st.sampled_from(AccountKind),
            st.none() | NAMES,
            st.booleans(),
            *[MAYBE] * 3,
            st.dictionaries(NAMES, JSON, max_size=3),
            *[MOMENTS] * 3,
        ),
        max_size=3,
    ),
    st.lists(
        st.builds(MembershipRecord, NAMES, NAMES, st.none() | NAMES, *[st.booleans()] * 4),
        max_size=3,
    ),
    st.lists(
        st.builds(
            GrantRecord,
            *(NAMES, NAMES, st.sampled_from(Scope), NAMES, NAMES, NAMES, NAMES),
            *(st.none() | NAMES, *[st.booleans()] * 3),
        ),
        max_size=3,
    ),
)


@pytest.mark.django_db
@given(READINGS)
def test_any_reading_survives_being_stored(read):
    record = SyncRecordFactory()
    held = HeldReading.objects.create(record=record, reading=dump(read), summary={})

    held.refresh_from_db()

    assert load(held.reading) == read
    record.session.delete()
    assert AccountChange.objects.count() == 0
