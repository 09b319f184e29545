"""An unchanged server costs nothing: no write to the mirror, whatever the order of its rows."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.compare import fingerprint
from accounts.diffs import FIELDS
from accounts.edges import Edges
from accounts.models import AccountChange
from instances.engines.base import (
    AccountKind,
    AccountRecord,
    AccountsReading,
    MembershipRecord,
    Section,
)
from instances.models import Section as StoredSection
from sync_sessions.models import SyncRecord
from tests.accounts.mirror import edges, written_tables
from tests.factories import InstanceFactory, sync
from tests.toy_engine import reading, role, select_on, user

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db]

MIRROR = {
    f"accounts_{name}" for name in ("account", "accountchange", "grant", "membership", "securable")
}
SHOP = Section("grants", "shop", "We may not connect.")


def company(number: int, *unknown: Section) -> AccountsReading:
    """``number`` accounts in two roles, each with a grant, given by one another."""
    names = [f"app{at}" for at in range(number)]
    return reading(
        [
            *(
                user(name, native_id=name, attributes={"b": [1], "a": {"x": 1, "y": 2}})
                for name in names
            ),
            role("readers"),
            role("writers"),
        ],
        [
            *(MembershipRecord(name, "readers") for name in names),
            *(MembershipRecord(name, "writers", grantor=names[0]) for name in names[1:]),
        ],
        [select_on(f"shop.public.{name}", name, grantor=names[0]) for name in names],
        unknown=unknown,
    )


@pytest.mark.parametrize("unknown", [(), (SHOP,)])
def test_quiet_sync_writes_its_record_and_the_moment_of_its_sections(instance, server_has, unknown):
    server_has(instance, company(10, *unknown))
    sync(instance)
    before = set(StoredSection.objects.values_list("read_at", flat=True))

    with CaptureQueriesContext(connection) as queries:
        record = sync(instance)

    tables = written_tables(queries)
    assert sorted(table for table in tables if not table.startswith("sync_sessions")) == [
        "accounts_heldreading",  # supersedes those that wait: none
        "auditlog_logentry",  # a command started it
        "instances_instance",
        *["instances_section"] * (1 + len(unknown)),
    ]
    assert {table for table in tables if table.startswith("sync_sessions")} == {
        "sync_sessions_syncsession",
        "sync_sessions_syncrecord",
        "sync_sessions_syncevent",
    }
    assert record.counts["changes"] == record.counts["granted"] == record.counts["revoked"] == 0
    if not unknown:
        assert before.isdisjoint(StoredSection.objects.values_list("read_at", flat=True))


def test_quiet_sync_asks_our_database_the_same_number_of_things_whatever_the_size(server_has):
    statements = []
    for number in (10, 1000):
        instance = InstanceFactory()
        server_has(instance, company(number))
        sync(instance)
        statements.append(sync(instance).timings["own_statements"])

    assert statements[0] == statements[1]


@pytest.mark.parametrize("unknown", [(), (SHOP,)])
def test_replays_in_any_order_make_no_entry(instance, server_has, unknown):
    whole = company(6, *unknown)
    server = server_has(instance, whole)
    sync(instance)
    before, entries = edges(instance), AccountChange.objects.count()
    shuffle = Random(7)

    for _ in range(60):
        server.now_has(
            **{
                part: shuffle.sample(rows, len(rows))
                for part in ("sections", "accounts", "memberships", "grants")
                if (rows := list(getattr(whole, part)))
            }
        )
        sync(instance)

    assert edges(instance) == before
    assert AccountChange.objects.count() == entries
    assert set(SyncRecord.objects.values_list("status", flat=True)) == {"completed"}


def test_rows_that_come_twice_are_one_edge(instance, server_has):
    whole = company(3)
    server = server_has(instance, whole)
    sync(instance)
    before = edges(instance)

    server.now_has(memberships=(*whole.memberships,) * 2, grants=(*whole.grants,) * 2)
    with CaptureQueriesContext(connection) as queries:
        sync(instance)

    assert edges(instance) == before
    assert MIRROR.isdisjoint(written_tables(queries))


def test_rows_of_one_edge_with_other_options_are_what_either_allows(instance, server_has):
    grants = [select_on("shop.public.orders", "app", grantable=option) for option in (True, False)]
    server = server_has(instance, reading([user("app")], grants=grants))
    sync(instance)

    server.now_has(grants=grants[::-1])
    sync(instance)

    assert edges(instance) == {("app", "SELECT", "shop.public.orders", None, True)}
    assert AccountChange.objects.count() == 1


def test_attributes_in_another_order_are_the_same(instance, server_has):
    server = server_has(instance, company(1))
    sync(instance)

    app = user("app0", native_id="app0", attributes={"a": {"y": 2, "x": 1}, "b": [1]})
    server.now_has(accounts=(app, *company(1).accounts[1:]))
    with CaptureQueriesContext(connection) as queries:
        sync(instance)

    assert MIRROR.isdisjoint(written_tables(queries))


def test_two_accounts_of_one_id_or_name_are_an_unusable_answer(instance, server_has):
    for twice in ([user("a", native_id="1"), user("b", native_id="1")], [user("a"), user("a")]):
        server_has(instance, reading(twice))

        record = sync(instance)

        assert (record.status, record.error_code) == ("failed", "SYNC_DATA_ERROR")
        assert AccountChange.objects.count() == 0


MOMENT = datetime(2026, 3, 31, 12, 30, 15, 123456, tzinfo=UTC)
ADA = AccountRecord("ada", AccountKind.USER)
OTHERWISE: dict[str, Any] = {
    "name": "eve",
    "native_id": "7",
    "kind": AccountKind.ROLE,
    "is_system": True,
    "can_login": False,
    "is_superuser": False,
    "is_locked": False,
    "attributes": {"plugin": "ed25519"},
    "password_changed_at": MOMENT,
    "password_expires_at": MOMENT,
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_each_fact_of_an_account_is_in_its_fingerprint(name):
    other = replace(ADA, **{name: OTHERWISE[name]})

    assert fingerprint(other, Edges()) != fingerprint(ADA, Edges())
    assert set(OTHERWISE) == {*FIELDS, "name", "native_id", "attributes"}


def test_a_fact_that_may_be_said_in_two_ways_has_one_fingerprint():
    zone = timezone(timedelta(hours=2))
    same = [
        AccountRecord("ada", kind, password_changed_at=moment, attributes=attributes)
        for kind, moment, attributes in (
            (AccountKind.USER, MOMENT, {"a": {"x": [MOMENT], "y": 2}, "b": 1}),
            (AccountKind("user"), MOMENT.astimezone(zone), {"b": 1, "a": {"y": 2, "x": (MOMENT,)}}),
        )
    ]

    assert len({fingerprint(one, Edges()) for one in same}) == 1
