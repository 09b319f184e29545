"""The least cut: against brute force, the rules themselves, and the order a server would accept."""

from collections.abc import Iterable
from itertools import chain, combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.cut import Cut, Wanted, least_cut
from accounts.effects import compared
from accounts.moments import Beside
from instances.engines.effective import Link, Principal, Right, Thing, World
from instances.engines.postgresql.effective import PostgreSQLEffective
from instances.engines.postgresql.statements import PostgreSQLStatements, signature
from instances.engines.statements import Attribute, Edge, without

ORDERS = Thing("table", "shop", "sales", "orders")
NOTE = Thing("column", "shop", "sales", "orders", "note")
SCHEMA = Thing("schema", "shop", "sales")
ADA, TEAM, LEAD, OWNER, EVE, PUBLIC = 1, 2, 3, 4, 5, 9
PEOPLE = {
    key: Principal(key, name, kind, is_superuser=False)
    for key, name, kind in [
        (ADA, 'a"da', "user"),
        (TEAM, "team", "role"),
        (LEAD, "lead", "role"),
        (OWNER, "owner", "role"),
        (EVE, "eve", "user"),
        (PUBLIC, "public", "public"),
    ]
}
OWNS = [
    Right(100, OWNER, "OWNER", ORDERS, is_owner=True),
    Right(101, PUBLIC, "USAGE", SCHEMA, OWNER),
    Right(102, OWNER, "OWNER", SCHEMA, is_owner=True),
]
BOOTSTRAP = {OWNER: "10"}


def world_with(
    rights: Iterable[Right] = (), links: Iterable[Link] = (), people: dict[int, Principal] = PEOPLE
) -> World:
    return World("18.1", people, list(links), [*OWNS, *rights])


def cut_of(world: World, thing: Thing = ORDERS, *, set_role: bool = False) -> Cut:
    wanted = Wanted(ADA, "SELECT", [thing], set_role)
    return least_cut(PostgreSQLEffective, PostgreSQLStatements(world, BOOTSTRAP), wanted)


def script(world: World, cut: Cut) -> list[str]:
    statements = PostgreSQLStatements(world, BOOTSTRAP)
    return [statements.take(edge).sql for edge in cut.edges]


# --- directed ---------------------------------------------------------------------------------


def test_every_grantor_counts() -> None:
    world = world_with(
        [
            Right(1, ADA, "SELECT", ORDERS, OWNER),
            Right(2, ADA, "SELECT", ORDERS, LEAD),
            Right(3, LEAD, "SELECT", ORDERS, OWNER, grantable=True),
        ]
    )
    cut = cut_of(world)
    assert {one.key for one in cut.edges if isinstance(one, Right)} == {1, 2}
    assert set(script(world, cut)) == {
        'REVOKE SELECT ON TABLE "sales"."orders" FROM "a""da";',
        'SET ROLE "lead";\nREVOKE SELECT ON TABLE "sales"."orders" FROM "a""da";\nRESET ROLE;',
    }


def test_fewest_then_least_harm() -> None:
    """Three single edges would do; only the first membership takes nothing from anybody else."""
    world = world_with(
        [Right(1, LEAD, "SELECT", ORDERS, OWNER)],
        [Link(1, ADA, TEAM, OWNER), Link(2, TEAM, LEAD, OWNER), Link(3, EVE, TEAM, OWNER)],
    )
    assert script(world, cut_of(world)) == ['REVOKE "team" FROM "a""da" GRANTED BY "owner";']


def test_what_hangs_on_it_goes_first() -> None:
    world = world_with(
        [
            Right(1, ADA, "SELECT", ORDERS, OWNER, grantable=True),
            Right(2, TEAM, "SELECT", ORDERS, ADA, grantable=True),
            Right(3, EVE, "SELECT", ORDERS, TEAM),
            Right(4, ADA, "SELECT", NOTE, OWNER),
        ]
    )
    cut = cut_of(world)
    assert [one.key for one in cut.edges if isinstance(one, Right)] == [3, 2, 4, 1]
    assert {one.account for one in cut.effect.lost} == {'a"da', "team", "eve"}


def test_superuser_is_an_attribute() -> None:
    people = {**PEOPLE, ADA: Principal(ADA, "ada", "user", is_superuser=True)}
    cut = cut_of(world_with(people=people))
    assert cut.edges == [Attribute(ADA, "SUPERUSER")]
    assert [(one.account, one.privilege) for one in cut.effect.lost if one.how == "holds"] == [
        ("ada", "SUPERUSER")
    ]


def test_first_superuser_stays_one() -> None:
    people = {**PEOPLE, ADA: Principal(ADA, "ada", "user", is_superuser=True)}
    statements = PostgreSQLStatements(world_with(people=people), {ADA: "10"})
    cut = least_cut(PostgreSQLEffective, statements, Wanted(ADA, "SELECT", [ORDERS]))
    assert (cut.edges, cut.obstacles) == ((), ["ada is the superuser of initdb."])


def test_owner_can_grant_it_again() -> None:
    world = world_with(
        [Right(1, OWNER, "SELECT", ORDERS, OWNER)],
        [Link(1, ADA, OWNER, OWNER), Link(2, ADA, TEAM, OWNER)],
    )
    assert cut_of(world).obstacles == []
    wanted = Wanted(OWNER, "SELECT", [ORDERS])
    cut = least_cut(PostgreSQLEffective, PostgreSQLStatements(world, BOOTSTRAP), wanted)
    assert [one.key for one in cut.edges if isinstance(one, Right)] == [1]
    assert len(cut.obstacles) == 1
    assert "ALTER … OWNER TO" in cut.obstacles[0]


