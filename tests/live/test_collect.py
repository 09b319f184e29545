"""Real servers measured end to end: what is stored, and what a database's life does to it."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from capacity.models import DatabaseSize, InstanceSize
from instances.models import Database, Instance, Section
from sync_sessions.models import SyncRecord
from tests.capacity.clock import START
from tests.capacity.collecting import collect, databases, edges
from tests.engines.mysql.conftest import cleaned as cleaned_mysql
from tests.engines.postgresql.conftest import cleaned as cleaned_postgresql
from tests.factories import CredentialFactory
from tests.live.mirrored import instance_of
from whalefall.demo.servers import Server

pytestmark = pytest.mark.django_db

LOGIN = {"credential__username": "eye", "credential__password": "hush-hush"}
ODD = "sh`o\"p ö.'%"
NEXT, THIRD = START + timedelta(1), START + timedelta(2)


@pytest.fixture
def postgresql_server(postgresql: Server) -> Iterator[Server]:
    with cleaned_postgresql(postgresql) as server:
        server.execute("CREATE ROLE eye LOGIN PASSWORD 'hush-hush'")
        yield server


@pytest.fixture(params=["mariadb", "mysql"])
def mysql_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with cleaned_mysql(request.getfixturevalue(request.param)) as server:
        server.execute("CREATE USER eye@'%' IDENTIFIED BY 'hush-hush'")
        yield server


def measured(instance: Instance, day: date = START) -> SyncRecord:
    record = collect(instance, day, with_tables=True)
    assert (record.status, record.error_message) == ("completed", "")
    return record


def bytes_of(instance: Instance, name: str) -> list[tuple[int, int]]:
    """Day and bytes of every database that ever had this name."""
    rows = DatabaseSize.objects.filter(database__instance=instance, database__name=name)
    return [(row.measured_on.day, row.total_bytes) for row in rows.order_by("measured_on")]


def tables(instance: Instance, name: str) -> list[tuple[Any, ...]]:
    return [row for row in edges(instance) if row[0].endswith(f".{name}")]


def helped(instance: Instance, server: Server) -> None:
    for section in Section.objects.unknown().filter(instance=instance):
        for statement in filter(None, {section.needed_grant}):
            server.execute(statement)


def test_postgresql_database_dropped_and_made_anew_keeps_its_history_apart(
    postgresql_server: Server,
) -> None:
    instance = instance_of(postgresql_server)
    make_postgresql(postgresql_server, rows=20_000)
    measured(instance)
    postgresql_server.execute(f"DROP DATABASE {quoted(ODD)}")
    make_postgresql(postgresql_server, rows=1)

    measured(instance, NEXT)

    [(told,)] = postgresql_server.execute(
        "SELECT pg_database_size(oid) FROM pg_database WHERE NOT datistemplate AND datname <> "
        "'postgres' AND datname <> 'standing'"
    )
    old, new = Database.objects.filter(instance=instance, name=ODD).order_by("pk")
    assert old.native_id != new.native_id
    assert (old.removed_at is None, new.removed_at is None) == (False, True)
    [big, small] = bytes_of(instance, ODD)
    assert (big[0], small[0]) == (28, 29)
    assert big[1] > small[1] + 500_000
    assert abs(small[1] - told) <= told / 100
    first, second = tables(instance, "public.t")
    assert (first[1:3], second[1:3]) == ((28, 29), (29, None))
    assert first[3] > second[3]


def make_postgresql(server: Server, *, rows: int) -> None:
    server.execute(f"CREATE DATABASE {quoted(ODD)}")
    server.execute(
        f"CREATE TABLE t AS SELECT n, repeat('x', 50) FROM generate_series(1, {rows}) n", ODD
    )


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def test_postgresql_database_renamed_keeps_its_history(postgresql_server: Server) -> None:
    instance = instance_of(postgresql_server)
    postgresql_server.execute("CREATE DATABASE shop")
    measured(instance)
    postgresql_server.execute("ALTER DATABASE shop RENAME TO store")

    measured(instance, NEXT)

    assert [day for day, _ in bytes_of(instance, "store")] == [28, 29]
    assert "shop" not in {name for name, _, _ in databases(instance)}


def test_postgresql_login_that_may_not_see_one_database(postgresql_server: Server) -> None:
    instance = instance_of(postgresql_server, **LOGIN)
    for name in ("shop", "hidden"):
        postgresql_server.execute(f"CREATE DATABASE {name}")
    postgresql_server.execute("REVOKE CONNECT ON DATABASE hidden FROM PUBLIC")

    record = measured(instance)

    assert record.counts["unmeasured"] == 1
    assert record.coverage is not None
    assert record.coverage < 1
    assert (len(bytes_of(instance, "shop")), bytes_of(instance, "hidden")) == (1, [])
    assert ("hidden", False) in {(name, gone) for name, _, gone in databases(instance)}
    helped(instance, postgresql_server)
    assert measured(instance, NEXT).counts["unmeasured"] == 0
    assert [day for day, _ in bytes_of(instance, "hidden")] == [29]

    postgresql_server.execute("REVOKE pg_read_all_stats FROM eye")
    postgresql_server.execute("REVOKE CONNECT ON DATABASE hidden FROM eye")
    assert measured(instance, THIRD).counts["unmeasured"] == 1
    before, after = InstanceSize.objects.filter(instance=instance).order_by("measured_on")[1:]
    assert after.unmeasured_count == 1
    assert abs(after.total_bytes - before.total_bytes) <= before.total_bytes / 100


def test_mysql_database_that_is_gone_and_back_is_the_same(mysql_server: Server) -> None:
    instance = instance_of(mysql_server)
    make_mysql(mysql_server)
    measured(instance)
    mysql_server.execute(f"DROP DATABASE {backquoted(ODD)}")
    measured(instance, NEXT)
    make_mysql(mysql_server)

    measured(instance, THIRD)

    assert [day for day, _ in bytes_of(instance, ODD)] == [28, 30]
    assert Database.objects.filter(instance=instance, name=ODD).count() == 1
    assert [row[1:3] for row in tables(instance, "t")] == [(28, 29), (30, None)]


def make_mysql(server: Server) -> None:
    server.execute(f"CREATE DATABASE {backquoted(ODD)}")
    server.execute(f"CREATE TABLE {backquoted(ODD)}.t (a int PRIMARY KEY)")


def backquoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def test_mysql_login_that_sees_only_one_database_makes_nothing_disappear(
    mysql_server: Server,
) -> None:
    known = instance_of(mysql_server)
    for name in ("shop", "hidden"):
        mysql_server.execute(f"CREATE DATABASE {name}")
        mysql_server.execute(f"CREATE TABLE {name}.t (a int PRIMARY KEY)")
    mysql_server.execute("GRANT SELECT ON shop.* TO eye@'%'")
    measured(known)
    before = InstanceSize.objects.get()
    # Another account for the same server, as an operator would change it.
    Instance.objects.filter(pk=known.pk).update(
        credential=CredentialFactory(username="eye", password="hush-hush")
    )

    record = measured(known, NEXT)

    after = InstanceSize.objects.get(measured_on=NEXT)
    assert record.counts["removed"] == 0
    assert (after.total_bytes, after.database_count) == (before.total_bytes, before.database_count)
    assert after.unmeasured_count > 0
    assert [row[1:3] for row in edges(known) if row[0] == "hidden.t"] == [(28, None)]
    unknown = Section.objects.unknown().filter(instance=known, category="capacity")
    assert "databases" in set(unknown.values_list("name", flat=True))
