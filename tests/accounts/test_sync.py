"""What a sync writes: whole results, on whatever database Whalefall itself runs on."""

import pytest

from accounts.models import Account, AccountChange, Grant, Membership
from instances.engines.base import MembershipRecord, Section
from instances.models import Section as StoredSection
from tests.accounts.mirror import changes, edges, granted, member_of
from tests.factories import sync
from tests.toy_engine import reading, role, select_on, user

pytestmark = pytest.mark.both_databases


READERS = reading(
    [user("app"), role("readers")],
    [MembershipRecord("app", "readers")],
    [select_on("shop.public.orders", "readers")],
)


def test_first_sync_mirrors_everything_with_one_entry_per_account(instance, server_has):
    server_has(instance, READERS)

    record = sync(instance)

    assert (record.status, record.coverage, record.error_message) == ("completed", 1.0, "")
    assert record.counts == {
        "accounts": 2,
        "added": 2,
        "removed": 0,
        "granted": 2,
        "revoked": 0,
        "changes": 2,
        "sections": 4,
        "unknown_sections": 0,
        "touched": 2,
    }
    assert edges(instance) == {
        ("app", "∈", "readers", None, False),
        ("readers", "SELECT", "shop.public.orders", None, False),
    }
    assert changes(instance) == [
        ("app", "added", "first_seen", {}),
        ("readers", "added", "first_seen", {}),
    ]
    assert record.session.status == "completed"


def test_first_load_may_be_more_than_one_statement_holds(instance, server_has, monkeypatch):
    names = [f"app{number}" for number in range(20)]
    tables = {name: f"shop.public.{name}" for name in names}
    whole = reading(
        [*map(user, names), user("o'neil \\ %s \u2028"), role("readers")],
        [MembershipRecord(name, "readers", grantor="readers") for name in names],
        [select_on(table, name) for name, table in tables.items()],
    )
    server_has(instance, whole)
    monkeypatch.setattr("accounts.querysets.mirror.PARAMETERS", 50)

    sync(instance)

    assert edges(instance) == {
        *((name, "∈", "readers", "readers", False) for name in names),
        *((name, "SELECT", table, None, False) for name, table in tables.items()),
    }
    assert {row.name for row in Account.objects.all()} == {one.name for one in whole.accounts}
    assert {entry[:3] for entry in changes(instance)} == {
        (one.name, "added", "first_seen") for one in whole.accounts
    }


def test_edges_of_the_first_load_carry_its_moment(instance, server_has):
    server_has(instance, READERS)

    sync(instance)

    entry = AccountChange.objects.get(account__name="readers")
    assert Grant.objects.get(account__name="readers").valid_from == entry.occurred_at


def test_revoke_closes_the_edge_and_keeps_history(instance, server_has):
    server = server_has(instance, READERS)
    sync(instance)

    server.now_has(grants=())
    record = sync(instance)

    grant = Grant.objects.get()
    assert (record.counts["granted"], record.counts["revoked"]) == (0, 1)
    assert grant.valid_to == AccountChange.objects.get(kind="revoked").occurred_at
    assert changes(instance)[2:] == [
        ("readers", "revoked", "observed", granted("shop.public.orders"))
    ]


def test_grant_opens_an_edge(instance, server_has):
    server = server_has(instance, READERS)
    sync(instance)

    server.now_has(grants=(*READERS.grants, select_on("shop.public.items", "app")))
    sync(instance)

    assert changes(instance)[2:] == [("app", "granted", "observed", granted("shop.public.items"))]


def test_new_account_comes_with_its_edges(instance, server_has):
    server = server_has(instance, READERS)
    sync(instance)

    server.now_has(
        accounts=(*READERS.accounts, user("new")),
        memberships=(*READERS.memberships, MembershipRecord("new", "readers")),
    )
    sync(instance)

    assert changes(instance)[2:] == [("new", "added", "observed", member_of("readers"))]


def test_same_privilege_from_two_grantors_is_two_edges(instance, server_has):
    accounts = [user("app"), user("one"), user("two")]
    both = [select_on("shop.public.orders", "app", grantor=name) for name in ("one", "two")]
    server = server_has(instance, reading(accounts, grants=both))
    sync(instance)

    server.now_has(grants=both[1:])
    sync(instance)

    assert Grant.objects.open().get().grantor == Account.objects.get(name="two")
    assert changes(instance)[3:] == [
        (
            "app",
            "revoked",
            "observed",
            granted("shop.public.orders", grantor="one"),
        )
    ]


