"""Fixtures of the MySQL engine's tests, which run on both flavours."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from instances.engines.base import AccountsReading
from instances.engines.mysql.engine import MySQLEngine
from whalefall.demo.servers import Server

Read = Callable[..., AccountsReading]

ACCOUNTS = {
    "mysql": "SELECT User, Host FROM mysql.user",
    "mariadb": "SELECT User, Host FROM mysql.global_priv",
}


@pytest.fixture(params=["mariadb", "mysql"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A real server; what a test makes there is gone afterwards."""
    with cleaned(request.getfixturevalue(request.param)) as found:
        yield found


@pytest.fixture
def only_mysql(mysql: Server) -> Iterator[Server]:
    with cleaned(mysql) as found:
        yield found


@pytest.fixture
def only_mariadb(mariadb: Server) -> Iterator[Server]:
    with cleaned(mariadb) as found:
        yield found


@contextmanager
def cleaned(server: Server) -> Iterator[Server]:
    accounts, databases = accounts_of(server), databases_of(server)
    yield server
    for user, host in accounts_of(server) - accounts:
        kind = "USER" if host or server.kind == "mysql" else "ROLE"
        server.execute(f"DROP {kind} {quote(user, host if kind == 'USER' else None)}")
    for (database,) in databases_of(server) - databases:
        server.execute(f"DROP DATABASE {quote(database)}")
    tables = ["db", "tables_priv", "columns_priv", "procs_priv", "proxies_priv"]
    for user, host in accounts - accounts_of(server):
        raise AssertionError(f"a test dropped {user}@{host}")
    for table in tables:
        server.execute(f"DELETE FROM mysql.{table} WHERE User = 'PUBLIC' OR User LIKE 'ghost%'")
    server.execute("FLUSH PRIVILEGES")


def accounts_of(server: Server) -> set[tuple[str, str]]:
    rows: Any = server.execute(ACCOUNTS[server.kind])
    return {(user, host) for user, host in rows if user != "PUBLIC"}


def databases_of(server: Server) -> set[tuple[str]]:
    rows: Any = server.execute("SHOW DATABASES")
    return set(rows)


def quote(name: str, host: str | None = None) -> str:
    """A name, or an account, as an identifier."""
    parts = [name] if host is None else [name, host]
    return "@".join("`{}`".format(part.replace("`", "``")) for part in parts)


@pytest.fixture
def read(server: Server) -> Read:
    return reader_of(server)


def reader_of(server: Server) -> Read:
    def reading(**overrides: Any) -> AccountsReading:
        with MySQLEngine.connect(replace(server.target(), **overrides)) as engine:
            return engine.read_accounts()

    return reading


def plant(server: Server, *statements: str) -> None:
    connection = server.connect()
    try:
        cursor = connection.cursor()
        for statement in [*statements, "FLUSH PRIVILEGES"]:
            cursor.execute(statement)
    finally:
        connection.close()
