"""How long an account sync takes, beside the bare cost of the same statements.

    .venv/bin/python -m benchmarks.accounts_sync [postgresql] [mariadb] [mysql] [fleet]

For each server: the first sync, the quiet sync after it, and *bare*: connect, execute and fetch the
very statements that the engine sent, with the same driver, TLS as the engine asks for it, and
nothing else. Of quiet and bare the best of seven each, in turns, so that a busy machine slows both.
Aims on two cores: quiet ≤ 5 × bare, first ≤ 30 × bare. ``fleet`` syncs 500 simulated servers of 200
accounts each, 20 ms a round trip; aim ≤ 5 minutes. Own database: a new SQLite file, or PostgreSQL
with OWN_DATABASE=postgresql.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import django

FOLDER = tempfile.TemporaryDirectory(prefix="whalefall-benchmark-")
os.environ["DATABASE_URL"] = f"sqlite:///{Path(FOLDER.name) / 'own.sqlite3'}"
os.environ.setdefault("LOG_LEVEL", "ERROR")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

import MySQLdb  # noqa: E402 -- Django must be set up first
import MySQLdb.cursors  # noqa: E402
import psycopg  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from accounts.models import AccountChange, Grant  # noqa: E402
from accounts.sync import sync_accounts_now  # noqa: E402
from instances.adding import Address, add_instance  # noqa: E402
from instances.engines import ENGINES  # noqa: E402
from instances.engines.base import AccountsReading, MembershipRecord  # noqa: E402
from instances.engines.mysql.connecting import connect as connect_mysql  # noqa: E402
from instances.models import Instance  # noqa: E402
from sync_sessions.models import SyncRecord  # noqa: E402
from whalefall.demo.machine import (  # noqa: E402
    NoServer,
    mariadb_build,
    mysql_build,
    postgresql_build,
)
from whalefall.demo.servers import Server, start  # noqa: E402

LOGINS, ROLES, DATABASES, TABLES = 2000, 50, 3, 100
FLEET, FLEET_ACCOUNTS, ROUND_TRIP_SECONDS, ROUND_TRIPS = 500, 200, 0.02, 9


def fill_postgresql(server: Server) -> None:
    """Logins, group roles, 2,200 memberships, and tables with group and direct grants."""
    script = [f"CREATE ROLE group_{n};" for n in range(ROLES)]
    script += [f"CREATE ROLE login_{n} LOGIN;" for n in range(LOGINS)]
    script += [f"GRANT group_{n % ROLES} TO login_{n};" for n in range(LOGINS)]
    script += [f"GRANT group_{(n + 7) % ROLES} TO login_{n};" for n in range(200)]
    server.execute("\n".join(script))
    for number in range(DATABASES):
        server.execute(f"CREATE DATABASE company_{number}")
        tables = []
        for n in range(TABLES):
            tables.append(f"CREATE TABLE table_{n} (id int);")
            tables.append(f"GRANT SELECT, INSERT ON table_{n} TO group_{n % ROLES};")
            tables.append(f"GRANT SELECT, UPDATE ON table_{n} TO login_{n}, login_{n + 100};")
        server.execute("\n".join(tables), f"company_{number}")


def fill_mysql(server: Server) -> None:
    script = [f"CREATE ROLE group_{n};" for n in range(ROLES)]
    script += [f"CREATE USER login_{n}@'%';" for n in range(LOGINS)]
    script += [f"GRANT group_{n % ROLES} TO login_{n}@'%';" for n in range(LOGINS)]
    script += [f"GRANT group_{(n + 7) % ROLES} TO login_{n}@'%';" for n in range(200)]
    for number in range(DATABASES):
        script.append(f"CREATE DATABASE company_{number};")
        for n in range(TABLES):
            table = f"company_{number}.table_{n}"
            script.append(f"CREATE TABLE {table} (id int);")
            script.append(f"GRANT SELECT, INSERT ON {table} TO group_{n % ROLES};")
            script.append(f"GRANT SELECT, UPDATE ON {table} TO login_{n}@'%';")
    server.execute("\n".join([*script, "FLUSH PRIVILEGES;"]))


# --- one server -----------------------------------------------------------------------------


def measure_server(name: str, server: Server, fill: Callable[[Server], None]) -> None:
    fill(server)
    target = server.target()
    address = Address(server.engine, target.host, target.port, target.username, target.password)
    instance, _ = add_instance(name, address)
    first = sync(instance)
    changes = AccountChange.objects.count()
    statements = statements_of(instance)
    turns = [(sync(instance), replay(instance, statements)) for _ in range(7)]
    assert AccountChange.objects.count() == changes, "a quiet sync found a change"
    quiet = min((one for one, _ in turns), key=lambda one: one.timings["total"])
    bare, rows = min(one for _, one in turns)
    print_figures(name, server, first, quiet, bare, rows)


def sync(instance: Instance) -> SyncRecord:
    began = time.perf_counter()
    record = sync_accounts_now([instance], trigger="command").records.get()
    assert record.status == "completed", record.error_message
    record.timings["total"] = time.perf_counter() - began
    return record


def statements_of(instance: Instance) -> list[tuple[str, str, Any]]:
    """What the engine sends to read the accounts of ``instance``."""
    with recorded() as statements, instance.engine_class.connect(instance.target()) as server:
        server.read_accounts()
    return statements


def replay(instance: Instance, statements: list[tuple[str, str, Any]]) -> tuple[float, int]:
    """Seconds to send ``statements`` and to fetch what they answer, and the rows that were."""
    began, rows, target = time.perf_counter(), 0, instance.target()
    connections: dict[str, Any] = {}
    for database, statement, parameters in statements:
        if database not in connections:
            connections[database] = (
                psycopg.connect(
                    host=target.host,
                    port=target.port,
                    user=target.username,
                    password=target.password,
                    dbname=database,
                    autocommit=True,
                )
                if instance.engine == "postgresql"
                else connect_mysql(MySQLdb, target)
            )
        cursor = connections[database].cursor()
        cursor.execute(statement, parameters)
        if cursor.description:
            rows += len(cursor.fetchall())
    for one in connections.values():
        one.close()
    return time.perf_counter() - began, rows


@contextmanager
def recorded() -> Iterator[list[tuple[str, str, Any]]]:
    """(database, statement, parameters) of everything that either driver executes meanwhile."""
    statements: list[tuple[str, str, Any]] = []
    by_psycopg, by_mysqlclient = psycopg.Cursor.execute, MySQLdb.cursors.BaseCursor.execute

    def execute(self: Any, query: Any, params: Any = None, **options: Any) -> Any:
        statements.append((self.connection.info.dbname, query, params))
        return by_psycopg(self, query, params, **options)

    def execute_mysql(self: Any, query: Any, args: Any = None) -> Any:
        statements.append(("", query, args))
        return by_mysqlclient(self, query, args)

    with (
        mock.patch.object(psycopg.Cursor, "execute", execute),
        mock.patch.object(MySQLdb.cursors.BaseCursor, "execute", execute_mysql),
    ):
        yield statements


def print_figures(
    name: str, server: Server, first: SyncRecord, quiet: SyncRecord, bare: float, rows: int
) -> None:
    print(f"\n{name} {server.version}, own database {connection.vendor}")
    print(f"  accounts {first.counts['accounts']}, edges {first.counts['granted']}, rows {rows}")
    for label, seconds, aim in (
        ("bare", bare, None),
        ("quiet sync", quiet.timings["total"], 5),
        ("first sync", first.timings["total"], 30),
    ):
        ratio = "" if aim is None else f"  {seconds / bare:5.1f} × bare (aim ≤ {aim})"
        print(f"  {label:11}{seconds:8.3f} s{ratio}")
    print(
        f"  statements  remote {quiet.timings['remote_statements']}, own: quiet "
        f"{quiet.timings['own_statements']}, first {first.timings['own_statements']}"
    )


# --- many servers ---------------------------------------------------------------------------


def measure_fleet() -> None:
    from tests.toy_engine import TOY_SERVERS, Toy, ToyServer  # noqa: PLC0415 -- test-only engine

    ENGINES["toy"] = Toy
    reading = fleet_reading()
    wait = ROUND_TRIP_SECONDS * ROUND_TRIPS
    for number in range(FLEET):
        host = f"fleet-{number}.example.org"
        TOY_SERVERS[host] = ToyServer(reading, during_read=lambda: time.sleep(wait))
        add_instance(f"fleet-{number}", Address("toy", host, 1, "whalefall", "hush-hush"))
    fleet = Instance.objects.filter(engine="toy")
    print(f"\n{FLEET} servers × {FLEET_ACCOUNTS} accounts, {wait:.2f} s each to read")
    for label in ("first sync", "quiet sync"):
        began = time.perf_counter()
        session = sync_accounts_now(fleet, trigger="command")
        assert session.status == "completed", session.status
        print(f"  {label:11}{time.perf_counter() - began:8.1f} s (aim ≤ 300)")
    print(f"  open grants {Grant.objects.open().count()}")


def fleet_reading() -> AccountsReading:
    from tests.toy_engine import reading, role, select_on, user  # noqa: PLC0415

    names = [f"login-{n}" for n in range(FLEET_ACCOUNTS - 10)]
    roles = [f"group-{n}" for n in range(10)]
    return reading(
        [*map(user, names), *map(role, roles)],
        [MembershipRecord(name, roles[n % 10]) for n, name in enumerate(names)],
        [select_on(f"shop.public.table-{n}", roles[n % 10]) for n in range(100)],
    )


def main(wanted: list[str]) -> None:
    call_command("migrate", verbosity=0)
    legs: dict[str, tuple[Callable[[], Any], Callable[[Server], None]]] = {
        "postgresql": (postgresql_build, fill_postgresql),
        "mariadb": (mariadb_build, fill_mysql),
        "mysql": (mysql_build, fill_mysql),
    }
    for name, (build, fill) in legs.items():
        if wanted and name not in wanted:
            continue
        try:
            with start(build()) as server:
                measure_server(name, server, fill)
        except NoServer as reason:
            print(f"\n{name}: {reason}")
    if not wanted or "fleet" in wanted:
        measure_fleet()


if __name__ == "__main__":
    main(sys.argv[1:])
