"""Each right of the monitoring login, taken away and given back: neither changes an account."""

from collections.abc import Iterator
from typing import Any

import pytest

from accounts.models import Account
from instances.models import Instance
from tests.accounts.mirror import changes
from tests.engines.mysql.conftest import cleaned as cleaned_mysql
from tests.engines.postgresql.conftest import cleaned as cleaned_postgresql
from tests.factories import sync
from tests.live.mirrored import instance_of, open_edges
from whalefall.demo.servers import Server

pytestmark = pytest.mark.django_db

LOGIN = {"credential__username": "eye", "credential__password": "hush-hush"}
FACTS = ("kind", "can_login", "is_superuser", "is_locked")
TIMES = ("password_changed_at", "password_expires_at", "last_login_at", "removed_at")
SHARED = ("db", "tables_priv", "columns_priv", "procs_priv", "proxies_priv")
TABLES = {
    "mysql": (*SHARED, "role_edges", "default_roles", "global_grants"),
    "mariadb": (*SHARED, "roles_mapping", "global_priv"),
}
COMPANY = (
    "CREATE USER eye@'%' IDENTIFIED BY 'hush-hush'",
    "CREATE DATABASE shop",
    "CREATE TABLE shop.t (a INT)",
    "CREATE ROLE r1, r2, unused",
    "CREATE USER ada@'%' IDENTIFIED BY 'x', bob@'%' IDENTIFIED BY 'x' PASSWORD EXPIRE",
    "CREATE USER locked@'%' IDENTIFIED BY 'x' PASSWORD EXPIRE ACCOUNT LOCK",
    "GRANT r1 TO r2",
    "GRANT r2 TO ada@'%' WITH ADMIN OPTION",
    "GRANT UPDATE, RELOAD ON *.* TO ada@'%'",
    "GRANT CREATE USER ON *.* TO bob@'%' WITH GRANT OPTION",
    "GRANT SELECT (a) ON shop.t TO bob@'%' WITH GRANT OPTION",
    "GRANT SELECT, INSERT ON shop.* TO ada@'%'",
    "GRANT PROXY ON ada@'%' TO bob@'%'",
)
ONLY_MYSQL = (
    "SET GLOBAL partial_revokes = ON",
    "CREATE USER carol@'%' IDENTIFIED BY 'x' ATTRIBUTE '{\"team\": \"sea\"}'",
    "GRANT UPDATE, RELOAD, SYSTEM_USER ON *.* TO carol@'%'",
    "REVOKE UPDATE ON mysql.* FROM carol@'%'",
    "SET DEFAULT ROLE r2 TO ada@'%'",
)


