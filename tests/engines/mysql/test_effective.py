"""What random worlds on the servers seldom meet; the rest is tried in tests/live."""

from itertools import combinations, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instances.engines.effective import WHOLE_SERVER, Link, Principal, Right, Thing, Way, World
from instances.engines.mysql.effective import MySQLEffective
from instances.engines.mysql.patterns import (
    covers,
    expression,
    fits,
    overlaps,
    plain,
    rank_in_mariadb,
    samples,
)

MYSQL, MARIADB = "9.7.4", "10.11.19-MariaDB"
SHOP = Thing("database", "shop")
ORDERS = Thing("table", "shop", "", "orders")
ADA, ANY_ADA, BOSS, GHOST = range(1, 5)
names = st.text(alphabet="ab%_\\", max_size=5)
hosts = st.text(alphabet="ab%_", max_size=5)


def world(*rights: Right, version: str = MYSQL, **fields: Any) -> World:
    """1 is ada@localhost, 2 ada@%, 3 the role boss, 4 an account that has rows only."""
    boss = "boss" if "MariaDB" in version else "boss@%"
    principals = {
        ADA: Principal(ADA, "ada@localhost", "user", can_login=True),
        ANY_ADA: Principal(ANY_ADA, "ada@%", "user", can_login=True),
        BOSS: Principal(BOSS, boss, "role", can_login=False),
        GHOST: Principal(GHOST, "ghost@%", "user", attributes={"is_missing": True}),
    }
    return World(version, principals, fields.pop("links", ()), rights, **fields)


def ways(world: World, account: int, privilege: str, thing: Thing) -> list[Way]:
    return list(MySQLEffective(world).ways(account, privilege, thing))


def test_row_that_another_row_may_hide_has_a_condition():
    """Of the clients of ada@%, those of the network 10.* have a row of their own."""
    office = Principal(5, "ada@10.%", "user", attributes={"is_missing": True})
    found = world(
        wide := Right(1, ANY_ADA, "SELECT", SHOP),
        narrow := Right(2, 5, "INSERT", SHOP),
    )
    found.principals = {**found.principals, 5: office}

    assert ways(found, ANY_ADA, "SELECT", SHOP) == [Way(right=wide, condition="CLIENT HOST")]
    assert ways(found, ANY_ADA, "INSERT", SHOP) == [Way(right=narrow, condition="CLIENT HOST")]
    assert ways(found, ADA, "SELECT", SHOP) == [Way(right=wide, condition="CLIENT HOST")]


def test_rights_of_account_that_is_not_there_wait_for_it():
    found = world(right := Right(1, GHOST, "SELECT", SHOP))

    way = Way(right=right, condition="NO SUCH ACCOUNT")
    assert ways(found, GHOST, "SELECT", ORDERS) == [way]
    assert list(MySQLEffective(found).everything(GHOST)) == [("SELECT", SHOP, way)]


def test_hole_in_global_right_is_told_unless_something_fills_it():
    everywhere = Right(1, ADA, "SELECT", WHOLE_SERVER)
    hole = Right(2, ADA, "SELECT", SHOP, is_denied=True)
    settings = {"partial_revokes": "ON"}

    holed = world(everywhere, hole, settings=settings)
    filled = world(everywhere, hole, Right(3, ADA, "SELECT", SHOP), settings=settings)

    def told(world: World) -> list[tuple[Thing, bool]]:
        everything = MySQLEffective(world).everything(ADA)
        return [(thing, way.right.is_denied) for _, thing, way in everything if way.right]

    assert ways(holed, ADA, "SELECT", ORDERS) == []
    assert told(holed) == [(WHOLE_SERVER, False), (SHOP, True)]
    assert told(filled) == [(WHOLE_SERVER, False), (SHOP, False)]


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_what_set_role_would_open_is_told_apart(version):
    link = Link(1, member=ADA, role=BOSS, inherits=False)
    found = world(right := Right(1, BOSS, "SELECT", SHOP), version=version, links=[link])
    effective = MySQLEffective(found)
    way = Way((BOSS,), right, set_role=1)

    assert list(effective.ways(ADA, "SELECT", ORDERS)) == []
    assert list(effective.ways_by_set_role(ADA, "SELECT", ORDERS)) == [way]
    assert list(effective.everything_by_set_role(ADA)) == [(ADA, "SELECT", SHOP, way)]


def test_giving_up_roles_may_open_what_they_hide():
    """On MySQL, with any role active, rows of other hosts than the account's own do not count."""
    link = Link(1, member=ADA, role=BOSS, is_default=True)
    found = world(right := Right(1, ANY_ADA, "SELECT", SHOP), links=[link])
    effective = MySQLEffective(found)

    assert list(effective.ways(ADA, "SELECT", ORDERS)) == []
    assert list(effective.ways_by_set_role(ADA, "SELECT", ORDERS)) == [
        Way(right=right, condition="SET ROLE NONE")
    ]


