"""A login that loses its rights between two syncs: nothing is told that nobody saw.

Then the statement that the section itself names brings everything back.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from instances.engines import get_engine
from instances.models import Instance, Section
from tests.accounts.mirror import causes, changes
from tests.engines.mysql.conftest import cleaned as cleaned_mysql
from tests.engines.postgresql.conftest import cleaned as cleaned_postgresql
from tests.factories import sync
from tests.live.mirrored import instance_of, open_edges
from whalefall.demo.servers import Server

pytestmark = pytest.mark.django_db

LOGIN = {"credential__username": "eye", "credential__password": "hush-hush"}


@pytest.fixture(params=["postgresql", "old_postgresql"])
def postgresql_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with cleaned_postgresql(request.getfixturevalue(request.param)) as server:
        server.execute(
            "CREATE ROLE eye LOGIN PASSWORD 'hush-hush'; GRANT pg_read_all_stats TO eye;"
            "CREATE ROLE ada; CREATE ROLE bob"
        )
        server.execute("CREATE DATABASE shop")
        server.execute("REVOKE CONNECT ON DATABASE shop FROM PUBLIC")
        server.execute("GRANT CONNECT ON DATABASE shop TO eye")
        server.execute("CREATE TABLE t (a int); GRANT SELECT, INSERT ON t TO ada", "shop")
        yield server


@pytest.fixture(params=["mysql", "mariadb"])
def mysql_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with cleaned_mysql(request.getfixturevalue(request.param)) as server:
        for statement in (
            "CREATE USER eye@'%' IDENTIFIED BY 'hush-hush'",
            "CREATE DATABASE shop",
            "CREATE ROLE reader",
            "CREATE USER ada@'%' IDENTIFIED BY 'x', bob@'%' IDENTIFIED BY 'x'",
            "CREATE USER carol@'%' IDENTIFIED BY 'x'",
            "GRANT reader TO ada@'%', carol@'%'",
            "GRANT SELECT, INSERT ON shop.* TO ada@'%'",
            "GRANT PROCESS ON *.* TO bob@'%'",
        ):
            server.execute(statement)
        login = server.target(username="eye", password="hush-hush")
        # What sizes need, as SHOW VIEW on everything, is no right that this mirror needs.
        with get_engine("mysql").connect(login) as engine:
            sections = engine.read_accounts().sections
        for needed_grant in {section.needed_grant for section in sections} - {""}:
            server.execute(needed_grant)
        yield server


def unknown(instance: Instance) -> dict[str, tuple[str, str]]:
    return {
        str(section): (section.reason, section.needed_grant)
        for section in Section.objects.unknown().filter(instance=instance)
    }


def coverage(instance: Instance) -> float | None:
    record = sync(instance)
    assert (record.status, record.error_message) == ("completed", "")
    return record.coverage


def without_one(instance: Instance) -> float:
    """The coverage when all sections but one are known."""
    sections = Section.objects.filter(instance=instance).count()
    return (sections - 1) / sections


def in_shop(instance: Instance) -> set[tuple[Any, ...]]:
    """The edges about what is inside the database, which only a connection to it shows."""
    return {edge for edge in open_edges(instance) if "shop" in edge and "database" not in edge}


def test_database_that_closed_to_our_login_keeps_its_edges(postgresql_server: Server) -> None:
    server, instance = postgresql_server, instance_of(postgresql_server, **LOGIN)
    assert coverage(instance) == 1
    known, inside = len(changes(instance)), in_shop(instance)

    server.execute("REVOKE CONNECT ON DATABASE shop FROM eye")
    server.execute("REVOKE INSERT ON t FROM ada; GRANT DELETE ON t TO bob", "shop")
    lost = coverage(instance)

    assert (lost, in_shop(instance)) == (without_one(instance), inside)
    assert unknown(instance) == {
        "grants (shop)": (
            'Our login "eye" may not connect to the database "shop".',
            'GRANT CONNECT ON DATABASE "shop" TO "eye"',
        )
    }
    assert causes(instance, known) == [("eye", "revoked", "observed")]

    [(_, needed_grant)] = unknown(instance).values()
    server.execute(needed_grant)
    assert (coverage(instance), unknown(instance)) == (1, {})
    assert set(causes(instance, known + 1)) == {
        ("eye", "granted", "observed"),
        ("ada", "revoked", "visibility"),
        ("bob", "granted", "visibility"),
    }
    assert coverage(instance) == 1
    assert len(changes(instance)) == known + 4


def test_database_that_closed_to_everybody_changes_nothing(postgresql_server: Server) -> None:
    server, instance = postgresql_server, instance_of(postgresql_server, **LOGIN)
    coverage(instance)
    known, edges = len(changes(instance)), open_edges(instance)

    server.execute("ALTER DATABASE shop ALLOW_CONNECTIONS false")
    lost = coverage(instance)

    assert (lost, open_edges(instance), causes(instance, known)) == (
        *(without_one(instance), edges),
        [],
    )
    [(_, needed_grant)] = unknown(instance).values()
    server.execute(needed_grant)
    assert (coverage(instance), open_edges(instance), causes(instance, known)) == (1, edges, [])


def test_login_without_the_grant_tables_keeps_every_edge(mysql_server: Server) -> None:
    server, instance = mysql_server, instance_of(mysql_server, **LOGIN)
    assert coverage(instance) == 1
    known, edges = len(changes(instance)), open_edges(instance)

    for statement in (
        "REVOKE ALL PRIVILEGES, GRANT OPTION FROM eye@'%'",
        "REVOKE INSERT ON shop.* FROM ada@'%'",
        "REVOKE reader FROM ada@'%'",
        "CREATE USER newcomer@'%'",
        "DROP USER bob@'%'",
    ):
        server.execute(statement)
    lost = coverage(instance)

    assert lost is not None
    assert lost < 0.5
    assert (open_edges(instance), causes(instance, known)) == (edges, [])
    missing = unknown(instance)
    assert {"accounts", "memberships", "database_grants", "global_grants"} <= missing.keys()
    assert all(needed_grant for _, needed_grant in missing.values())

    for needed_grant in dict.fromkeys(grant for _, grant in missing.values()):
        server.execute(needed_grant)
    assert (coverage(instance), unknown(instance)) == (1, {})
    entries = causes(instance, known)
    assert {cause for _, _, cause in entries} == {"visibility"}
    assert {(name, kind) for name, kind, _ in entries} == {
        ("ada@%", "revoked"),
        ("bob@%", "removed"),
        ("newcomer@%", "added"),
    }
    coverage(instance)
    assert causes(instance, known) == entries


def test_login_that_sees_no_passwords_any_more_tells_nothing(postgresql_server: Server) -> None:
    server, instance = postgresql_server, instance_of(postgresql_server, **LOGIN)
    server.execute("ALTER ROLE eye SUPERUSER; CREATE ROLE eve LOGIN PASSWORD 'x'")
    coverage(instance)
    known = len(changes(instance))

    server.execute("ALTER ROLE eye NOSUPERUSER")
    coverage(instance)

    assert causes(instance, known) == [("eye", "attributes", "observed")]
