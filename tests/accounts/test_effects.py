"""What a change did: effective(after) minus effective(before), for everybody it concerns."""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from itertools import pairwise
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from accounts.effect_words import Count, counts
from accounts.effects import Difference, Effect, How, effect_of
from accounts.models import AccountChange
from accounts.moments import beside
from accounts.worlds import world_of
from instances.engines.base import AccountKind, AccountRecord, AccountsReading, MembershipRecord
from instances.engines.effective import World
from instances.engines.postgresql.effective import PostgreSQLEffective
from instances.models import Instance
from sync_sessions.models import SyncRecord
from tests.accounts.worlds import NAMES, readings
from tests.factories import InstanceFactory, sync
from tests.toy_engine import TOY_SERVERS, Toy, ToyServer, reading, role, select_on, user

pytestmark = [
    pytest.mark.both_databases,
    pytest.mark.django_db,
    pytest.mark.usefixtures("_toy_decides_as_postgresql"),
]
ORDERS = "shop.public.orders"


@pytest.fixture
def _toy_decides_as_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Toy, "effective", PostgreSQLEffective)


@pytest.fixture
def change(instance: Instance, server_has: Callable[..., ToyServer]) -> Callable[..., Any]:
    """Sync two readings one after the other; the entries of the second, in order."""

    def made(before: AccountsReading, after: AccountsReading) -> list[AccountChange]:
        server = server_has(instance, before)
        sync(instance)
        last = AccountChange.objects.latest("pk").pk
        server.reading = after
        sync(instance)
        return list(AccountChange.objects.filter(pk__gt=last).order_by("pk"))

    return made


def differences(found: Iterable[Difference]) -> set[tuple[str, str, str, str]]:
    return {(one.account, one.privilege, one.thing.name, one.how.value) for one in found}


# --- against the whole world ------------------------------------------------------------------


def without(whole: AccountsReading, names: set[str]) -> AccountsReading:
    """``whole`` before somebody made the accounts called ``names``."""
    return replace(
        whole,
        accounts=[one for one in whole.accounts if one.name not in names],
        grants=[one for one in whole.grants if one.account not in names],
        memberships=[one for one in whole.memberships if not {one.member, one.role} & names],
    )


@st.composite
def edited(draw: st.DrawFn) -> tuple[AccountsReading, AccountsReading]:
    """A reading, and the same after one account became another."""
    before, other = draw(readings()), draw(readings())
    name = draw(st.sampled_from(NAMES))

    def mixed(part: str, whose: str) -> list[Any]:
        kept = [one for one in getattr(before, part) if getattr(one, whose) != name]
        return kept + [one for one in getattr(other, part) if getattr(one, whose) == name]

    parts = {"accounts": "name", "grants": "account", "memberships": "member"}
    chosen = draw(st.sets(st.sampled_from(list(parts)), min_size=1))
    changed: dict[str, Any] = {part: mixed(part, parts[part]) for part in chosen}
    return before, replace(before, **changed)


def synced(first: AccountsReading, second: AccountsReading) -> list[AccountChange]:
    """The entries of the second sync."""
    instance = InstanceFactory()
    TOY_SERVERS[instance.host] = server = ToyServer(first)
    with override_settings(IMPLAUSIBLE_SHARE=1):
        sync(instance)
        server.reading = second
        sync(instance)
    entries = AccountChange.objects.filter(account__instance=instance).exclude(cause="first_seen")
    return list(entries.select_related("account__instance").order_by("pk"))


def shape(world: World) -> tuple[Any, ...]:
    """Without the attributes, of which the past knows only those that changed."""
    return (
        {key: (one.name, one.is_superuser) for key, one in world.principals.items()},
        sorted(one.key for one in world.rights),
        sorted(one.key for one in world.links),
    )