def test_mariadb_lends_a_role_to_other_accounts_of_the_user():
    """Tried: then the global rights are those of the account that was given the role."""
    link = Link(1, member=ANY_ADA, role=BOSS, inherits=False)
    own = Right(1, ADA, "PROCESS", WHOLE_SERVER)
    other = Right(2, ANY_ADA, "RELOAD", WHOLE_SERVER)
    effective = MySQLEffective(world(own, other, version=MARIADB, links=[link]))

    assert list(effective.ways(ADA, "RELOAD", WHOLE_SERVER)) == []
    assert list(effective.ways_by_set_role(ADA, "RELOAD", WHOLE_SERVER)) == [
        Way((BOSS,), other, set_role=1)
    ]
    assert list(effective.ways_by_set_role(ADA, "PROCESS", WHOLE_SERVER)) == []


def test_what_may_be_passed_on_by_chance_is_a_way_of_its_own():
    twins = {5: "ada@127.0.0._", 6: "ada@127.0.0.%"}
    found = world(
        held := Right(1, ADA, "SELECT", SHOP), Right(2, 5, "GRANT OPTION", ORDERS, grantable=True)
    )
    missing = {"is_missing": True}
    new = {key: Principal(key, name, "user", attributes=missing) for key, name in twins.items()}
    found.principals = {**found.principals, **new}

    assert ways(found, ADA, "SELECT", ORDERS) == [
        Way(right=held),
        Way(right=held, grantable=True, condition="CLIENT HOST"),
    ]


def test_sections_that_were_not_read_leave_the_way_unknown():
    seen, blind = world(), world(blind={""})

    assert MySQLEffective(seen).reaches(ADA, ORDERS) is True
    assert MySQLEffective(blind).reaches(ADA, ORDERS) is None
    assert MySQLEffective(blind).reaches(ADA, WHOLE_SERVER) is True


@pytest.mark.parametrize(
    ("parts", "scopes"),
    [
        ((), ["server"]),
        (("shop",), ["database", "proxy"]),
        (("shop", "orders"), ["table", "routine"]),
        (("shop", "PROCEDURE pay"), ["routine"]),
        (("shop", "orders", "id"), ["column"]),
        (("shop", "a", "b", "c"), []),
    ],
)
def test_names_mean_things(parts, scopes):
    assert [thing.scope for thing in MySQLEffective.things(parts)] == scopes


def test_bare_name_means_routines_of_any_kind():
    pay = Thing("routine", "shop", "", "FUNCTION pay")
    found = world(right := Right(1, ADA, "EXECUTE", pay))
    named = Thing("routine", "shop", "", "Pay")

    assert ways(found, ADA, "EXECUTE", named) == [Way(right=right)]
    assert ways(found, ADA, "EXECUTE", Thing("routine", "shop", "", "PROCEDURE pay")) == []


def test_right_to_act_for_others_may_be_for_everybody():
    rights = [
        one := Right(1, ADA, "PROXY", Thing("proxy", name="eve@%")),
        every := Right(2, ADA, "PROXY", Thing("proxy", name="@%"), grantable=True),
        Right(3, ADA, "PROXY", Thing("proxy", name="bob@%")),
    ]

    assert ways(world(*rights), ADA, "PROXY", Thing("proxy", name="eve@%")) == [
        Way(right=one),
        Way(right=every, grantable=True),
    ]


# --- patterns -------------------------------------------------------------------------------

WORDS = ["".join(word) for size in range(4) for word in product("ab_%", repeat=size)]


@given(pattern=names)
def test_samples_are_matched(pattern):
    assert all(fits(pattern, name) for name in samples(pattern) if plain(pattern) or name == "")


@given(
    wide=names.map(lambda one: one.replace("\\", "")),
    narrow=names.map(lambda one: one.replace("\\", "")),
)
def test_wider_pattern_matches_all_that_the_narrower_does(wide, narrow):
    if covers(wide, narrow):
        assert {word for word in WORDS if fits(narrow, word)} <= {
            word for word in WORDS if fits(wide, word)
        }
    if not overlaps(wide, narrow):
        assert not [word for word in WORDS if fits(wide, word) and fits(narrow, word)]


def test_mariadb_looks_at_what_fewer_names_fit_first():
    """Counted: of all words over a small alphabet, as long as a name can be."""
    longest = 5
    words = ["".join(word) for size in range(longest + 1) for word in product("abc", repeat=size)]
    patterns = ["ab", "a_", "__", "a__", "a%", "%", "ab%", "a%b", "_a%", "___b"]
    matched = {
        one: sum(expression(one).fullmatch(word) is not None for word in words) for one in patterns
    }

    for one, other in combinations(patterns, 2):
        if matched[one] != matched[other]:
            first = min(one, other, key=matched.__getitem__)
            ranked = min(one, other, key=lambda pattern: rank_in_mariadb(pattern, longest))
            assert ranked == first, (one, other, matched)
