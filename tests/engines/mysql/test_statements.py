"""The statements in little worlds; that the servers do what they say is tried in tests/live."""

from collections.abc import Sequence

import pytest

from accounts.cut import Cut, Wanted, least_cut
from instances.engines.effective import WHOLE_SERVER, Link, Principal, Right, Thing, World
from instances.engines.mysql.effective import MySQLEffective
from instances.engines.mysql.statements import MySQLStatements

MYSQL, MARIADB = "9.7.4", "10.11.19-MariaDB"
SHOP, ANY_SHOP = Thing("database", "shop"), Thing("database", "sh%")
ORDERS, NOTE = Thing("table", "shop", "", "orders"), Thing("column", "shop", "", "orders", "note")
ADA, BOSS, CLERK, GHOST, NAMESAKE = range(1, 6)
CATALOG = Thing("table", "information_schema", "", "TABLES")


def world_of(
    *rights: Right, links: Sequence[Link] = (), version: str = MYSQL, **settings: str
) -> World:
    is_mariadb = "MariaDB" in version
    principals = {
        ADA: Principal(ADA, "a`d@a@%", "user", can_login=True),
        BOSS: Principal(BOSS, "bo`ss" if is_mariadb else "bo`ss@%", "role", can_login=False),
        CLERK: Principal(CLERK, "cl@erk@" if is_mariadb else "clerk@%", "role", can_login=False),
        NAMESAKE: Principal(NAMESAKE, "a`d@a@", "user", can_login=True),
        GHOST: Principal(GHOST, "@%", "user", attributes={"is_missing": True}),
    }
    return World(version, principals, links, rights, settings=settings)


def cut_of(world: World, thing: Thing = SHOP, privilege: str = "SELECT") -> Cut:
    return least_cut(MySQLEffective, MySQLStatements(world, {}), Wanted(ADA, privilege, [thing]))


def scripts(world: World, cut: Cut) -> tuple[list[str], list[str]]:
    statements = MySQLStatements(world, {})
    return [statements.take(one).sql for one in cut.edges], [
        one.sql for one in statements.undo(cut.edges)
    ]


def test_row_behind_the_one_that_decides_goes_too() -> None:
    world = world_of(Right(1, ADA, "SELECT", SHOP), Right(2, ADA, "SELECT", ANY_SHOP))
    cut = cut_of(world)
    assert scripts(world, cut)[0] == [
        "REVOKE SELECT ON `shop`.* FROM `a``d@a`@`%`;",
        "REVOKE SELECT ON `sh%`.* FROM `a``d@a`@`%`;",
    ]
    assert not cut.is_least  # nobody proved that nothing else would do


def test_row_of_a_namesake_goes_too() -> None:
    own, others = Right(1, ADA, "SELECT", SHOP), Right(2, NAMESAKE, "SELECT", SHOP)
    cut = cut_of(world_of(own, others))
    assert cut.edges == [own, others]
    assert {one.account for one in cut.effect.lost} == {"a`d@a@"}


@pytest.mark.parametrize("other", ["INSERT", "SELECT"])
def test_row_that_stays_hides_the_wider_one(other: str) -> None:
    """With its GRANT OPTION alone, or with another privilege, it still decides."""
    rights = [Right(1, ADA, "SELECT", SHOP, grantable=True), Right(2, ADA, "SELECT", ANY_SHOP)]
    if other != "SELECT":
        rights.append(Right(3, ADA, other, SHOP, grantable=True))
    cut = cut_of(world_of(*rights))
    assert (cut.edges, cut.is_least) == ([rights[0]], True)
    assert [one.privilege for one in cut.effect.gained] == []


def test_columns_go_before_their_table() -> None:
    world = world_of(Right(1, ADA, "SELECT", ORDERS), Right(2, ADA, "SELECT", NOTE))
    assert scripts(world, cut_of(world, ORDERS)) == (
        [
            "REVOKE SELECT (`note`) ON `shop`.`orders` FROM `a``d@a`@`%`;",
            "REVOKE SELECT ON `shop`.`orders` FROM `a``d@a`@`%`;",
        ],
        [
            "GRANT SELECT ON `shop`.`orders` TO `a``d@a`@`%`;",
            "GRANT SELECT (`note`) ON `shop`.`orders` TO `a``d@a`@`%`;",
        ],
    )


@pytest.mark.parametrize(
    ("right", "given"),
    [
        (Right(1, ADA, "BACKUP_ADMIN", WHOLE_SERVER, grantable=True), "BACKUP_ADMIN ON *.*"),
        (Right(1, ADA, "PROXY", Thing("proxy", name="@"), grantable=True), "PROXY ON ``@``"),
        (Right(1, ADA, "PROXY", Thing("proxy", name="b@@h"), grantable=True), "PROXY ON `b@`@`h`"),
    ],
)  # fmt: skip
def test_right_with_an_option_of_its_own(right: Right, given: str) -> None:
    world = world_of(right)
    cut = cut_of(world, right.thing, right.privilege)
    assert scripts(world, cut) == (
        [f"REVOKE {given} FROM `a``d@a`@`%`;"],
        [f"GRANT {given} TO `a``d@a`@`%` WITH GRANT OPTION;"],
    )


