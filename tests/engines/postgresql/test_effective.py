"""What random programs seldom meet; everything else is compared with the server in tests/live."""

from collections.abc import Mapping
from types import MappingProxyType

import pytest

from instances.engines.effective import Link, Principal, Right, Thing, Way, World
from instances.engines.postgresql.effective import PostgreSQLEffective

SHOP = Thing("database", "shop")
PUBLIC_SCHEMA = Thing("schema", "shop", "public")
ORDERS = Thing("table", "shop", "public", "orders")


def world(
    *links: Link,
    rights: tuple[Right, ...] = (),
    version: str = "18.1",
    principals: Mapping[int, Principal] = MappingProxyType({}),
) -> World:
    """Principals 1 to 5 are ada, staff, readers, boss and pg_database_owner; 0 is everybody."""
    people = ["public", "ada", "staff", "readers", "boss", "pg_database_owner"]
    known = {
        key: Principal(key, name, "public" if not key else "role", is_superuser=name == "boss")
        for key, name in enumerate(people)
    }
    return World(version, {**known, **principals}, links, rights)


def test_every_way_is_told_with_its_route():
    effective = PostgreSQLEffective(
        world(
            Link(1, member=1, role=2),
            Link(2, member=2, role=3),
            Link(3, member=1, role=3),
            rights=(
                own := Right(1, 1, "SELECT", ORDERS),
                role := Right(2, 3, "SELECT", ORDERS, grantable=True),
                public := Right(3, 0, "SELECT", ORDERS),
                Right(4, 2, "UPDATE", ORDERS),
            ),
        )
    )

    ways = set(effective.ways(1, "SELECT", ORDERS))

    assert ways == {
        Way((), own),
        Way((3,), role, grantable=True),
        Way((2, 3), role, grantable=True),
        Way((), public),
    }


def test_a_circle_of_roles_ends():
    """The server refuses circles, but a mirror may hold one of edges read in two moments."""
    effective = PostgreSQLEffective(
        world(
            *(Link(key, member=key, role=key % 3 + 1) for key in (1, 2, 3)),
            rights=(right := Right(1, 3, "SELECT", ORDERS),),
        )
    )

    assert list(effective.ways(1, "SELECT", ORDERS)) == [Way((2, 3), right)]


def test_what_set_role_would_open_is_told_apart():
    effective = PostgreSQLEffective(
        world(
            Link(1, member=1, role=2, inherits=False),
            Link(2, member=2, role=3),
            Link(3, member=1, role=4, inherits=False),
            rights=(right := Right(1, 3, "SELECT", ORDERS),),
        )
    )

    assert list(effective.ways(1, "SELECT", ORDERS)) == []
    assert list(effective.ways_by_set_role(1, "SELECT", ORDERS)) == [
        Way((2, 3), right, set_role=1),
        Way((4,), power="SUPERUSER", grantable=True, set_role=1),
    ]


@pytest.mark.parametrize(
    ("version", "inherit", "holds"),
    [("18.1", True, True), ("18.1", False, True), ("15.2", True, True), ("15.2", False, False)],
)
def test_the_owner_of_a_database_is_its_owner_role(version, inherit, holds):
    """Tried on 15 and 18: before 16 a NOINHERIT owner has nothing of ``pg_database_owner``."""
    owner = Principal(1, "ada", "role", False, attributes={"inherit": inherit})
    effective = PostgreSQLEffective(
        world(
            rights=(
                Right(1, 1, "OWNER", SHOP, is_owner=True),
                Right(2, 5, "CREATE", PUBLIC_SCHEMA),
                Right(3, 5, "CREATE", Thing("schema", "other", "public")),
            ),
            version=version,
            principals={1: owner},
        )
    )

    assert any(effective.ways(1, "CREATE", PUBLIC_SCHEMA)) is holds
    assert not any(effective.ways(1, "CREATE", Thing("schema", "other", "public")))
    held = {thing for privilege, thing, _ in effective.everything(1) if privilege == "CREATE"}
    assert held == ({PUBLIC_SCHEMA} if holds else set())


def test_the_way_to_a_table_leads_through_database_and_schema():
    gates = (Right(1, 0, "CONNECT", SHOP), Right(2, 2, "USAGE", PUBLIC_SCHEMA))
    effective = PostgreSQLEffective(world(Link(1, member=1, role=2), rights=gates))

    assert [effective.reaches(key, ORDERS) for key in (1, 2, 3, 4)] == [True, True, False, True]
    assert effective.reaches(3, PUBLIC_SCHEMA) is True


def test_a_gate_that_was_not_read_is_neither_open_nor_closed():
    blind = world()
    blind.blind = {"shop"}

    assert PostgreSQLEffective(blind).reaches(1, ORDERS) is None
    assert PostgreSQLEffective(blind).reaches(4, ORDERS) is True