def test_grant_option_taken_away_is_one_entry_that_says_what_was(instance, server_has):
    grant = select_on("shop.public.orders", "app", grantable=True)
    server = server_has(instance, reading([user("app")], grants=[grant]))
    sync(instance)

    server.now_has(grants=(select_on("shop.public.orders", "app"),))
    sync(instance)

    was = {"grantable": True}
    assert changes(instance)[1:] == [
        ("app", "revoked", "observed", granted("shop.public.orders", was=was))
    ]
    assert [grant.grantable for grant in Grant.objects.order_by("pk")] == [True, False]
    assert Grant.objects.open().get().grantable is False


def test_vanished_account_is_removed_with_its_edges_and_comes_back_restored(instance, server_has):
    server = server_has(instance, READERS)
    sync(instance)

    server.now_has(accounts=READERS.accounts[1:], memberships=())
    sync(instance)
    server.now_has(accounts=READERS.accounts, memberships=READERS.memberships)
    sync(instance)

    assert changes(instance)[2:] == [
        ("app", "removed", "observed", member_of("readers")),
        ("app", "restored", "observed", member_of("readers")),
    ]
    assert Account.objects.get(name="app").removed_at is None
    assert Membership.objects.count() == 2


def test_rename_is_one_entry_and_keeps_the_row(instance, server_has):
    server = server_has(
        instance,
        reading(
            [user("app", native_id="7"), user("other", native_id="8")],
            grants=[select_on("shop.public.orders", "other", grantor="app")],
        ),
    )
    sync(instance)

    server.now_has(
        accounts=(user("application", native_id="7"), user("other", native_id="8")),
        grants=(select_on("shop.public.orders", "other", grantor="application"),),
    )
    sync(instance)

    assert changes(instance)[2:] == [
        ("application", "renamed", "observed", {"attributes": {"name": ["app", "application"]}})
    ]
    assert Grant.objects.get().valid_to is None


def test_two_accounts_may_swap_their_names(instance, server_has):
    server = server_has(instance, reading([user("a", native_id="1"), user("b", native_id="2")]))
    sync(instance)

    server.now_has(accounts=(user("b", native_id="1"), user("a", native_id="2")))
    sync(instance)

    assert [entry[:3] for entry in changes(instance)[2:]] == [
        ("b", "renamed", "observed"),
        ("a", "renamed", "observed"),
    ]
    assert set(Account.objects.present().values_list("name", "native_id")) == {
        ("a", "2"),
        ("b", "1"),
    }


def test_same_name_under_a_new_id_is_another_account(instance, server_has):
    grant = select_on("shop.public.orders", "app")
    server = server_has(instance, reading([user("app", native_id="7")], grants=[grant]))
    sync(instance)

    server.now_has(accounts=(user("app", native_id="9"),))
    sync(instance)

    old, new = Account.objects.order_by("pk")
    moved = granted("shop.public.orders")
    assert (old.removed_at is None, new.removed_at) == (False, None)
    assert changes(instance)[1:] == [
        ("app", "recreated", "observed", moved),
        ("app", "removed", "observed", moved),
    ]
    assert Grant.objects.open().get().account == new


def test_attribute_change_shows_before_and_after(instance, server_has):
    server = server_has(instance, reading([user("app", attributes={"connection_limit": 5})]))
    sync(instance)

    server.now_has(accounts=(user("app", is_superuser=True, attributes={"connection_limit": 9}),))
    sync(instance)

    diff = {"attributes": {"connection_limit": [5, 9], "is_superuser": [False, True]}}
    assert changes(instance)[1:] == [("app", "attributes", "observed", diff)]
    assert Account.objects.get().facts["superuser"]["value"] is True


def test_sections_are_stored_with_the_moment_they_were_read(instance, server_has):
    missing = Section("grants", "shop", "We may not connect.", "GRANT CONNECT …")
    server = server_has(instance, READERS)
    sync(instance)
    first = StoredSection.objects.get(name="grants")

    server.now_has(sections=reading(unknown=[missing]).sections)
    record = sync(instance)

    section = StoredSection.objects.get(name="grants")
    assert record.coverage == 0.75
    assert (section.state, section.reason, section.needed_grant, section.read_at) == (
        "unknown",
        "We may not connect.",
        "GRANT CONNECT …",
        first.read_at,
    )
