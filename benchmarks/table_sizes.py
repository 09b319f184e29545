"""How much memory it takes to measure 50,000 tables of one server, and how long.

    .venv/bin/python -m benchmarks.table_sizes [tables]

Makes the tables on a throwaway PostgreSQL, then runs ``collect_capacity --tables`` in a process of
its own: the first run, which stores every table, a quiet one, and one after every tenth table has
grown. Beside the peak of each one's resident memory (the process alone, servers not counted) stands
the limit of 300 MB. Own database: a new SQLite file, or PostgreSQL with OWN_DATABASE=postgresql.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import django

FOLDER = tempfile.TemporaryDirectory(prefix="whalefall-benchmark-")
os.environ.setdefault("DATABASE_URL", f"sqlite:///{Path(FOLDER.name) / 'own.sqlite3'}")
os.environ.setdefault("LOG_LEVEL", "ERROR")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.core.management import call_command  # noqa: E402 -- Django must be set up first

from capacity.models import TableSize  # noqa: E402
from instances.adding import Address, add_instance  # noqa: E402
from whalefall.demo.machine import ROOT, postgresql_build  # noqa: E402
from whalefall.demo.servers import Server, start  # noqa: E402

TABLES, SCHEMAS, BATCH, GROWING = 50_000, 20, 500, 10
LIMIT_MB = 300
# In the collecting process itself, after its work: a parent's peak would hide the child's.
COLLECT = """
import resource, sys
from django.core.management import execute_from_command_line
try:
    execute_from_command_line(["manage.py", "collect_capacity", "--tables", "--json"])
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


def fill(server: Server, tables: int) -> None:
    """``tables`` tables in some schemas, every tenth with a key and a row."""
    server.execute("CREATE DATABASE large")
    server.execute("".join(f"CREATE SCHEMA s{n};" for n in range(SCHEMAS)), "large")
    for first in range(0, tables, BATCH):
        statements = []
        for n in range(first, min(first + BATCH, tables)):
            key = "" if n % GROWING else " PRIMARY KEY"
            statements.append(f"CREATE TABLE s{n % SCHEMAS}.table_{n} (a int{key}, b text);")
        server.execute("".join(statements), "large")
    grow(server, tables)


def grow(server: Server, tables: int) -> None:
    for first in range(0, tables, BATCH * GROWING):
        numbers = range(first, min(first + BATCH * GROWING, tables), GROWING)
        rows = "SELECT coalesce(max(a), 0) + 1, repeat('x', 1000)"
        inserts = (
            f"INSERT INTO s{n % SCHEMAS}.table_{n} {rows} FROM s{n % SCHEMAS}.table_{n};"
            for n in numbers
            for _ in range(9)  # more than a page
        )
        server.execute("".join(inserts), "large")


def collect() -> tuple[dict[str, Any], float]:
    """The record of a run in a process of its own, and that one's peak memory in MB."""
    done = subprocess.run(
        [sys.executable, "-c", COLLECT],
        cwd=ROOT,
        env={**os.environ, "OWN_DATABASE": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    [record] = json.loads(done.stdout)["records"]
    return record, int(done.stderr.splitlines()[-1]) / 1024


def measure(name: str) -> None:
    record, peak = collect()
    counts, seconds = record["counts"], record["seconds"]
    verdict = "ok" if peak <= LIMIT_MB else "TOO MUCH"
    print(
        f"{name:>6}: {counts['tables']} tables, {counts['table_changes']} changes, "
        f"peak {peak:.0f} MB (limit {LIMIT_MB} MB: {verdict}), read {seconds['read']:.1f} s, "
        f"write {seconds['write']:.1f} s, {record['statements']['own']} statements of our own, "
        f"{record['statements']['remote']} of the server, {TableSize.objects.count()} rows stored"
    )


def main(tables: int) -> None:
    call_command("migrate", verbosity=0)
    with start(postgresql_build()) as server:
        fill(server, tables)
        target = server.target()
        address = Address(server.engine, target.host, target.port, target.username, target.password)
        add_instance("large", address)
        measure("first")
        measure("quiet")
        grow(server, tables)
        measure("grown")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else TABLES)
