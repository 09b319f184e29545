"""A reading costs a server the same number of statements whatever its number of accounts."""

import pytest

from tests.engines.mysql.conftest import cleaned as cleaned_mysql
from tests.engines.postgresql.conftest import cleaned as cleaned_postgresql
from tests.factories import sync
from tests.live.mirrored import instance_of
from whalefall.demo.servers import Server

pytestmark = pytest.mark.django_db

FEW, MANY = range(10), range(10, 1000)


def create_roles(server: Server, which: range) -> None:
    server.execute(
        f"DO $$ BEGIN FOR n IN {which.start}..{which.stop - 1} LOOP"
        " EXECUTE format('CREATE ROLE crowd%s LOGIN; GRANT crowd TO crowd%s', n, n);"
        " EXECUTE format('GRANT CONNECT ON DATABASE shop TO crowd%s', n); END LOOP; END $$"
    )


def create_users(server: Server, which: range) -> None:
    names = ", ".join(f"crowd{number}@'%'" for number in which)
    server.execute(f"CREATE USER {names}")
    server.execute(f"GRANT crowd TO {names}")
    server.execute(f"GRANT SELECT ON shop.* TO {names}")


def statements(server: Server) -> tuple[int, int]:
    """How many statements a sync asked, and how many accounts it read."""
    instance = instance_of(server)
    record = sync(instance)
    assert record.status == "completed", record.error_message
    instance.delete()
    return record.timings["remote_statements"], record.counts["accounts"]


@pytest.mark.parametrize("name", ["postgresql", "old_postgresql"])
def test_postgresql(request: pytest.FixtureRequest, name: str) -> None:
    with cleaned_postgresql(request.getfixturevalue(name)) as server:
        server.execute("CREATE ROLE crowd")
        server.execute("CREATE DATABASE shop")
        create_roles(server, FEW)
        few, _ = statements(server)
        create_roles(server, MANY)
        many, accounts = statements(server)
        # postgres, template1 and shop; nobody can go to template0.
        databases = 3
        drop_roles(server)

    assert accounts > len(MANY)
    assert many == few
    assert many <= 6 + 4 * databases


def drop_roles(server: Server) -> None:
    """All at once; the fixture would connect for each."""
    server.execute("DROP DATABASE shop")
    server.execute(
        "DO $$ BEGIN EXECUTE (SELECT 'DROP ROLE ' || string_agg(quote_ident(rolname), ', ')"
        " FROM pg_roles WHERE rolname LIKE 'crowd%'); END $$"
    )


@pytest.mark.parametrize(("name", "budget"), [("mysql", 14), ("mariadb", 12)])
def test_mysql(request: pytest.FixtureRequest, name: str, budget: int) -> None:
    with cleaned_mysql(request.getfixturevalue(name)) as server:
        server.execute("CREATE ROLE crowd")
        create_users(server, FEW)
        few, _ = statements(server)
        create_users(server, MANY)
        many, accounts = statements(server)
        names = ", ".join(f"crowd{number}@'%'" for number in range(MANY.stop))
        server.execute(f"DROP USER {names}")

    assert accounts > len(MANY)
    assert many == few
    assert many <= budget
