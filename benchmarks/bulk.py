"""How long many at once take: an import, an export, and tags on all of it.

    .venv/bin/python -m benchmarks.bulk [sqlite|postgresql]

Imports 10,000 servers from one CSV file, each with a password and two tags of its own; exports them
again; puts 10 tags on all of them and takes them off. Prints each figure beside its limit.
"""

import os
import sys
import time
import tracemalloc
from typing import Any

import django

os.environ["OWN_DATABASE"] = sys.argv[1] if len(sys.argv) > 1 else "sqlite"
os.environ.setdefault("LOG_LEVEL", "ERROR")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.core.management import call_command  # noqa: E402 -- Django must be set up first
from django.db import connection, transaction  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from instances.bulk import import_document, run_import  # noqa: E402
from instances.bulk_rows import csv_drafts  # noqa: E402
from instances.exporting import EXPORTED  # noqa: E402
from instances.models import Instance  # noqa: E402
from instances.tagging import assign_tags, remove_all_tags, remove_tags  # noqa: E402
from tags.models import Tag  # noqa: E402
from whalefall.core.exports import csv_response  # noqa: E402

ROWS, TAGS = 10_000, 10
IMPORT_SECONDS, EXPORT_MEGABYTES = 30, 30
# A savepoint's two, the names of instances and tags, the pairs, the write, the audit log.
STATEMENTS = 8


def file() -> bytes:
    lines = ["name,engine,host,username,password,tags"]
    lines += [
        f'server-{n},postgresql,server-{n}.example.org,app,word-{n}-pass,"team-{n % 50},web"'
        for n in range(ROWS)
    ]
    return "\r\n".join(lines).encode()


def import_all(data: bytes) -> dict[str, int]:
    with transaction.atomic():
        counts: dict[str, int] = import_document(run_import(csv_drafts(data)))["counts"]
    return counts


def show(what: str, figure: float, unit: str, limit: float) -> bool:
    print(f"{what:<46}{figure:>10.2f} {unit:<11} limit {limit}")
    return figure <= limit


def measured(what: str, change: Any, *arguments: Any) -> bool:
    started = time.perf_counter()
    with CaptureQueriesContext(connection) as queries, transaction.atomic():
        done = change(*arguments)
    seconds = time.perf_counter() - started
    return show(
        f"{what}: {done.changed} pairs in {seconds:.1f} s", len(queries), "statements", STATEMENTS
    )


def exported() -> float:
    """The most megabytes that an export holds at a time."""
    tracemalloc.start()
    for _line in csv_response("instances", EXPORTED, Instance.objects.with_parts()):
        pass
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    return peak


def main() -> None:
    call_command("migrate", verbosity=0)
    data, good = file(), []
    for what, status in (("import", "created"), ("the same file again", "unchanged")):
        started = time.perf_counter()
        counts = import_all(data)
        assert counts[status] == ROWS, counts
        good.append(
            show(f"{what} of {ROWS} rows", time.perf_counter() - started, "s", IMPORT_SECONDS)
        )
    good.append(show("export, most memory", exported(), "MiB", EXPORT_MEGABYTES))
    instances = list(Instance.objects.values_list("pk", flat=True))
    tags = [tag.pk for tag in Tag.objects.add([f"new-{n}" for n in range(TAGS)])]
    good.append(measured("assign", assign_tags, instances, tags))
    good.append(measured("remove", remove_tags, instances, tags))
    good.append(measured("remove all", remove_all_tags, instances))
    sys.exit(not all(good))


if __name__ == "__main__":
    main()
