"""Who can: what the world of an instance says of each account, asked as one question."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from accounts.management.commands.privileges import find_account
from accounts.models import Account, RoleClosure
from accounts.objects import parse_object
from accounts.who_can import ObjectUnknown, holder_documents, who_can
from accounts.worlds import world_of
from instances.engines.base import AccountsReading, MembershipRecord, Section
from instances.engines.effective import Thing
from instances.engines.errors import ConnectionFailed
from instances.engines.postgresql.effective import PostgreSQLEffective
from instances.models import Instance
from tests.accounts.worlds import PLACES, WORDS, readings
from tests.factories import InstanceFactory, sync
from tests.toy_engine import TOY_SERVERS, Toy, ToyServer, reading, select_on, user
from whalefall.core.errors import InvalidRequest

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db]
QUESTIONS = [
    (word, Thing(scope, **place))
    for scope, places in PLACES.items()
    for word, place in product(WORDS[scope], places)
]
few = settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
Holders = set[tuple[str, str, tuple[str, ...], bool, bool, bool | None]]


@pytest.fixture(autouse=True)
def _toy_decides_as_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Toy, "effective", PostgreSQLEffective)


def names_of(thing: Thing) -> list[str]:
    return [name for name in (thing.database, thing.schema, thing.name, thing.column) if name]


def asked(word: str, thing: Thing, **options: Any) -> Holders:
    """The answer about one thing, read in pages of three."""
    answer = who_can(word, names_of(thing), **options)
    found = [one for at in range(0, len(answer), 3) for one in answer[at : at + 3]]
    documents = holder_documents(found, answer.question)
    assert len(documents) == len(answer)
    assert answer.untold == []
    return {
        (
            *(one["instance"], one["account"], tuple(one["via"])),
            *(one["grantable"], one["set_role"], one["reachable"]),
        )
        for one in documents
        if one["scope"] == thing.scope
    }


def expected(instances: Iterable[Instance], word: str, thing: Thing, *, set_role: bool) -> Holders:
    """What a complete world says of every account, one after the other."""
    found: Holders = set()
    for instance in instances:
        effective = PostgreSQLEffective(world_of(instance))
        for key, one in effective.world.principals.items():
            ways, holder = list(effective.ways(key, word, thing)), key
            if not ways and set_role:
                ways = list(effective.ways_by_set_role(key, word, thing))
            if not ways:
                continue
            way = min(ways, key=lambda way: (len(way.route), way.route))
            if way.set_role:
                holder = way.route[way.set_role - 1]
            via = tuple(effective.world.principals[role].name for role in way.route)
            found.add(
                (
                    *(instance.name, one.name, via, any(way.grantable for way in ways)),
                    *(way.set_role > 0, effective.reaches(holder, thing)),
                )
            )
    return found


Question = tuple[str, Thing]


def answers(instances: Sequence[Instance], questions: set[Question]) -> list[Any]:
    """What ``who_can`` says to each, with SET ROLE too, after a look at what it has to say."""
    found = []
    for word, thing in sorted(questions, key=str):
        held, more = (asked(word, thing, set_role=set_role) for set_role in (False, True))
        assert held == expected(instances, word, thing, set_role=False)
        assert more == expected(instances, word, thing, set_role=True)
        found.append(((word, thing), more))
    return found


@few
@given(
    programs=st.lists(st.lists(readings(), min_size=1, max_size=2), min_size=2, max_size=2),
    questions=st.sets(st.sampled_from(QUESTIONS), min_size=4, max_size=4),
    old=st.booleans(),
)
def test_who_can_is_what_the_world_says_of_everybody(
    settings: Any, programs: list[list[AccountsReading]], questions: set[Question], old: bool
) -> None:
    """Also of the past: whatever was answered at a moment is answered later about that moment."""
    settings.IMPLAUSIBLE_SHARE = 1.0
    instances = [InstanceFactory(), InstanceFactory()]
    remembered = []
    for at in range(max(map(len, programs))):
        for instance, program in zip(instances, programs, strict=True):
            now = program[min(at, len(program) - 1)]
            if old:
                now = replace(now, version="15.3")
            TOY_SERVERS[instance.host] = ToyServer(now)
            assert sync(instance).status == "completed"
            instance.refresh_from_db()
        moment = timezone.now()
        remembered += [(one, moment, held) for one, held in answers(instances, questions)]
    for (word, thing), moment, held in remembered:
        assert asked(word, thing, at=moment, set_role=True) == held
    Account.objects.update(facts_version=0)  # the closure is not trusted any more
    assert answers(instances, questions) == [
        (one, held) for one, moment, held in remembered if moment == remembered[-1][1]
    ]
    for instance in instances:
        Instance.objects.filter(pk=instance.pk).forget()


# --- planted ----------------------------------------------------------------------------------


@pytest.fixture
def shop(instance: Instance, server_has: Any) -> ToyServer:
    """``ada`` → ``team`` → ``readers``, which may read the orders; ``eve`` could become readers."""
    accounts = [user(name) for name in ("ada", "bob", "eve", "owner", "team", "readers")]
    links = [
        MembershipRecord("ada", "team"),
        MembershipRecord("team", "readers"),
        MembershipRecord("eve", "readers", inherits=False),
    ]
    grants = [
        select_on("shop.public.orders", "readers"),
        select_on("shop.public.orders", "owner", privilege="OWNER", is_owner=True),
    ]
    server: ToyServer = server_has(instance, reading(accounts, links, grants, version="18.1"))
    sync(instance)
    return server


def answer_of(text: str, **options: Any) -> list[tuple[str, list[str]]]:
    answer = who_can("select", parse_object(text), **options)
    documents = holder_documents(answer[:], answer.question)
    return [(one["account"], one["via"]) for one in documents]


def test_path_of_roles_is_named_from_the_nearest(shop):
    held = [("ada", ["team", "readers"]), ("readers", []), ("team", ["readers"])]

    assert answer_of("shop.public.orders") == held
    assert sorted(answer_of("shop.public.orders", set_role=True)) == [
        held[0],
        ("eve", ["readers"]),
        *held[1:],
    ]


def test_what_no_instance_has_is_not_found(shop):
    with pytest.raises(ObjectUnknown, match=r"shop\.public\.nothing"):
        who_can("SELECT", ["shop", "public", "nothing"])


def test_what_nothing_of_that_kind_knows_is_a_wrong_question(shop):
    with pytest.raises(InvalidRequest, match="EXECUTE"):
        who_can("EXECUTE", ["shop", "public"])


def test_instance_with_something_unknown_stands_beside_the_answer(instance, shop):
    never = InstanceFactory()
    shop.now_has(
        sections=[
            *(one for one in shop.reading.sections if one.name != "grants"),
            Section("grants", "shop", "We may not connect."),
        ]
    )
    sync(instance)

    answer = who_can("SELECT", ["shop", "public", "orders"])

    assert len(answer) == 3
    assert [(one.instance, one.reason) for one in answer.untold] == [
        (instance, "We may not connect."),
        (never, "Its privileges have never been read."),
    ]
    nowhere = who_can("SELECT", ["shop", "public", "nothing"])
    assert (len(nowhere), len(nowhere.untold)) == (0, 2)


def test_what_says_nothing_of_privileges_makes_none_of_them_unknown(instance, shop):
    sections = [*shop.reading.sections, Section("activity", "", "We may not see sessions.")]
    shop.now_has(sections=sections)
    sync(instance)

    assert who_can("SELECT", ["shop", "public", "orders"]).untold == []


def test_server_that_can_not_be_read_since_stands_beside_the_answer(instance, shop):
    shop.fails_with = ConnectionFailed("No route.")
    sync(instance)

    answer = who_can("SELECT", ["shop", "public", "orders"])

    instance.refresh_from_db()
    read_at = instance.sections.filter(name="grants").first().read_at
    assert len(answer) == 3
    assert [one.reason for one in answer.untold] == [
        f"This is of {timezone.localtime(read_at):%Y-%m-%d %H:%M}; it could not be read: "
        f"{instance.last_error}"
    ]
    assert who_can("SELECT", ["shop", "public", "orders"], at=read_at).untold == []


def test_account_is_found_by_the_name_it_had(instance, shop):
    ids = {"ada": "1", "eve": "2"}
    shop.now_has(
        accounts=[replace(one, native_id=ids.get(one.name)) for one in shop.reading.accounts]
    )
    sync(instance)
    ada, eve = (Account.objects.get(name=name) for name in ids)
    moment = timezone.now()
    swap = {"ada": "eve", "eve": "ada"}
    shop.now_has(
        accounts=[replace(one, name=swap.get(one.name, one.name)) for one in shop.reading.accounts]
    )
    sync(instance)

    assert [find_account(instance.name, name, moment) for name in ids] == [ada, eve]
    assert [find_account(instance.name, name, None) for name in ids] == [eve, ada]


def test_removed_accounts_and_recycled_instances_are_left_out_but_not_of_the_past(instance, shop):
    before, moment = answer_of("shop.public.orders"), timezone.now()
    shop.now_has(
        accounts=[one for one in shop.reading.accounts if one.name != "ada"],
        memberships=[one for one in shop.reading.memberships if one.member != "ada"],
    )
    sync(instance)

    assert answer_of("shop.public.orders") == before[1:]
    assert answer_of("shop.public.orders", at=moment) == before
    Instance.objects.recycle([instance.pk], at=timezone.now())
    with pytest.raises(ObjectUnknown):
        who_can("SELECT", ["shop", "public", "orders"])


def test_closure_of_an_older_version_is_not_trusted(instance, shop):
    before = answer_of("shop.public.orders")

    Account.objects.update(facts_version=0)
    RoleClosure.objects.all().delete()

    assert answer_of("shop.public.orders") == before


def test_one_question_takes_the_same_number_of_queries_whatever_the_size(
    server_has, django_assert_num_queries
):
    for number in (2, 20):
        for _ in range(number):
            names = [f"a{at}" for at in range(number)]
            accounts = [user(name) for name in (*names, "readers")]
            links = [MembershipRecord(name, "readers") for name in names]
            grants = [
                select_on("shop.public.orders", "readers"),
                select_on("shop.public.orders", "readers", privilege="OWNER", is_owner=True),
            ]
            one = InstanceFactory()
            server_has(one, reading(accounts, links, grants, version="18.1"))
            sync(one)
        with django_assert_num_queries(23):
            assert len(answer_of("shop.public.orders")) > number * number


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("*", ()),
        ("shop", ("shop",)),
        ("shop.public.orders.id", ("shop", "public", "orders", "id")),
        ('"my.shop"."a""b"', ("my.shop", 'a"b')),
        ('["my.shop", "a\\"b"]', ("my.shop", 'a"b')),
    ],
)
def test_objects_are_written_as_in_sql_or_as_a_list(text, parts):
    assert parse_object(text) == parts


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "character 1"),
        ("shop..orders", "character 6"),
        ("shop.", "character 6"),
        ('"shop', "character 1"),
        ('"shop"orders', "character 7"),
        ('["shop"', "character 8"),
        ("[]", "not empty"),
        ("[1]", "not empty"),
    ],
)
def test_wrong_objects_say_where(text, where):
    with pytest.raises(InvalidRequest, match=where):
        parse_object(text)
