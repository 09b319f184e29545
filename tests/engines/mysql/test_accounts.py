"""Facts about accounts: locks, passwords, powers, kinds."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from instances.engines.base import AccountKind, AccountRecord, GrantRecord, Scope
from tests.engines.mysql.conftest import Read, plant, quote, reader_of
from whalefall.demo.servers import Server


def account(read: Read, name: str) -> AccountRecord:
    [found] = [account for account in read().accounts if account.name == name]
    return found


def test_passwords_and_locks_are_told(server: Server, read: Read) -> None:
    plant(
        server,
        "CREATE USER plain@'%' IDENTIFIED BY 'x'",
        "CREATE USER locked@'%' IDENTIFIED BY 'x' ACCOUNT LOCK",
        "CREATE USER expired@'%' IDENTIFIED BY 'x' PASSWORD EXPIRE",
        "CREATE USER monthly@'%' IDENTIFIED BY 'x' PASSWORD EXPIRE INTERVAL 30 DAY",
        "CREATE USER never@'%' IDENTIFIED BY 'x' PASSWORD EXPIRE NEVER",
        "CREATE USER blank@'%'",
    )
    found = {account.name: account for account in read().accounts}
    now = datetime.now(UTC)

    plain = found["plain@%"]
    assert (plain.kind, plain.can_login, plain.is_locked) == (AccountKind.USER, True, False)
    assert plain.password_changed_at is not None
    assert abs(plain.password_changed_at - now) < timedelta(minutes=1)
    assert plain.attributes["password_absent"] is False
    assert (found["locked@%"].is_locked, found["locked@%"].can_login) == (True, True)
    assert found["expired@%"].attributes["password_expired"] is True
    assert plain.attributes["password_expired"] is False
    monthly = found["monthly@%"]
    assert monthly.password_changed_at is not None
    assert monthly.password_expires_at == monthly.password_changed_at + timedelta(days=30)
    assert monthly.attributes["password_never_expires"] is False
    assert found["never@%"].attributes["password_never_expires"] is True
    assert found["never@%"].password_expires_at is None
    assert found["blank@%"].attributes["password_absent"] is True


def test_default_lifetime_of_passwords_counts(server: Server, read: Read) -> None:
    plant(
        server, "SET GLOBAL default_password_lifetime = 90", "CREATE USER d@'%' IDENTIFIED BY 'x'"
    )
    try:
        default = account(read, "d@%")
    finally:
        plant(server, "SET GLOBAL default_password_lifetime = 0")

    assert default.password_changed_at is not None
    assert default.password_expires_at == default.password_changed_at + timedelta(days=90)


def test_second_passwords_are_told_but_no_hash_is_kept(only_mysql: Server) -> None:
    plant(
        only_mysql,
        "CREATE USER two@'%' IDENTIFIED BY 'first' FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME 2 "
        """ATTRIBUTE '{"owner": "ada"}'""",
        "ALTER USER two@'%' IDENTIFIED BY 'second' RETAIN CURRENT PASSWORD",
    )
    reading = reader_of(only_mysql)()
    [two] = [account for account in reading.accounts if account.name == "two@%"]

    assert two.attributes["has_second_password"] is True
    assert two.attributes["metadata"] == {"owner": "ada"}
    assert two.attributes["password_locking"] == {
        "failed_login_attempts": 3,
        "password_lock_time_days": 2,
    }
    assert "$A$" not in repr(reading)


def test_mariadb_methods_are_told(only_mariadb: Server) -> None:
    plant(
        only_mariadb,
        "CREATE USER either@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('x') "
        "OR unix_socket",
        "CREATE USER sock@'%' IDENTIFIED VIA unix_socket",
        "CREATE USER none@'%' IDENTIFIED VIA mysql_native_password USING 'invalid'",
    )
    reading = reader_of(only_mariadb)()
    found = {account.name: account.attributes for account in reading.accounts}

    assert found["either@%"]["password_absent"] is False
    assert {found["either@%"]["plugin"], *found["either@%"]["alternative_plugins"]} == {
        "mysql_native_password",
        "unix_socket",
    }
    assert "password_absent" not in found["sock@%"]
    assert found["none@%"]["password_invalid"] is True
    assert "*" not in "".join(map(str, found["either@%"].values()))


@pytest.mark.parametrize(
    ("grant", "of_mysql", "of_mariadb"),
    [
        ("SUPER", ["SUPER"], ["SUPER"]),
        ("CREATE USER", [], ["CREATE USER"]),
        ("UPDATE", [], ["UPDATE"]),
        ("UPDATE, RELOAD", ["UPDATE", "RELOAD"], ["UPDATE"]),
        ("SELECT, INSERT, DELETE, FILE, PROCESS", [], []),
    ],
)
def test_superusers_are_told_with_reasons(
    server: Server, read: Read, grant: str, of_mysql: list[str], of_mariadb: list[str]
) -> None:
    plant(server, "CREATE USER who@'%' IDENTIFIED BY 'x'", f"GRANT {grant} ON *.* TO who@'%'")

    found = account(read, "who@%")

    reasons = of_mysql if server.kind == "mysql" else of_mariadb
    assert (found.is_superuser, found.attributes["superuser_reasons"]) == (bool(reasons), reasons)


def test_system_user_makes_create_user_all_powerful(only_mysql: Server) -> None:
    plant(only_mysql, "CREATE USER su@'%'", "GRANT CREATE USER, SYSTEM_USER ON *.* TO su@'%'")

    found = account(reader_of(only_mysql), "su@%")

    assert found.attributes["superuser_reasons"] == ["CREATE USER", "SYSTEM_USER"]
    assert found.attributes["grant_reasons"] == ["CREATE USER", "SYSTEM_USER"]


def test_root_is_a_superuser_and_may_grant(server: Server, read: Read) -> None:
    root = account(read, f"{server.username}@localhost")

    assert root.is_superuser is True
    assert {"CREATE USER", "GRANT OPTION"} <= set(root.attributes["grant_reasons"])


def test_system_accounts_are_marked(server: Server, read: Read) -> None:
    names = {account.name for account in read().accounts if account.is_system}

    assert names == (
        {"mariadb.sys@localhost"}
        if server.kind == "mariadb"
        else {"mysql.sys@localhost", "mysql.session@localhost", "mysql.infoschema@localhost"}
    )


HOSTILE = [
    "o'brien",
    'double"quote',
    "back\\slash",
    "back`tick",
    "dot.ted",
    "Ünï—çødé漢字",
    "under_score%",
    "a@b",
    "semi;colon -- x",
    "MiXeD",
    "sp ace",
    "x" * 32,
    "",
]


def test_hostile_names_survive(server: Server, read: Read) -> None:
    host, database = "%.example.org", "a'b`c\"\\\\_d%"
    connection = server.connect()
    cursor: Any = connection.cursor()
    cursor.execute("SET NAMES utf8mb4")
    for name in HOSTILE:
        cursor.execute(f"CREATE USER {quote(name, host)}".encode())
        cursor.execute(f"GRANT SELECT ON {quote(database)}.* TO {quote(name, host)}".encode())
    connection.close()

    reading = read()

    names = {f"{name}@{host}" for name in HOSTILE}
    assert names <= {account.name for account in reading.accounts}
    assert {grant for grant in reading.grants if grant.account in names} == {
        GrantRecord(name, "SELECT", Scope.DATABASE, database) for name in names
    }
