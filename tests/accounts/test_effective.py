"""What one account may do in the end: what the whole world says, from the part that is needed."""

from collections import defaultdict
from io import StringIO
from json import loads
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from accounts.effective import effective_privileges
from accounts.models import Account
from accounts.worlds import RulesMissing, world_of
from instances.engines.base import AccountsReading, MembershipRecord
from instances.engines.postgresql.effective import PostgreSQLEffective
from instances.models import Instance
from tests.accounts.worlds import readings
from tests.factories import InstanceFactory, sync
from tests.toy_engine import TOY_SERVERS, Toy, ToyServer, reading, role, select_on, user

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db]
PLACE = ("scope", "database", "schema", "object", "column")


@pytest.fixture
def _toy_decides_as_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Toy, "effective", PostgreSQLEffective)


def told(account: Account, **options: Any) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Every entry: by what it is about, what it says and its ways."""
    found = effective_privileges(account, **options).privileges
    entries = {
        (one["privilege"], *(one[part] for part in PLACE), one["set_role"]): (
            *(one["grantable"], one["reachable"], one["via"]),
            {(tuple(way["via"]), way["set_role"], way["power"], way["to"]) for way in one["ways"]},
        )
        for one in found
    }
    assert len(entries) == len(found)
    return entries


def whole(account: Account) -> dict[tuple[Any, ...], set[tuple[Any, ...]]]:
    """The same from everything that is known, one role after the other."""
    effective = PostgreSQLEffective(world_of(account.instance))
    people = effective.world.principals
    found: dict[Any, set[tuple[Any, ...]]] = defaultdict(set)

    def add(key: int, before: tuple[int, ...], *, set_role: bool) -> None:
        for word, thing, way in effective.everything(key):
            place = (thing.scope, thing.database, thing.schema, thing.name, thing.column)
            if set_role and (word, *place, False) in found:
                continue
            via = tuple(people[one].name for one in (*before, *way.route))
            to = people[way.right.holder].name if way.right else None
            found[(word, *place, set_role)].add((via, len(before), way.power, to))

    add(account.pk, (), set_role=False)
    for taken, routes in effective.world.routes(account.pk, "can_set").items():
        if taken != account.pk:
            add(taken, routes[0], set_role=True)
    return found


@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(program=st.lists(readings(), min_size=1, max_size=2))
@pytest.mark.usefixtures("_toy_decides_as_postgresql")
def test_part_of_the_world_says_what_the_whole_says_and_later_too(
    program: list[AccountsReading],
) -> None:
    instance, remembered = InstanceFactory(), []
    for now in program:
        TOY_SERVERS[instance.host] = ToyServer(now)
        sync(instance)
        instance.refresh_from_db()
        moment = timezone.now()
        for account in Account.objects.filter(instance=instance).select_related("instance"):
            answer = told(account)
            ways = {key: {(via, *rest) for via, *rest in one[3]} for key, one in answer.items()}
            expected = whole(account)
            assert set(ways) == set(expected)
            # A role that is taken may be told by several lengths of SET ROLE: the ways are enough.
            assert {key: {way[0] for way in one} for key, one in ways.items()} == {
                key: {way[0] for way in one} for key, one in expected.items()
            }
            for _, _, via, all_ways in answer.values():
                assert len(via) == min(len(way[0]) for way in all_ways)
            remembered.append((account, moment, answer))
    for account, moment, answer in remembered:
        assert told(account, at=moment) == answer
    Instance.objects.filter(pk=instance.pk).forget()


@pytest.fixture
def shop(instance: Instance, server_has: Any) -> Instance:
    accounts = [user("ada"), role("team"), role("readers"), role("writers")]
    links = [
        MembershipRecord("ada", "team"),
        MembershipRecord("team", "readers"),
        MembershipRecord("ada", "readers", grantor="team"),
        MembershipRecord("team", "writers", inherits=False),
        MembershipRecord("readers", "ada"),
    ]
    grants = [
        select_on("shop.public.orders", "readers"),
        select_on("shop.public.orders", "ada"),
        select_on("shop.public.orders", "writers", privilege="INSERT"),
    ]
    server_has(instance, reading(accounts, links, grants, version="18.1"))
    sync(instance)
    return instance


@pytest.mark.usefixtures("_toy_decides_as_postgresql")
def test_all_ways_stand_in_one_entry_the_shortest_first(shop: Instance) -> None:
    found = effective_privileges(Account.objects.select_related("instance").get(name="ada"))

    assert [
        (one["privilege"], one["set_role"], one["via"], [way["via"] for way in one["ways"]])
        for one in found.privileges
    ] == [
        ("INSERT", True, ["team", "writers"], [["team", "writers"]]),
        ("SELECT", False, [], [[], ["readers"], ["team", "readers"]]),
    ]


@pytest.mark.usefixtures("_toy_decides_as_postgresql")
def test_command_prints_the_contract(shop: Instance) -> None:
    out = StringIO()
    call_command("privileges", shop.name, "ada", "--effective", "--json", stdout=out)

    place = {"scope": "table", "database": "shop", "schema": "public", "object": "orders"}
    rest = {"column": "", "grantable": False, "denied": False, "owner": False, "reachable": False}
    assert loads(out.getvalue()) == [
        {"privilege": "INSERT", **place, **rest, "via": ["team", "writers"], "set_role": True},
        {"privilege": "SELECT", **place, **rest, "via": []},
    ]


@pytest.mark.usefixtures("_toy_decides_as_postgresql")
def test_takes_the_same_number_of_queries_whatever_the_size(
    server_has: Any, django_assert_num_queries: Any
) -> None:
    for number in (2, 30):
        one = InstanceFactory()
        roles = [f"r{at}" for at in range(number)]
        links = [MembershipRecord("ada", name) for name in roles]
        grants = [select_on(f"shop.public.{name}", name) for name in roles]
        accounts = [user("ada"), *map(role, roles)]
        server_has(one, reading(accounts, links, grants, version="18.1"))
        sync(one)
        account = Account.objects.select_related("instance").get(instance=one, name="ada")
        with django_assert_num_queries(9):
            assert len(effective_privileges(account).privileges) == number


def test_kind_of_server_without_rules_says_so(shop: Instance) -> None:
    with pytest.raises(RulesMissing, match="Toy"):
        effective_privileges(Account.objects.get(name="ada"))
