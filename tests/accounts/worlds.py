"""A little PostgreSQL as a reading: roles, what they were given, and what they have of others."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from instances.engines.base import (
    AccountKind,
    AccountRecord,
    AccountsReading,
    GrantRecord,
    MembershipRecord,
    Scope,
)
from tests.toy_engine import reading, role, user

NAMES = ("ada", "bob", "eve", "app", "readers", "writers")
POWERS = ("pg_read_all_data", "pg_database_owner")
EVERYBODY = "public"
PLACES: dict[Scope, Sequence[dict[str, Any]]] = {
    Scope.DATABASE: [{"database": "shop"}],
    Scope.SCHEMA: [{"database": "shop", "schema": "sales"}],
    Scope.TABLE: [{"database": "shop", "schema": "sales", "name": name} for name in ("t", "u")],
    Scope.COLUMN: [{"database": "shop", "schema": "sales", "name": "t", "column": "c"}],
    Scope.SEQUENCE: [{"database": "shop", "schema": "sales", "name": "u"}],
}
WORDS = {
    Scope.DATABASE: ("CONNECT", "CREATE"),
    Scope.SCHEMA: ("USAGE",),
    Scope.TABLE: ("SELECT", "INSERT"),
    Scope.COLUMN: ("SELECT",),
    Scope.SEQUENCE: ("SELECT", "USAGE"),
}


def owned(scope: Scope, place: dict[str, Any], owner: str) -> GrantRecord:
    return GrantRecord(owner, "OWNER", scope, **place, is_owner=True)


@st.composite
def grants(draw: st.DrawFn) -> GrantRecord:
    scope = draw(st.sampled_from(list(PLACES)))
    return GrantRecord(
        draw(st.sampled_from([*NAMES, EVERYBODY, *POWERS])),
        draw(st.sampled_from(WORDS[scope])),
        scope,
        **draw(st.sampled_from(PLACES[scope])),
        grantable=draw(st.booleans()),
    )


memberships = st.builds(
    MembershipRecord,
    st.sampled_from(NAMES),
    st.sampled_from([*NAMES, "pg_read_all_data"]),
    grantor=st.none(),
    inherits=st.booleans(),
    can_set=st.booleans(),
    admin_option=st.booleans(),
)


@st.composite
def readings(draw: st.DrawFn, version: str = "18.1") -> AccountsReading:
    superusers = draw(st.sets(st.sampled_from(NAMES), max_size=1))
    inherits = draw(st.sets(st.sampled_from(NAMES)))
    accounts: list[AccountRecord] = [
        user(name, is_superuser=name in superusers, attributes={"inherit": name in inherits})
        for name in NAMES
    ]
    accounts += [role(name) for name in POWERS]
    accounts.append(AccountRecord(EVERYBODY, AccountKind.PUBLIC))
    given: list[Any] = draw(st.lists(grants(), max_size=12))
    given += [
        owned(scope, place, draw(st.sampled_from(NAMES)))
        for scope, places in PLACES.items()
        if scope is not Scope.COLUMN
        for place in places
    ]
    links = draw(st.lists(memberships, max_size=10))
    links = [one for one in links if one.member != one.role]
    return reading(accounts, links, given, version=version)