RANDOM = settings(
    max_examples=6,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # shrinking a reading takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@RANDOM
@given(readings(), readings(), st.sets(st.sampled_from(NAMES[:4]), max_size=2), st.booleans())
def test_entries_lead_from_the_world_before_a_sync_to_the_one_after(
    before: AccountsReading, after: AccountsReading, some: set[str], is_leaving: bool
) -> None:
    entries = synced(
        *((before, without(after, some)) if is_leaving else (without(before, some), after))
    )
    if not entries:
        return
    instance, at = entries[0].account.instance, entries[0].occurred_at

    worlds = [beside(entry) for entry in entries]

    assert shape(worlds[0].before) == shape(world_of(instance, at=at - timedelta(microseconds=1)))
    assert shape(worlds[-1].after) == shape(world_of(instance, at=at))
    for one, following in pairwise(worlds):
        assert shape(one.after) == shape(following.before)


def held(effective: PostgreSQLEffective, account: int) -> dict[How, set[Any]]:
    """What is told of ``account``: (privilege, thing) by how it has it."""
    own = {(word, thing) for word, thing, _ in effective.everything(account)}
    taken = {(word, thing) for _, word, thing, _ in effective.everything_by_set_role(account)}
    return {How.HOLDS: own, How.BY_SET_ROLE: own | taken}


def may(effective: PostgreSQLEffective, account: int, key: Any, how: How) -> bool:
    if account not in effective.world.principals:
        return False
    ways = list(effective.ways(account, *key))
    if how is How.BY_SET_ROLE:
        ways += effective.ways_by_set_role(account, *key)
    return bool(ways)


@RANDOM
@given(edited())
def test_effect_is_what_the_whole_world_says_after_minus_before(
    readings: tuple[AccountsReading, AccountsReading],
) -> None:
    entries = synced(*readings)
    if len(entries) != 1:
        return
    instance, at = entries[0].account.instance, entries[0].occurred_at
    before, after = (
        PostgreSQLEffective(world_of(instance, at=moment))
        for moment in (at - timedelta(microseconds=1), at)
    )
    effect = effect_of(entries[0])

    for was, now, found in ((before, after, effect.gained), (after, before, effect.lost)):
        expected: dict[How, set[Any]] = {how: set() for how in (How.HOLDS, How.BY_SET_ROLE)}
        for account, principal in now.world.principals.items():
            for how, keys in held(now, account).items():
                new = {key for key in keys if not may(was, account, key, how)}
                expected[how] |= {(principal.name, *key) for key in new}
        expected[How.BY_SET_ROLE] -= expected[How.HOLDS]
        assert expected == {
            how: {(one.account, one.privilege, one.thing) for one in found if one.how is how}
            for how in expected
        }


# --- one by one -------------------------------------------------------------------------------

PEOPLE = [user("ada"), user("bob"), user("eve"), role("readers"), role("clerks")]
GRANTS = [select_on(ORDERS, "readers"), select_on("shop.public.items", "readers")]
CHAIN = [MembershipRecord("ada", "clerks"), MembershipRecord("bob", "clerks")]


def test_role_granted_to_a_role_is_gained_by_everybody_below(change: Callable[..., Any]) -> None:
    start = reading(PEOPLE, CHAIN, GRANTS)
    joined = [*CHAIN, MembershipRecord("clerks", "readers")]

    [entry] = change(start, replace(start, memberships=joined))

    effect = effect_of(entry)
    assert differences(effect.gained) == {
        (name, "SELECT", table, "holds")
        for name in ("ada", "bob", "clerks")
        for table in ("orders", "items")
    }
    assert (effect.lost, effect.is_complete) == ((), True)
    assert counts(effect.gained) == [Count("SELECT", "table", How.HOLDS, 3, 2)]


def test_revoke_of_what_is_held_twice_takes_nothing_away(change: Callable[..., Any]) -> None:
    twice = [select_on(ORDERS, "ada", grantor=name) for name in ("bob", "eve")]
    start = reading(PEOPLE, [], twice)

    [entry] = change(start, replace(start, grants=twice[:1]))

    assert effect_of(entry) == Effect()


def test_dropped_role_takes_from_its_members_what_they_had_by_it(
    change: Callable[..., Any],
) -> None:
    start = reading(
        PEOPLE, [MembershipRecord("ada", "readers")], [*GRANTS, select_on(ORDERS, "bob")]
    )

    entries = change(start, without(start, {"readers"}))

    effects = {(entry.account.name, entry.kind): effect_of(entry) for entry in entries}
    assert differences(effects["readers", "removed"].lost) == {
        (name, "SELECT", table, "holds")
        for name in ("ada", "readers")
        for table in ("orders", "items")
    }
    assert effects["ada", "revoked"] == Effect()


def test_membership_that_only_set_role_opens(change: Callable[..., Any]) -> None:
    start = reading(PEOPLE, [], GRANTS[:1])
    taken = MembershipRecord("ada", "readers", inherits=False)

    [entry] = change(start, replace(start, memberships=[taken]))

    assert differences(effect_of(entry).gained) == {("ada", "SELECT", "orders", "set_role")}


def test_grant_to_everybody_is_gained_by_those_who_had_it_not(change: Callable[..., Any]) -> None:
    everybody = AccountRecord("public", AccountKind.PUBLIC)
    start = reading([*PEOPLE, everybody], [MembershipRecord("ada", "readers")], GRANTS[:1])

    [entry] = change(start, replace(start, grants=[*GRANTS[:1], select_on(ORDERS, "public")]))

    gained = {name for name, *_ in differences(effect_of(entry).gained)}
    assert gained == {"bob", "eve", "clerks", "public"}


def test_grant_option_is_something_else_than_the_privilege(change: Callable[..., Any]) -> None:
    start = reading(PEOPLE, [], [select_on(ORDERS, "ada")])

    [entry] = change(start, replace(start, grants=[select_on(ORDERS, "ada", grantable=True)]))

    assert differences(effect_of(entry).gained) == {("ada", "SELECT", "orders", "passes_on")}


def test_superuser_gains_everything_at_once_and_nothing_by_a_grant(
    change: Callable[..., Any],
) -> None:
    start = reading(PEOPLE)
    [entry] = change(start, reading([user("ada", is_superuser=True), *PEOPLE[1:]]))
    assert counts(effect_of(entry).gained) == [
        Count("SUPERUSER", "server", How.HOLDS, 1, 1),
        Count("SUPERUSER", "server", How.PASSES_ON, 1, 1),
    ]

    everything = reading(
        [user("ada", is_superuser=True), *PEOPLE[1:]], [], [select_on(ORDERS, "ada")]
    )
    [_, entry] = change(start, everything)
    assert (entry.kind, effect_of(entry)) == ("granted", Effect())


def test_rename_has_no_effect(change: Callable[..., Any]) -> None:
    grants = [select_on(ORDERS, "bob", grantor="ada")]
    start = reading([user("ada", native_id="1"), user("bob", native_id="2")], [], grants)

    [entry] = change(
        start,
        reading(
            [user("ida", native_id="1"), user("bob", native_id="2")],
            [],
            [select_on(ORDERS, "bob", grantor="ida")],
        ),
    )

    assert (entry.kind, effect_of(entry)) == ("renamed", Effect())


# --- what nobody can say ----------------------------------------------------------------------


def test_first_reading_tells_no_effect(
    instance: Instance, server_has: Callable[..., ToyServer]
) -> None:
    server_has(instance, reading(PEOPLE, CHAIN, GRANTS))
    sync(instance)

    effect = effect_of(AccountChange.objects.filter(account__name="ada").get())

    assert (effect.is_told, effect.is_complete) == (False, False)


def test_reading_with_gaps_is_not_the_whole_truth(change: Callable[..., Any]) -> None:
    start = reading(PEOPLE, [], [])
    [entry] = change(start, replace(start, grants=GRANTS[:1]))
    SyncRecord.objects.filter(session=entry.session_id).update(coverage=0.5)

    effect = effect_of(entry)

    assert (effect.is_told, effect.is_complete, len(effect.gained)) == (True, False, 1)
    [reason] = effect.reasons
    assert "did not know everything" in reason


def test_too_many_accounts_are_not_all_compared(
    change: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.effects.MOST_COMPARED", 2)
    start = reading(PEOPLE, CHAIN, GRANTS)
    [entry] = change(
        start, replace(start, memberships=[*CHAIN, MembershipRecord("clerks", "readers")])
    )

    effect = effect_of(entry)

    assert effect.reasons == ("Only 2 of 3 accounts were compared.",)
    assert len({one.account for one in effect.gained}) == 2


def test_queries_do_not_grow_with_what_is_concerned(change: Callable[..., Any]) -> None:
    small, large = [user("ada")], [user(f"u{number}") for number in range(50)]
    numbers = []
    for people in (small, large):
        start = reading([*people, role("readers")], [], GRANTS[:1])
        members = [MembershipRecord(one.name, "readers") for one in people]
        entries = change(start, replace(start, memberships=members))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            effect_of(
                AccountChange.objects.select_related("account__instance").get(pk=entries[-1].pk)
            )
        numbers.append(len(queries))

    assert numbers[0] == numbers[1]


# --- the command ------------------------------------------------------------------------------


def test_command_tells_effects(change: Callable[..., Any]) -> None:
    start = reading(PEOPLE, CHAIN, GRANTS)
    change(start, replace(start, memberships=[*CHAIN, MembershipRecord("clerks", "readers")]))

    lines, document = StringIO(), StringIO()
    call_command("account_changes", "--effects", stdout=lines)
    call_command("account_changes", "--effects", "--json", stdout=document)

    assert lines.getvalue().splitlines()[-1] == (
        "    3 accounts gained SELECT on 2 objects of the scope table"
    )
    assert json.loads(document.getvalue())[-1]["effect"]["gained"] == [
        {"privilege": "SELECT", "scope": "table", "how": "holds", "accounts": 3, "objects": 2}
    ]
