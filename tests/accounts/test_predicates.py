"""Compiled predicates match exactly whom an independent reading of the same tree says."""

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Account
from accounts.predicates.compiling import Rule, World
from accounts.predicates.schema import PREDICATES
from accounts.predicates.validation import checked
from accounts.rules import check_expression
from tests.accounts import predicate_world as world_parts
from tests.accounts.predicate_grants import fits
from tests.accounts.predicate_world import PredicateWorld
from tests.factories import AccountFactory, InstanceFactory

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

SEEDS = (1, 2)
some = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def lists(values: Any) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)


PATTERNS = lists(world_parts.PATTERNS)
DAYS = st.fixed_dictionaries(
    {}, optional={"min": st.sampled_from((0, 5, 20)), "max": st.sampled_from((0, 5, 60))}
).filter(bool)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "engine": lists(("mysql", "postgresql", "toy")),
    "kind": lists(("user", "role", "group", "public")),
    "name": PATTERNS,
    "host": PATTERNS,
    "tag": lists((*world_parts.TAGS, "none")),
    "environment": lists((*world_parts.ENVIRONMENTS, "none")),
    "superuser": st.booleans(),
    "locked": st.booleans(),
    "system": st.booleans(),
    "capability": lists(("can_login", "can_grant", "superuser", "createdb")),
    "role": st.fixed_dictionaries(
        {"name": PATTERNS}, optional={"reach": st.sampled_from(("direct", "inherited", "any"))}
    ),
    "privilege": st.fixed_dictionaries(
        {"name": lists(world_parts.PRIVILEGES)},
        optional={
            "scope": lists(world_parts.SCOPES),
            "database": PATTERNS,
            "schema": PATTERNS,
            "object": PATTERNS,
            "grantable": st.booleans(),
            "denied": st.booleans(),
            "effective": st.booleans(),
        },
    ),
    "password": lists(("absent", "expired", "never_expires")),
    "password_age_days": DAYS,
    "password_expires_in_days": DAYS,
    "last_seen_days": DAYS,
    "classification": lists(world_parts.CODES),
}


def leaves(names: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of([st.fixed_dictionaries({name: VALUES[name]}) for name in names])


def trees(names: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.recursive(
        leaves(names),
        lambda inner: st.one_of(
            st.fixed_dictionaries({"all": st.lists(inner, max_size=3)}),
            st.fixed_dictionaries({"any": st.lists(inner, max_size=3)}),
            st.fixed_dictionaries({"not": inner}),
        ),
        max_leaves=6,
    )


def answers(found: World, rule: Rule, rows: Sequence[Any]) -> list[bool | None]:
    truth = found.truth(rule)
    yes = set(Account.objects.filter(truth.yes).values_list("pk", flat=True))
    no = set(Account.objects.filter(truth.no).values_list("pk", flat=True))
    assert not yes & no
    return [True if row.pk in yes else False if row.pk in no else None for row in rows]


def test_every_predicate_is_tried() -> None:
    assert set(VALUES) == set(PREDICATES)


@pytest.mark.parametrize("name", sorted(VALUES))
def test_each_predicate_and_its_negation(name: str) -> None:
    made = PredicateWorld(7)
    rows = made.store()

    @settings(some, max_examples=12)
    @given(value=VALUES[name])
    def same(value: Any) -> None:
        for match in ({name: value}, {"not": {name: value}}):
            told = answers(World(made.now, {}), Rule("", {"match": match}), rows)
            assert told == [made.says(match, one) for one in made.people], match

    same()


@pytest.mark.parametrize("seed", SEEDS)
def test_random_trees_over_random_accounts(seed: int) -> None:
    made = PredicateWorld(seed)
    rows = made.store()

    @some
    @given(
        engine=st.sampled_from(("", "", "mysql")),
        match=trees(VALUES),
        inner=trees([name for name in VALUES if name != "classification"]),
    )
    def same(engine: str, match: dict[str, Any], inner: dict[str, Any]) -> None:
        expression = check_expression({"version": 5, "match": match})
        made.rules = {"c0": [(engine, inner)]}
        found = World(made.now, {"c0": [Rule(engine, {"match": inner})]})
        expected = [made.says(match, one) for one in made.people]
        assert answers(found, Rule("", expression), rows) == expected
        here = [not engine or one.server.engine == engine for one in made.people]
        limited = [told if mine else False for told, mine in zip(expected, here, strict=True)]
        assert answers(found, Rule(engine, expression), rows) == limited

    same()


@pytest.mark.parametrize("match", [{"all": []}, {"any": []}])
def test_empty_matches_nobody_and_neither_does_its_negation(match: dict[str, Any]) -> None:
    rows = [AccountFactory()]

    for tree in (match, {"not": match}):
        assert answers(World(timezone.now(), {}), Rule("", {"match": tree}), rows) == [None]


@pytest.mark.parametrize(
    "pattern",
    [
        "*a" * 80 + "*b",
        "?" * 200,
        "%" * 200,
        "_" * 200,
        "[" * 100,
        "[!a]*",
        "\\" * 199,
        "'; --",
        "*'",
    ],
)
def test_hostile_patterns_are_only_text(pattern: str) -> None:
    instance = InstanceFactory()
    texts = ["a" * 5000, "?" * 200, "%" * 200, "_" * 200, "[" * 100, "[!a]b", "'; --", "o'"]
    texts.append("\\" * 100)
    rows = [AccountFactory(instance=instance, name=name) for name in texts]
    expression = checked({"version": 5, "match": {"name": [pattern]}})

    started = time.monotonic()
    told = answers(World(timezone.now(), {}), Rule("", expression), rows)

    assert time.monotonic() - started < 2
    expected = [len(name) < 5000 and fits(pattern, name) for name in texts]
    assert told == expected


def test_the_moment_itself_counts() -> None:
    now = timezone.now()
    row = AccountFactory(instance__engine="toy", last_login_at=now - timedelta(days=90))

    def seen(**days: int) -> list[bool | None]:
        return answers(World(now, {}), Rule("", {"match": {"last_seen_days": days}}), [row])

    assert [seen(min=90), seen(max=90), seen(min=91), seen(max=89)] == [
        *([True], [True]),
        *([False], [False]),
    ]


def test_who_was_only_met_may_have_been_there_since() -> None:
    now = timezone.now()
    row = AccountFactory(instance__engine="postgresql", last_login_at=now - timedelta(days=90))

    def seen(**days: int) -> list[bool | None]:
        return answers(World(now, {}), Rule("", {"match": {"last_seen_days": days}}), [row])

    assert [seen(min=0), seen(min=1), seen(min=91), seen(max=90), seen(max=89)] == [
        *([True], [None], [False]),
        *([True], [None]),
    ]
