"""Roles, their attributes, settings and passwords, as the mirror has them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from instances.engines.base import AccountKind, AccountRecord, AccountsReading
from instances.engines.postgresql.names import quoted
from tests.engines.postgresql.conftest import Read
from whalefall.demo.servers import Server

HOSTILE_NAMES = [
    "PUBLIC",
    "Ada Lovelace",
    'quo"ted',
    "apo'strophe",
    "back\\slash",
    "dotted.name.",
    "semi;colon--",
    "100%s {x} $1",
    "naïve-日本-🐋",
    "new\nline\ttab",
    "x" * 63,
    "é" * 31,
]
PLAIN = {
    "inherit": True,
    "createdb": False,
    "createrole": False,
    "replication": False,
    "bypassrls": False,
    "connection_limit": -1,
    "superuser_reasons": [],
    "grant_reasons": [],
}
LOGIN = {
    **PLAIN,
    "password_expired": False,
    "password_never_expires": True,
    "password_absent": True,
}


def named(reading: AccountsReading, name: str) -> AccountRecord:
    [account] = [account for account in reading.accounts if account.name == name]
    return account


def oid_of(server: Server, name: str) -> str:
    literal = name.replace("'", "''")
    [(oid,)] = server.execute(f"SELECT oid::text FROM pg_roles WHERE rolname = '{literal}'")
    return str(oid)


def test_plain_login_is_read_exactly(server: Server, read: Read) -> None:
    server.execute("CREATE ROLE ada LOGIN")

    assert named(read(), "ada") == AccountRecord(
        name="ada",
        kind=AccountKind.USER,
        native_id=oid_of(server, "ada"),
        can_login=True,
        is_superuser=False,
        is_locked=False,
        attributes=LOGIN,
    )


def test_role_without_login_is_a_role_and_has_no_password_facts(server: Server, read: Read) -> None:
    server.execute("CREATE ROLE readers VALID UNTIL '2001-01-01'")

    role = named(read(), "readers")

    assert (role.kind, role.can_login, role.is_locked) == (AccountKind.ROLE, False, False)
    assert role.attributes == PLAIN


def test_every_attribute_is_read(server: Server, read: Read) -> None:
    server.execute(
        "CREATE ROLE boss LOGIN SUPERUSER NOINHERIT CREATEDB CREATEROLE REPLICATION BYPASSRLS"
        " CONNECTION LIMIT 7 PASSWORD 'secret' VALID UNTIL '2031-05-06 07:08:09+00'"
    )

    boss = named(read(), "boss")

    assert boss.is_superuser
    assert boss.password_expires_at == datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
    assert boss.attributes == {
        "inherit": False,
        "createdb": True,
        "createrole": True,
        "replication": True,
        "bypassrls": True,
        "connection_limit": 7,
        "superuser_reasons": ["SUPERUSER"],
        "grant_reasons": ["SUPERUSER", "CREATEROLE"],
        "password_expired": False,
        "password_never_expires": False,
        "password_absent": False,
        "password_method": "scram-sha-256",
    }


@pytest.mark.parametrize(
    ("until", "expires_at", "is_expired"),
    [
        ("infinity", None, False),
        ("-infinity", datetime(1970, 1, 1, tzinfo=UTC), True),
        ("4713-01-01 BC", datetime(1970, 1, 1, tzinfo=UTC), True),
        ("2001-02-03 04:05:06+00", datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC), True),
        ("12345-01-01", None, False),
    ],
)
def test_any_expiry_that_the_server_keeps_can_be_read(
    server: Server, read: Read, until: str, expires_at: datetime | None, is_expired: bool
) -> None:
    server.execute(f"CREATE ROLE eve LOGIN VALID UNTIL '{until}'")

    eve = named(read(), "eve")

    assert eve.password_expires_at == expires_at
    assert eve.attributes["password_expired"] is is_expired
    assert eve.attributes["password_never_expires"] is (expires_at is None)


def test_settings_are_read_per_database_and_secrets_are_hidden(
    server: Server, read: Read, shop: str
) -> None:
    server.execute("CREATE ROLE deploy; CREATE ROLE app LOGIN")
    server.execute("ALTER ROLE app SET role = deploy")
    server.execute("ALTER ROLE app SET work_mem = '8MB'")
    server.execute("ALTER ROLE app SET myapp.api_token = 'hunter2'")
    server.execute("ALTER ROLE app SET myapp.note = 'a=b'")
    server.execute(f"ALTER ROLE app IN DATABASE {shop} SET search_path = 'x, y'")

    attributes = named(read(), "app").attributes

    assert attributes["settings"] == {
        "role": "deploy",
        "work_mem": "8MB",
        "myapp.api_token": "(hidden)",
        "myapp.note": "a=b",
    }
    assert attributes["database_settings"] == {shop: {"search_path": '"x, y"'}}


def test_public_is_always_one_account(read: Read) -> None:
    public = named(read(), "public")

    assert (public.kind, public.native_id, public.can_login) == (AccountKind.PUBLIC, "0", False)


def test_predefined_roles_are_system_and_the_bootstrap_superuser_is_not(read: Read) -> None:
    reading = read()

    assert {account.name for account in reading.accounts if account.is_system} >= {
        "pg_monitor",
        "pg_database_owner",
    }
    assert not named(reading, "postgres").is_system


def test_hostile_names_come_back_as_they_are(server: Server, read: Read) -> None:
    for name in HOSTILE_NAMES:
        server.execute(f"CREATE ROLE {quoted(name)}")

    reading = read()

    assert {named(reading, name).native_id for name in HOSTILE_NAMES} == {
        oid_of(server, name) for name in HOSTILE_NAMES
    }


def test_renamed_role_keeps_its_native_id(server: Server, read: Read) -> None:
    server.execute("CREATE ROLE before")
    native_id = named(read(), "before").native_id
    server.execute("ALTER ROLE before RENAME TO after")

    assert named(read(), "after").native_id == native_id


def test_login_that_may_not_see_passwords_claims_nothing_about_them(
    server: Server, read: Read
) -> None:
    server.execute("CREATE ROLE ada LOGIN; CREATE ROLE monitor LOGIN PASSWORD 'mon'")

    attributes = named(read(username="monitor", password="mon"), "ada").attributes

    told = {name: value for name, value in LOGIN.items() if name != "password_absent"}
    assert attributes == {**told, "unseen": ["password_absent", "password_method"]}


def test_open_session_is_evidence_of_a_login_but_our_own_is_not(server: Server, read: Read) -> None:
    server.execute("CREATE ROLE ada LOGIN PASSWORD 'ada'")
    connection: Any = server.connect(username="ada", password="ada")
    [began] = connection.execute(
        "SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
    ).fetchone()

    reading = read()
    connection.close()

    assert {
        account.name: account.last_login_at for account in reading.accounts if account.last_login_at
    } == {"ada": began}
