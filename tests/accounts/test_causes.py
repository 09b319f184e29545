"""Why something changed: by a person, by an upgrade, or only for our eyes."""

import pytest

from accounts.models import Account, AccountChange
from instances.engines.base import MembershipRecord, Section
from tests.accounts.mirror import causes, changes, edges, granted, member_of
from tests.factories import AccountFactory, sync
from tests.toy_engine import reading, role, select_on, user

pytestmark = pytest.mark.both_databases

ORDERS = "shop.public.orders"


def test_initial_load_is_one_entry_per_account(instance, server_has):
    accounts = [user(f"app{number}") for number in range(20)]
    server_has(
        instance,
        reading(
            [*accounts, role("readers")],
            [MembershipRecord(account.name, "readers") for account in accounts],
            [select_on(ORDERS, account.name) for account in accounts],
        ),
    )

    sync(instance)

    assert causes(instance) == [
        *((account.name, "added", "first_seen") for account in accounts),
        ("readers", "added", "first_seen"),
    ]


def test_upgrade_explains_new_words_and_system_roles_and_nothing_else(instance, server_has):
    old = reading([user("app")], grants=[select_on(ORDERS, "app")], version="16.4")
    server = server_has(instance, old)
    sync(instance)

    maintain = select_on(ORDERS, "app", privilege="MAINTAIN")
    server.reading = reading(
        [
            user("app", attributes={"scram_iterations": 4096}, is_locked=True),
            role("pg_maintain", is_system=True),
            user("new"),
        ],
        grants=[maintain, select_on("shop.public.items", "app")],
        version="17.0",
    )
    sync(instance)

    word = granted(ORDERS, privilege="MAINTAIN")
    assert changes(instance, 1) == [
        ("pg_maintain", "added", "engine_upgrade", {}),
        ("new", "added", "observed", {}),
        ("app", "attributes", "observed", {"attributes": {"is_locked": [False, True]}}),
        (
            "app",
            "attributes",
            "engine_upgrade",
            {"attributes": {"scram_iterations": [None, 4096]}},
        ),
        ("app", "granted", "engine_upgrade", word),
        ("app", "granted", "observed", granted("shop.public.items")),
        ("app", "revoked", "observed", granted(ORDERS)),
    ]


def test_word_and_system_role_that_an_upgrade_takes_away_are_its_doing(instance, server_has):
    old = reading(
        [user("app"), role("old_role", is_system=True)],
        grants=[select_on(ORDERS, "app", privilege="RULE")],
        version="1.9",
    )
    server = server_has(instance, old)
    sync(instance)

    server.reading = reading([user("app")], version="2.0")
    sync(instance)

    assert causes(instance, 2) == [
        ("old_role", "removed", "engine_upgrade"),
        ("app", "revoked", "engine_upgrade"),
    ]


def test_minor_version_explains_nothing(instance, server_has):
    server = server_has(instance, reading([user("app")], version="17.1"))
    sync(instance)

    maintain = select_on(ORDERS, "app", privilege="MAINTAIN")
    server.reading = reading([user("app")], grants=[maintain], version="17.2")
    sync(instance)

    assert causes(instance, 1) == [("app", "granted", "observed")]


def test_dump_and_restore_into_a_new_major_version_keeps_every_account(instance, server_has):
    names = ("postgres", "app", "dba", "etl")
    old = [user(name, native_id=str(16384 + at)) for at, name in enumerate(names[1:])]
    system = user("postgres", native_id="10", is_system=True)
    given = select_on(ORDERS, "app", grantor="dba")
    server = server_has(instance, reading([system, *old], grants=[given], version="16.4"))
    sync(instance)
    before = edges(instance)
    rows = dict(Account.objects.values_list("name", "pk"))

    # Restored in another order, so that each id is now another account's.
    new = [user(name, native_id=str(16384 + at)) for at, name in enumerate(reversed(names[1:]))]
    accounts = [system, *new, user("later", native_id="16390")]
    server.reading = reading(accounts, grants=[given], version="17.0")
    sync(instance)

    assert causes(instance, 4) == [("later", "added", "observed")]
    assert edges(instance) == before
    assert dict(Account.objects.exclude(name="later").values_list("name", "pk")) == rows
    assert Account.objects.get(name="app").native_id == "16386"


def test_id_of_an_account_removed_long_ago_says_nothing_after_a_restore(instance, server_has):
    server = server_has(instance, reading([user("app", native_id="1")], version="16.4"))
    sync(instance)
    AccountFactory(instance=instance, name="old", native_id="7", removed=True)

    accounts = [user("app", native_id="5"), user("later", native_id="7")]
    server.reading = reading(accounts, version="17.0")
    sync(instance)

    assert causes(instance, 1) == [("later", "added", "observed")]


def test_upgrade_in_place_still_sees_a_rename(instance, server_has):
    old = [user(name, native_id=str(number)) for number, name in enumerate("abc")]
    server = server_has(instance, reading(old, version="16.4"))
    sync(instance)

    server.reading = reading([user("z", native_id="0"), *old[1:]], version="17.0")
    sync(instance)

    assert causes(instance, 3) == [("z", "renamed", "observed")]


def test_revealed_section_is_a_matter_of_visibility(instance, server_has):
    members = Section("memberships", "", "We may not look.")
    accounts = [user("app"), role("readers")]
    server = server_has(instance, reading(accounts, unknown=[members]))
    sync(instance)

    server.reading = reading(accounts, [MembershipRecord("app", "readers")])
    sync(instance)

    assert changes(instance, 2) == [("app", "granted", "visibility", member_of("readers"))]


def test_new_database_is_observed(instance, server_has):
    server = server_has(instance, reading([user("app")]))
    sync(instance)

    grant = select_on("web.public.pages", "app")
    server.reading = reading([user("app")], grants=[grant], databases=("shop", "web"))
    sync(instance)

    assert causes(instance, 1) == [("app", "granted", "observed")]


def test_entries_of_one_reading_share_their_moment_and_session(instance, server_has):
    server_has(instance, reading([user("app"), user("new")]))

    record = sync(instance)

    moments = set(AccountChange.objects.values_list("occurred_at", "session"))
    assert {session for _, session in moments} == {record.session_id}
    assert len(moments) == 1
