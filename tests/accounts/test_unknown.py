"""A section that could not be read keeps what we had, and tells nobody of a change."""

from typing import Any

import pytest

from accounts.management.commands.privileges import how
from accounts.models import Account
from instances.engines.base import AccountsReading, MembershipRecord, Scope, Section
from instances.models import Section as StoredSection
from tests.accounts.mirror import causes, changes, edges, granted, member_of
from tests.factories import sync
from tests.toy_engine import ToyServer, reading, role, select_on, user

pytestmark = pytest.mark.both_databases

ORDERS, ITEMS, PAGES = "shop.public.orders", "shop.public.items", "web.public.pages"
SHOP = Section("grants", "shop", "We may not connect.", "GRANT CONNECT …")
SERVER = Section("server", "", "We may not look.")
MEMBERSHIPS = Section("memberships", "", "We may not look.")
ACCOUNTS = Section("accounts", "", "We may not look.")
ALL = reading(
    [user("app", native_id="1"), user("dba", native_id="2"), role("readers", native_id="3")],
    [MembershipRecord("app", "readers", "dba")],
    [
        select_on(ORDERS, "readers", grantor="dba"),
        select_on(PAGES, "app"),
        select_on("shop.public.", "dba", privilege="CONNECT", scope=Scope.DATABASE),
    ],
    databases=("shop", "web"),
)
FIRST_LOAD = 3


def without(server: ToyServer, *unknown: Section, **parts: object) -> None:
    """The server's rows of ``unknown`` sections are hidden from us, whatever else ``parts`` say."""
    hidden = {(section.name, section.database) for section in unknown}
    whole: AccountsReading = server.reading
    places = {Scope.DATABASE: ("server", "")}
    shown: dict[str, object] = {
        "accounts": () if ("accounts", "") in hidden else whole.accounts,
        "memberships": () if ("memberships", "") in hidden else whole.memberships,
        "grants": tuple(
            grant
            for grant in whole.grants
            if places.get(grant.scope, ("grants", grant.database)) not in hidden
        ),
        "sections": reading(databases=("shop", "web"), unknown=unknown).sections,
    }
    server.now_has(**shown | parts)


@pytest.mark.parametrize(
    "hidden",
    [
        (SHOP,),
        (SERVER,),
        (MEMBERSHIPS,),
        (ACCOUNTS,),
        (SHOP, Section("grants", "web", "No."), SERVER, MEMBERSHIPS, ACCOUNTS),
    ],
)
def test_lost_sight_changes_nothing_and_neither_does_regaining_it(instance, server_has, hidden):
    server = server_has(instance, ALL)
    sync(instance)
    before = edges(instance)
    rows = list(Account.objects.order_by("pk").values("name", "fingerprint", "attributes"))

    without(server, *hidden)
    blind = sync(instance)
    while_blind = edges(instance)
    server.reading = ALL
    again = sync(instance)

    assert (blind.coverage, again.coverage) == (1 - len(hidden) / 5, 1.0)
    assert (blind.counts["revoked"], blind.counts["removed"], blind.counts["changes"]) == (0, 0, 0)
    assert while_blind == edges(instance) == before
    assert changes(instance, FIRST_LOAD) == []
    assert list(Account.objects.order_by("pk").values(*rows[0])) == rows


def test_unknown_section_keeps_the_moment_it_was_last_read(instance, server_has):
    server = server_has(instance, ALL)
    sync(instance)
    first: dict[int, Any] = dict(StoredSection.objects.values_list("pk", "read_at"))

    without(server, SHOP)
    sync(instance)

    kept = StoredSection.objects.get(name="grants", database="shop")
    known = StoredSection.objects.get(name="grants", database="web")
    assert kept.read_at == first[kept.pk]
    assert known.read_at is not None
    assert known.read_at > first[known.pk]


def test_what_changed_unseen_is_told_once_as_a_matter_of_visibility(instance, server_has):
    server = server_has(instance, ALL)
    sync(instance)

    without(server, SHOP)
    sync(instance)
    server.reading = ALL
    server.now_has(grants=(select_on(ITEMS, "readers"), *ALL.grants[1:]))
    sync(instance)

    assert changes(instance, FIRST_LOAD) == [
        ("readers", "granted", "visibility", granted(ITEMS)),
        ("readers", "revoked", "visibility", granted(ORDERS, grantor="dba")),
    ]


def test_change_in_a_known_section_is_still_observed_beside_an_unknown_one(instance, server_has):
    server = server_has(instance, ALL)
    sync(instance)

    without(server, SHOP, grants=())
    sync(instance)

    assert causes(instance, FIRST_LOAD) == [
        ("app", "revoked", "observed"),
        ("dba", "revoked", "observed"),
    ]