@pytest.fixture(params=["mysql", "mariadb"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with cleaned_mysql(request.getfixturevalue(request.param)) as found:
        for statement in (*COMPANY, *(ONLY_MYSQL if found.kind == "mysql" else ())):
            found.execute(statement)
        yield found
        if found.kind == "mysql":
            found.execute("DROP USER carol@'%'")
            found.execute("SET GLOBAL partial_revokes = OFF")


def mirror(instance: Instance) -> tuple[Any, ...]:
    """Accounts with all that is told of them, and edges; but for what could not be seen."""
    accounts = {
        row.name: (
            *(getattr(row, name) for name in (*FACTS, *TIMES)),
            {name: value for name, value in row.attributes.items() if name != "unseen"},
        )
        for row in Account.objects.filter(instance=instance).exclude(name__startswith="eye")
    }
    return accounts, open_edges_of_others(instance)


def open_edges_of_others(instance: Instance) -> frozenset[Any]:
    eye = set(Account.objects.filter(instance=instance, name__startswith="eye").values_list("pk"))
    return frozenset(edge for edge in open_edges(instance) if (edge[0],) not in eye)


def told_of_others(instance: Instance, since: int) -> list[Any]:
    return [entry for entry in changes(instance, since) if not entry[0].startswith("eye")]


def rights(server: Server) -> list[str]:
    tables = [f"SELECT ON mysql.{table}" for table in TABLES[server.kind]]
    if server.kind == "mariadb":
        return tables
    columns = server.execute(
        "SELECT COLUMN_NAME FROM information_schema.columns"
        " WHERE TABLE_SCHEMA = 'mysql' AND TABLE_NAME = 'user'"
        " AND COLUMN_NAME NOT IN ('Host', 'User')"
    )
    chosen = {"account_locked", "plugin", "Super_priv", "User_attributes", "authentication_string"}
    names = {str(column) for (column,) in columns}
    return [*tables, *(f"SELECT ({name}) ON mysql.user" for name in sorted(names & chosen))]


def test_no_right_of_our_login_is_a_right_of_another(server: Server) -> None:
    for table in TABLES[server.kind]:
        server.execute(f"GRANT SELECT ON mysql.{table} TO eye@'%'")
    if server.kind == "mysql":
        names = server.execute(
            "SELECT GROUP_CONCAT(COLUMN_NAME) FROM information_schema.columns"
            " WHERE TABLE_SCHEMA = 'mysql' AND TABLE_NAME = 'user'"
        )
        server.execute(f"GRANT SELECT ({names[0][0]}) ON mysql.user TO eye@'%'")
    instance = instance_of(server, **LOGIN)
    assert sync(instance).coverage == 1
    before, told = mirror(instance), len(changes(instance))

    for right in rights(server):
        server.execute(f"REVOKE {right} FROM eye@'%'")
        lost = sync(instance)
        assert (right, lost.status, mirror(instance)) == (right, "completed", before)
        server.execute(f"GRANT {right} TO eye@'%'")
        assert (right, sync(instance).coverage, mirror(instance)) == (right, 1.0, before)

    assert told_of_others(instance, told) == []


def test_what_is_certain_is_told_although_not_everything_is_seen(server: Server) -> None:
    if server.kind != "mysql":
        pytest.skip("MariaDB keeps it all in one table")
    server.execute("GRANT SELECT ON mysql.* TO eye@'%'")
    instance = instance_of(server, **LOGIN)
    sync(instance)
    server.execute("REVOKE SELECT ON mysql.* FROM eye@'%'")
    for table in TABLES["mysql"]:
        server.execute(f"GRANT SELECT ON mysql.{table} TO eye@'%'")
    names = server.execute(
        "SELECT GROUP_CONCAT(COLUMN_NAME) FROM information_schema.columns WHERE TABLE_SCHEMA ="
        " 'mysql' AND TABLE_NAME = 'user' AND COLUMN_NAME <> 'User_attributes'"
    )
    server.execute(f"GRANT SELECT ({names[0][0]}) ON mysql.user TO eye@'%'")
    sync(instance)
    told = len(changes(instance))

    server.execute("GRANT SUPER ON *.* TO carol@'%'")
    server.execute("REVOKE CREATE USER ON *.* FROM bob@'%'")
    sync(instance)
    carol = Account.objects.get(name="carol@%")
    assert (carol.is_superuser, carol.attributes["superuser_reasons"]) == (True, ["SUPER"])
    server.execute("GRANT SELECT (User_attributes) ON mysql.user TO eye@'%'")
    sync(instance)

    attributes = [
        (name, cause, diff["attributes"])
        for name, kind, cause, diff in told_of_others(instance, told)
        if kind == "attributes"
    ]
    assert attributes == [
        (
            "bob@%",
            "observed",
            {"grant_reasons": [["CREATE USER", "GRANT OPTION"], ["GRANT OPTION"]]},
        ),
        (
            "carol@%",
            "visibility",  # what she was before, nobody could say
            {
                "grant_reasons": [[], ["SUPER"]],
                "is_superuser": [False, True],
                "superuser_reasons": [[], ["SUPER"]],
            },
        ),
    ]


def test_what_comes_into_sight_is_no_change_on_the_server(server: Server) -> None:
    """A login that never saw the restrictions, the attributes or the passwords, and then does."""
    if server.kind != "mysql":
        pytest.skip("MariaDB keeps it all in one table")
    for table in TABLES["mysql"]:
        server.execute(f"GRANT SELECT ON mysql.{table} TO eye@'%'")
    names = server.execute(
        "SELECT GROUP_CONCAT(COLUMN_NAME) FROM information_schema.columns WHERE TABLE_SCHEMA ="
        " 'mysql' AND TABLE_NAME = 'user'"
        " AND COLUMN_NAME NOT IN ('User_attributes', 'authentication_string')"
    )
    server.execute(f"GRANT SELECT ({names[0][0]}) ON mysql.user TO eye@'%'")
    instance = instance_of(server, **LOGIN)
    sync(instance)
    told = len(changes(instance))
    assert Account.objects.get(name="ada@%").is_superuser is None

    server.execute("GRANT SELECT (User_attributes, authentication_string) ON mysql.user TO eye@'%'")
    assert sync(instance).coverage == 1

    entries = told_of_others(instance, told)
    assert {entry[2] for entry in entries} == {"visibility"}
    assert {"ada@%", "carol@%", "unused@%"} <= {entry[0] for entry in entries}


@pytest.mark.parametrize("sees_passwords", [True, False])
def test_postgresql_passwords_come_and_go_without_a_change(
    postgresql: Server, *, sees_passwords: bool
) -> None:
    with cleaned_postgresql(postgresql) as server:
        server.execute(
            "CREATE ROLE eye LOGIN PASSWORD 'hush-hush'; GRANT pg_read_all_stats TO eye;"
            "CREATE ROLE eve LOGIN PASSWORD 'x'; CREATE ROLE nobody LOGIN"
        )
        # A grant on pg_authid would leave an access list there, which is a change of its own.
        see = ("ALTER ROLE eye SUPERUSER", "ALTER ROLE eye NOSUPERUSER")
        first, second = see if sees_passwords else see[::-1]
        server.execute(first)
        instance = instance_of(server, **LOGIN)
        sync(instance)
        before, told = mirror(instance), len(changes(instance))

        server.execute(second)
        sync(instance)
        entries = told_of_others(instance, told)

        if sees_passwords:
            assert (mirror(instance)[0], entries) == (before[0], [])
        else:
            assert {entry[2] for entry in entries} == {"visibility"}