def test_set_role_alone() -> None:
    world = world_with(
        [Right(1, LEAD, "SELECT", ORDERS, OWNER)], [Link(1, ADA, LEAD, OWNER, inherits=False)]
    )
    assert cut_of(world).edges == []
    assert len(cut_of(world, set_role=True).edges) == 1


@pytest.mark.parametrize(
    ("routine", "parts"),
    [
        ("f()", ("f", "")),
        ("(x)(a integer, b text[])", ("(x)", "a integer, b text[]")),
        ('g("a(b" integer)', ("g", '"a(b" integer')),
        ('h"("x)" text)', ('h"', '"x)" text')),
        ("a(ORDER BY integer)", ("a", "integer")),
        ("a(integer ORDER BY integer)", ("a", "integer, integer")),
        ('a(VARIADIC "any" ORDER BY VARIADIC "any")', ("a", 'VARIADIC "any"')),
        ('b("x ORDER BY y" ORDER BY text)', ("b", '"x ORDER BY y", text')),
        ('c("x ORDER BY y")', ("c", '"x ORDER BY y"')),
    ],
)
def test_signature(routine: str, parts: tuple[str, str]) -> None:
    assert signature(routine) == parts


# --- any little world -------------------------------------------------------------------------


@st.composite
def worlds(draw: st.DrawFn) -> World:
    people = dict(PEOPLE)
    if draw(st.integers(0, 5)) == 0:
        people[ADA] = Principal(ADA, "ada", "user", is_superuser=True)
    holders = st.sampled_from([ADA, TEAM, LEAD, EVE])
    pairs = draw(st.lists(st.tuples(holders, holders), max_size=5, unique=True))
    links = [
        Link(
            *(number, *pair, draw(st.sampled_from([OWNER, TEAM])), draw(st.booleans())),
            inherits=draw(st.integers(0, 3)) > 0,
        )
        for number, pair in enumerate(pairs)
        if pair[0] < pair[1] or draw(st.integers(0, 4)) == 0
    ]
    given_to = st.tuples(
        st.sampled_from([ADA, TEAM, LEAD, EVE, PUBLIC]),
        st.sampled_from([ORDERS, ORDERS, NOTE]),
        st.sampled_from([OWNER, OWNER, LEAD, TEAM]),
    )
    rights = [
        Right(number, holder, "SELECT", thing, grantor, grantable=draw(st.booleans()))
        for number, (holder, thing, grantor) in enumerate(
            draw(st.lists(given_to, max_size=5, unique=True))
        )
    ]
    return world_with(rights, links, people)


def edges_of(world: World) -> list[Edge]:
    attributes = [Attribute(key, "SUPERUSER") for key, one in world.principals.items()
                  if one.is_superuser]  # fmt: skip
    return [*world.links, *(one for one in world.rights if not one.is_owner), *attributes]


def is_open(world: World, thing: Thing, *, set_role: bool) -> bool:
    rules = PostgreSQLEffective(world)
    return any(rules.ways(ADA, "SELECT", thing)) or (
        set_role and any(rules.ways_by_set_role(ADA, "SELECT", thing))
    )


def cheapest(world: World, thing: Thing, most: int, *, set_role: bool) -> int | None:
    """How many edges the smallest whole set has, by trying them all."""
    statements = PostgreSQLStatements(world, BOOTSTRAP)
    sizes = (combinations(edges_of(world), size) for size in range(most + 1))
    for some in chain.from_iterable(sizes):
        removed = frozenset(some)
        is_whole = statements.falls(removed) <= removed
        if is_whole and not is_open(without(world, removed), thing, set_role=set_role):
            return len(removed)
    return None


@settings(max_examples=120, deadline=None)
@given(worlds(), st.sampled_from([ORDERS, NOTE]), st.booleans())
def test_any_world(world: World, thing: Thing, set_role: bool) -> None:
    cut = cut_of(world, thing, set_role=set_role)
    removed = frozenset(cut.edges)
    after = without(world, removed)
    assert not is_open(after, thing, set_role=set_role)
    assert cut.is_least
    assert cheapest(world, thing, len(removed), set_role=set_role) == len(removed)

    whole = compared(PostgreSQLEffective, Beside(world, after), sorted(world.principals), ())
    name = world.principals[ADA].name
    others = [
        one for one in whole.lost if (one.account, one.privilege, one.thing) != (name, "SELECT",
                                                                                   thing)
    ]  # fmt: skip
    assert list(cut.effect.lost) == others
    assert cut.effect.gained == whole.gained
    statements, still = PostgreSQLStatements(world, BOOTSTRAP), set(removed)
    gone: set[Edge] = set()
    for edge in cut.edges:
        gone.add(edge)
        still.discard(edge)
        assert not {one for one in statements.falls(gone) & still if is_alone(one, edge)}


def is_alone(fallen: Edge, last: Edge) -> bool:
    """What hangs on the edge taken last, other than itself through a circle of grantors."""
    return isinstance(fallen, Right) and isinstance(last, Right) and fallen.grantor == last.holder