def test_database_without_a_section_is_dropped_and_its_edges_are_over(instance, server_has):
    server = server_has(instance, ALL)
    sync(instance)

    server.reading = reading(ALL.accounts, ALL.memberships, ALL.grants[1:], databases=("web",))
    sync(instance)

    assert changes(instance, FIRST_LOAD) == [
        ("readers", "revoked", "observed", granted(ORDERS, grantor="dba"))
    ]


def test_row_seen_in_an_unknown_section_is_added_silently_and_none_is_missed(instance, server_has):
    server = server_has(instance, ALL)
    sync(instance)
    before = edges(instance)

    without(server, SHOP, grants=(select_on(ITEMS, "app"), *ALL.grants[1:]))
    record = sync(instance)

    assert edges(instance) - before == {("app", "SELECT", ITEMS, None, False)}
    assert before <= edges(instance)
    assert (record.counts["granted"], record.counts["changes"]) == (1, 0)


def test_options_seen_in_an_unknown_section_never_take_any_away(instance, server_has):
    whole = reading([user("app")], grants=[select_on(ORDERS, "app", grantable=True)])
    server = server_has(instance, whole)
    sync(instance)

    server.reading = reading([user("app")], grants=[select_on(ORDERS, "app")], unknown=[SHOP])
    sync(instance)

    assert edges(instance) == {("app", "SELECT", ORDERS, None, True)}


def test_renamed_account_keeps_its_unknown_grants_and_those_it_gave(instance, server_has):
    server = server_has(instance, ALL)
    sync(instance)

    renamed = (ALL.accounts[0], user("root", native_id="2"), role("reading", native_id="3"))
    without(server, SHOP, MEMBERSHIPS, accounts=renamed, grants=(ALL.grants[1],))
    sync(instance)

    assert causes(instance, FIRST_LOAD) == [
        ("root", "renamed", "observed"),
        ("root", "revoked", "observed"),  # CONNECT, which is known to be gone
        ("reading", "renamed", "observed"),
    ]
    assert edges(instance) == {
        ("app", "∈", "reading", "root", False),
        ("reading", "SELECT", ORDERS, "root", False),
        ("app", "SELECT", PAGES, None, False),
    }


def test_rename_seen_while_accounts_are_unknown_is_told_when_they_are_known(instance, server_has):
    server = server_has(instance, ALL)
    sync(instance)
    renamed = (user("application", native_id="1"), *ALL.accounts[1:])
    now = {
        "memberships": (MembershipRecord("application", "readers", "dba"),),
        "grants": (ALL.grants[0], select_on(PAGES, "application"), ALL.grants[2]),
    }

    without(server, ACCOUNTS, accounts=renamed, **now)
    sync(instance)
    unsure = changes(instance, FIRST_LOAD)
    server.reading = ALL
    server.now_has(accounts=renamed, **now)
    sync(instance)

    assert unsure == []
    assert changes(instance, FIRST_LOAD) == [
        ("application", "renamed", "visibility", {"attributes": {"name": ["app", "application"]}})
    ]


def test_account_gone_while_a_database_is_unknown_takes_its_edges_with_it(instance, server_has):
    server = server_has(instance, ALL)
    sync(instance)

    without(server, SHOP, MEMBERSHIPS, accounts=ALL.accounts[:2])
    sync(instance)

    assert changes(instance, FIRST_LOAD) == [
        ("readers", "removed", "observed", granted(ORDERS, grantor="dba")),
        ("app", "revoked", "observed", member_of("readers", grantor="dba")),
    ]


def test_account_dropped_while_accounts_were_unknown_is_removed_by_visibility(instance, server_has):
    server = server_has(instance, ALL)
    sync(instance)

    without(server, ACCOUNTS)
    sync(instance)
    server.reading = ALL
    server.now_has(accounts=ALL.accounts[1:], memberships=(), grants=ALL.grants[::2])
    sync(instance)

    assert causes(instance, FIRST_LOAD) == [("app", "removed", "visibility")]


def test_server_first_read_in_part_says_first_seen_when_its_accounts_are_known(
    instance, server_has
):
    server = server_has(instance, ALL)
    without(server, ACCOUNTS, accounts=ALL.accounts[:1], memberships=(), grants=())
    sync(instance)
    assert changes(instance) == []

    server.reading = ALL
    sync(instance)

    assert set(causes(instance)) == {
        ("dba", "added", "first_seen"),
        ("readers", "added", "first_seen"),
        ("app", "granted", "observed"),
    }
    assert Account.objects.present().count() == 3


@pytest.mark.parametrize(
    ("reachable", "words"),
    [(True, ""), (False, " (not reachable)"), (None, " (reachable or not: unknown)")],
)
def test_reach_that_nobody_knows_is_said(reachable: bool | None, words: str) -> None:
    assert how({"via": [], "reachable": reachable}) == words
