"""What a reading knows and does not know, why, and which statement completes it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from instances.engines.base import AccountsReading, Section
from instances.engines.errors import QueryRefused
from instances.engines.postgresql.databases import databases
from tests.engines.postgresql.conftest import Read
from whalefall.demo.servers import Server

MONITOR = {"username": 'mon "itor', "password": "mon"}


@pytest.fixture
def monitor(server: Server, shop: str) -> str:
    """A login with no right but what PUBLIC has; its name as an identifier."""
    name = '"mon ""itor"'
    server.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'mon'")
    return name


@contextmanager
def locked(server: Server, database: str) -> Iterator[None]:
    """A catalog of ``database`` that every reader waits for."""
    holder: Any = server.connect(database)
    try:
        holder.execute("BEGIN; LOCK TABLE pg_catalog.pg_foreign_server IN ACCESS EXCLUSIVE MODE")
        yield
    finally:
        holder.close()


def unknown(reading: AccountsReading) -> dict[tuple[str, str], Section]:
    return {(one.name, one.database): one for one in reading.sections if not one.is_complete}


def test_superuser_knows_everything(read: Read, shop: str) -> None:
    sections = {(section.name, section.database) for section in read().sections}

    server_wide = {("accounts", ""), ("memberships", ""), ("server", ""), ("activity", "")}
    assert sections >= server_wide | {("grants", "postgres"), ("grants", "template1")}
    assert ("grants", shop) in sections
    assert ("grants", "template0") not in sections
    assert unknown(read()) == {}


def test_poor_login_knows_what_it_lacks_and_the_grants_complete_it(
    server: Server, read: Read, monitor: str, shop: str
) -> None:
    server.execute(f"REVOKE CONNECT ON DATABASE {shop} FROM PUBLIC")

    missing = unknown(read(**MONITOR))

    assert {place: section.needed_grant for place, section in missing.items()} == {
        ("activity", ""): f"GRANT pg_read_all_stats TO {monitor}",
        ("grants", shop): f'GRANT CONNECT ON DATABASE "{shop}" TO {monitor}',
    }

    for section in missing.values():
        server.execute(section.needed_grant)
    poor, rich = read(**MONITOR), read()

    assert unknown(poor) == {}
    assert set(poor.grants) == set(rich.grants)
    assert set(poor.memberships) == set(rich.memberships)


def test_what_a_poor_login_sees_of_the_rest_is_all_of_it(
    server: Server, read: Read, monitor: str, shop: str
) -> None:
    server.execute(f"REVOKE CONNECT ON DATABASE {shop} FROM PUBLIC")

    poor, rich = read(**MONITOR), read()

    assert set(poor.grants) == {grant for grant in rich.grants if grant.database != shop} | {
        grant for grant in rich.grants if grant.database == shop and grant.scope == "database"
    }


def test_database_that_allows_no_connections(server: Server, read: Read, shop: str) -> None:
    server.execute(f"ALTER DATABASE {shop} WITH ALLOW_CONNECTIONS false")

    [section] = unknown(read()).values()

    assert section == Section(
        "grants",
        shop,
        f'The database "{shop}" allows no connections.',
        f'ALTER DATABASE "{shop}" WITH ALLOW_CONNECTIONS true',
    )
    server.execute(section.needed_grant)
    assert unknown(read()) == {}


def test_refused_query_makes_its_section_unknown_and_the_grant_completes_it(
    server: Server, read: Read, monitor: str, shop: str
) -> None:
    server.execute(f"GRANT pg_read_all_stats TO {monitor}")
    server.execute("REVOKE SELECT ON pg_auth_members, pg_foreign_server FROM PUBLIC", shop)

    reading = read(**MONITOR, service_name=shop)

    missing = unknown(reading)
    assert set(missing) == {("memberships", ""), ("grants", shop)}
    assert "'database_grants'" in missing["grants", shop].reason
    assert "pg_catalog.pg_foreign_server" in missing["grants", shop].needed_grant
    assert reading.memberships == []
    for section in missing.values():
        server.execute(section.needed_grant, shop)
    assert unknown(read(**MONITOR, service_name=shop)) == {}


def test_reading_without_the_roles_names_is_worthless(
    server: Server, read: Read, monitor: str, shop: str
) -> None:
    server.execute("REVOKE SELECT ON pg_roles FROM PUBLIC", shop)

    with pytest.raises(QueryRefused, match=r"'roles'.*SELECT on pg_catalog.pg_roles"):
        read(**MONITOR, service_name=shop)


def test_full_database_is_unknown_and_the_others_are_known(
    server: Server, read: Read, monitor: str, shop: str
) -> None:
    server.execute(f"GRANT pg_read_all_stats TO {monitor}")
    server.execute(f"ALTER DATABASE {shop} CONNECTION LIMIT 0")

    missing = unknown(read(**MONITOR))

    assert set(missing) == {("grants", shop)}
    assert "too many connections are open" in missing["grants", shop].reason


@pytest.mark.parametrize("is_main", [True, False])
def test_slow_database_is_unknown_and_the_others_are_known(
    server: Server, read: Read, shop: str, is_main: bool
) -> None:
    with locked(server, shop):
        service = {"service_name": shop} if is_main else {}
        missing = unknown(read(statement_timeout_seconds=1, **service))

    assert set(missing) == {("grants", shop)}
    # Now and then the server itself needs what is locked, to let us in.
    late = r"did not answer (the query 'database_grants' in time|within \d+ seconds)"
    assert re.search(late, missing["grants", shop].reason)


def test_database_that_is_dropped_while_we_read_is_unknown(
    server: Server, read: Read, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drop_after(rows: Any) -> Any:
        server.execute(f"DROP DATABASE {shop}")
        return databases(rows)

    monkeypatch.setattr("instances.engines.postgresql.reading.databases", drop_after)

    missing = unknown(read())

    assert set(missing) == {("grants", shop)}
    assert f"there is no database {shop!r}" in missing["grants", shop].reason


def test_unfinished_drop_of_a_database_is_told(server: Server, read: Read, shop: str) -> None:
    server.execute(f"UPDATE pg_database SET datconnlimit = -2 WHERE datname = '{shop}'")

    [section] = unknown(read()).values()

    assert section == replace(section, name="grants", database=shop, needed_grant="")
    assert "unfinished DROP DATABASE" in section.reason
