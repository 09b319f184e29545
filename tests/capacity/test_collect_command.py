"""``collect_capacity`` as a DBA runs it, and what it prints."""

import json
import re
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from capacity.models import TableSize
from instances.engines.base import Section
from instances.engines.errors import ConnectionFailed
from sync_sessions.models import SyncSession
from tests.factories import InstanceFactory, InstanceSizeFactory
from tests.toy_engine import database, sizes, table

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(instance, server_has):
    return server_has(
        instance,
        sizes=sizes(database("shop", 3 * 2**30), database("web", None)),
        tables=[
            table("shop.public.t"),
            Section("tables", "shop"),
            Section("tables", "web", "We may not connect.", "GRANT CONNECT ON DATABASE web"),
        ],
    )


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("collect_capacity", *arguments, stdout=out)
    return re.sub(r" in \d+\.\d\d s", " in 0.00 s", out.getvalue())


def test_it_prints_a_line_per_instance_and_what_could_not_be_read(instance, server):
    printed = run(instance.name)

    session = SyncSession.objects.get(category="capacity")
    assert printed.splitlines() == [
        f"{instance}: 2 databases, 2 added, 0 removed, 1 unmeasured, 3.0 GiB total in 0.00 s, "
        "1 of 3 sections unknown",
        f"warning: {instance}: sizes (web): It is shy.",
        f"Session {session.pk}: completed.",
    ]


def test_tables_are_measured_when_asked_for(instance, server):
    printed = run("--tables")

    session = SyncSession.objects.get(category="capacity")
    assert printed.splitlines() == [
        f"{instance}: 2 databases, 2 added, 0 removed, 1 unmeasured, 3.0 GiB total, 1 tables, "
        "1 table changes in 0.00 s, 2 of 5 sections unknown",
        f"warning: {instance}: sizes (web): It is shy.",
        f"warning: {instance}: tables (web): We may not connect.",
        "         would help: GRANT CONNECT ON DATABASE web",
        f"Session {session.pk}: completed.",
    ]
    assert TableSize.objects.count() == 1


def test_run_without_tables_does_not_warn_of_those_of_another(instance, server):
    run("--tables")

    assert "tables" not in run()


def test_a_suspect_size_is_said(instance, server):
    InstanceSizeFactory(
        instance=instance,
        measured_on=timezone.localdate() - timedelta(1),
        total_bytes=7 * 2**30,
    )

    assert "sections unknown, suspect: less than half of the size before\n" in run()


def test_json_is_the_contract_s(instance, server):
    document: Any = json.loads(run("--json"))

    [record] = document["records"]
    assert document.keys() == {"session_id", "status", "records"}
    assert (record["instance"], record["status"], record["coverage"]) == (
        *(instance.name, "completed", 2 / 3),
    )
    assert record["counts"]["total_bytes"] == 3 * 2**30


def test_a_failure_is_named_and_fails_the_command(instance, server, server_has):
    broken = InstanceFactory()
    server_has(broken, fails_with=ConnectionFailed("It is down."))

    with pytest.raises(CommandError) as caught:
        run()

    assert (str(caught.value), caught.value.returncode) == (f"Not measured: {broken}.", 1)


@pytest.mark.parametrize(
    ("arguments", "task"),
    [
        ((), "capacity.tasks.collect_capacity_for_records"),
        (("--tables",), "capacity.tasks.collect_tables_for_records"),
    ],
)
def test_queue_hands_it_to_the_workers(instance, server, arguments, task):
    printed = run("--queue", *arguments)

    session = SyncSession.objects.get()
    assert printed == f"Queued session {session.pk}.\n"
    assert (session.task, session.status, server.reads) == (task, "pending", 0)


def test_nothing_to_measure_is_wrong_usage(db):
    with pytest.raises(CommandError) as caught:
        run()

    assert caught.value.returncode == 2