def test_default_roles_come_back_together() -> None:
    links = [
        Link(1, ADA, BOSS, admin_option=True, is_default=True),
        Link(2, ADA, CLERK, is_default=True),
    ]
    rights = [Right(1, BOSS, "SELECT", SHOP), Right(2, BOSS, "SELECT", ANY_SHOP)]
    world = world_of(*rights, links=links)
    taken, back = scripts(world, cut_of(world))
    assert taken == ["REVOKE `bo``ss`@`%` FROM `a``d@a`@`%`;"]
    assert back == [
        "GRANT `bo``ss`@`%` TO `a``d@a`@`%` WITH ADMIN OPTION;",
        "SET DEFAULT ROLE `bo``ss`@`%`, `clerk`@`%` TO `a``d@a`@`%`;",
    ]
    unknown = world_of(*rights, links=links, activate_all_roles_on_login="ON")
    assert scripts(unknown, cut_of(unknown)) == (taken, back[:1])


def test_default_role_of_mariadb_is_forgotten() -> None:
    rights = [Right(1, CLERK, "SELECT", SHOP), Right(2, CLERK, "SELECT", ANY_SHOP)]
    links = [Link(1, ADA, CLERK, is_default=True)]
    world = world_of(*rights, links=links, version=MARIADB)
    assert scripts(world, cut_of(world)) == (
        ["REVOKE `cl@erk` FROM `a``d@a`@`%`;\nSET DEFAULT ROLE NONE FOR `a``d@a`@`%`;"],
        ["GRANT `cl@erk` TO `a``d@a`@`%`;", "SET DEFAULT ROLE `cl@erk` FOR `a``d@a`@`%`;"],
    )


def test_holes_are_dug_again() -> None:
    everywhere = Right(1, ADA, "SELECT", WHOLE_SERVER, grantable=True)
    holes = [
        Right(2, ADA, "SELECT", Thing("database", "a`b"), is_denied=True),
        Right(3, ADA, "INSERT", SHOP, is_denied=True),
    ]
    world = world_of(everywhere, *holes, partial_revokes="ON")
    assert scripts(world, cut_of(world)) == (
        ["REVOKE SELECT ON *.* FROM `a``d@a`@`%`;"],
        ["GRANT SELECT ON *.* TO `a``d@a`@`%`;\nREVOKE SELECT ON `a``b`.* FROM `a``d@a`@`%`;"],
    )


# --- what can't be done, and what does not help ---------------------------------------------------


@pytest.mark.parametrize(
    ("world", "thing", "reason"),
    [
        (world_of(), CATALOG, "Everybody may read INFORMATION_SCHEMA"),
        (world_of(Right(1, GHOST, "SELECT", SHOP)), SHOP, "@% is no account"),
    ],
)
def test_obstacle(world: World, thing: Thing, reason: str) -> None:
    cut = cut_of(world, thing)
    assert (cut.edges, len(cut.obstacles)) == ((), 1)
    assert cut.obstacles[0].startswith(reason)


def test_active_role_stays_where_it_hides_a_row_that_does_not_go() -> None:
    """Without any role, the row of the anonymous user would count."""
    of_role = Right(1, BOSS, "SELECT", WHOLE_SERVER)
    links = [Link(1, ADA, BOSS, is_default=True)]
    cut = cut_of(world_of(of_role, Right(2, GHOST, "SELECT", SHOP), links=links))
    assert (cut.edges, cut.obstacles) == ([of_role], [])


def test_mandatory_role_stays() -> None:
    links = [Link(1, ADA, BOSS, is_default=True)]
    rights = [Right(1, BOSS, "SELECT", SHOP), Right(2, BOSS, "SELECT", ORDERS)]
    world = world_of(*rights, links=links, mandatory_roles="`bo``ss`,other@h")
    statements = MySQLStatements(world, {})
    assert "mandatory role" in statements.fixed(links[0])
    assert set(cut_of(world, ORDERS).edges) == set(rights)


def test_bit_without_a_word_stays() -> None:
    right = Right(1, ADA, "UNKNOWN BIT 50", WHOLE_SERVER)
    assert "UNKNOWN BIT 50" in MySQLStatements(world_of(right, version=MARIADB), {}).fixed(right)


@pytest.mark.parametrize(
    ("word", "links", "reason"),
    [
        ("SUPER", (), "has SUPER and can give itself SELECT again."),
        ("ROLE_ADMIN", [Link(1, CLERK, BOSS)], "has ROLE_ADMIN and can grant it the role bo`ss@%"),
        ("PROCESS", [Link(1, ADA, BOSS, admin_option=True)], "has the ADMIN OPTION of bo`ss@%"),
        ("PROCESS", [Link(1, CLERK, BOSS, admin_option=True)], ""),
    ],
)
def test_account_that_can_give_it_to_itself(word: str, links: Sequence[Link], reason: str) -> None:
    own = Right(1, ADA, "SELECT", SHOP)
    may = Right(2, ADA, word, WHOLE_SERVER)
    world = world_of(own, may, Right(3, BOSS, "SELECT", SHOP), links=links)
    cut = cut_of(world)
    assert cut.edges == [own]
    assert [reason in one for one in cut.obstacles] == ([True] if reason else [])
