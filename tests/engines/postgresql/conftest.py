"""Fixtures of the PostgreSQL engine's tests, which run before and after version 16."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from instances.engines.base import AccountsReading
from instances.engines.postgresql import ENGINE
from instances.engines.postgresql.names import quoted
from whalefall.demo.servers import Server

STANDING = "standing"
"""A database that stays from test to test, since a new one takes 0.4 seconds."""

Read = Callable[..., AccountsReading]


@pytest.fixture(params=["postgresql", "old_postgresql"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A real server; the roles and databases that a test makes are gone afterwards."""
    with cleaned(request.getfixturevalue(request.param)) as found:
        yield found


@pytest.fixture
def new_server(postgresql: Server) -> Iterator[Server]:
    """PostgreSQL from 16 on, where memberships have options."""
    with cleaned(postgresql) as found:
        yield found


@pytest.fixture
def old_server(old_postgresql: Server) -> Iterator[Server]:
    with cleaned(old_postgresql) as found:
        yield found


@contextmanager
def cleaned(server: Server) -> Iterator[Server]:
    if STANDING not in databases_of(server):
        server.execute(f"CREATE DATABASE {STANDING}")
    roles, databases = roles_of(server), databases_of(server)
    yield server
    for database in databases_of(server) - databases:
        server.execute(f"DROP DATABASE {quoted(database)} WITH (FORCE)")
    server.execute("DROP SCHEMA IF EXISTS s CASCADE", STANDING)
    server.execute("DROP FOREIGN DATA WRAPPER IF EXISTS w CASCADE", STANDING)
    made = [quoted(role) for role in roles_of(server) - roles]
    for database in databases if made else ():
        # One by one: together they trip over default privileges that two of them share.
        server.execute("".join(f"DROP OWNED BY {role} CASCADE;" for role in made), database)
    server.execute("".join(f"DROP ROLE {role};" for role in made))


def roles_of(server: Server) -> set[str]:
    return {name for (name,) in server.execute("SELECT rolname FROM pg_roles")}


def databases_of(server: Server) -> set[str]:
    return {
        name for (name,) in server.execute("SELECT datname FROM pg_database WHERE datallowconn")
    }


@pytest.fixture
def shop(server: Server) -> str:
    """A database of the test's own, to change what no DROP OWNED would put right."""
    server.execute("CREATE DATABASE shop")
    return "shop"


@pytest.fixture
def read(server: Server) -> Read:
    return reader_of(server)


def reader_of(server: Server) -> Read:
    def reading(**overrides: Any) -> AccountsReading:
        with ENGINE.connect(server.target(**overrides)) as engine:
            return engine.read_accounts()

    return reading
