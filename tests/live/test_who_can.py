"""Who can, asked of the mirror and of the server itself, about a few planted ways."""

from collections.abc import Iterator
from io import StringIO
from json import loads

import pytest
from django.core.management import call_command

from instances.models import Instance
from tests.factories import sync
from tests.live.mirrored import instance_of
from whalefall.demo.servers import Server

pytestmark = pytest.mark.django_db
DATABASE = "who_can"
ROLES = ("wc_ada", "wc_team", "wc_lead", "wc_readers", "wc_eve", "wc_writer", "wc_reads_all")
SHARED = f"""
CREATE ROLE wc_readers; CREATE ROLE wc_lead; CREATE ROLE wc_team; CREATE ROLE wc_reads_all;
CREATE ROLE wc_ada LOGIN; CREATE ROLE wc_eve LOGIN NOINHERIT; CREATE ROLE wc_writer LOGIN;
GRANT wc_readers TO wc_lead; GRANT wc_lead TO wc_team; GRANT wc_team TO wc_ada;
GRANT wc_readers TO wc_eve; GRANT pg_read_all_data TO wc_reads_all;
CREATE DATABASE {DATABASE} OWNER wc_lead;
"""
OBJECTS = """
CREATE SCHEMA sales; GRANT USAGE ON SCHEMA sales TO wc_readers;
CREATE TABLE sales.orders (id int, note text); GRANT SELECT ON sales.orders TO wc_readers;
GRANT INSERT (note) ON sales.orders TO wc_writer; CREATE SEQUENCE sales.numbers;
GRANT USAGE ON SEQUENCE sales.numbers TO PUBLIC;
"""
QUESTIONS = {
    ("SELECT", "who_can.sales.orders"): "has_table_privilege(oid, 'sales.orders', 'SELECT')",
    ("INSERT", "who_can.sales.orders"): "has_table_privilege(oid, 'sales.orders', 'INSERT')",
    (
        "INSERT",
        "who_can.sales.orders.note",
    ): "has_column_privilege(oid, 'sales.orders', 'note', 'INSERT')",
    ("SELECT", "who_can.sales.orders.id"): (
        "has_column_privilege(oid, 'sales.orders', 'id', 'SELECT')"
    ),
    ("USAGE", "who_can.sales.numbers"): "has_sequence_privilege(oid, 'sales.numbers', 'USAGE')",
    ("USAGE", "who_can.sales"): "has_schema_privilege(oid, 'sales', 'USAGE')",
    ("CREATE", "who_can.public"): "has_schema_privilege(oid, 'public', 'CREATE')",
    ("CREATE", "who_can"): "has_database_privilege(oid, 'who_can', 'CREATE')",
    ("CONNECT", "who_can"): "has_database_privilege(oid, 'who_can', 'CONNECT')",
}


@pytest.fixture(params=["postgresql", "old_postgresql"])
def planted(request: pytest.FixtureRequest) -> Iterator[Server]:
    server: Server = request.getfixturevalue(request.param)
    try:
        for statement in filter(str.strip, SHARED.split(";")):
            server.execute(statement)
        server.execute(OBJECTS, DATABASE)
        yield server
    finally:
        server.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        for role in ROLES:
            server.execute(f"DROP ROLE IF EXISTS {role}")


def answer(instance: Instance, *question: str) -> list[dict[str, object]]:
    out = StringIO()
    call_command("who_can", *question, "--instance", instance.name, "--json", stdout=out)
    found: list[dict[str, object]] = loads(out.getvalue())
    return found


def test_mirror_answers_as_the_server(planted: Server) -> None:
    instance = instance_of(planted)
    record = sync(instance)
    assert (record.status, record.coverage) == ("completed", 1.0)

    for question, check in QUESTIONS.items():
        roles = f"SELECT rolname FROM pg_roles WHERE {check}"
        held = {name for (name,) in planted.execute(roles, DATABASE)}
        ours = {one["account"] for one in answer(instance, *question)}
        assert ours - {"public"} == held, question


def test_path_three_roles_long_is_named(planted: Server) -> None:
    instance = instance_of(planted)
    sync(instance)

    holders = answer(instance, "SELECT", "who_can.sales.orders", "--set-role")

    found = {one["account"]: one for one in holders}
    assert found["wc_ada"]["via"] == ["wc_team", "wc_lead", "wc_readers"]
    assert found["wc_ada"]["reachable"] is True
    assert (found["wc_eve"]["via"], found["wc_eve"]["set_role"]) == (["wc_readers"], True)
    assert "wc_writer" not in found


def test_everybody_is_one_line(planted: Server) -> None:
    instance = instance_of(planted)
    sync(instance)
    out = StringIO()

    call_command("who_can", "USAGE", "who_can.sales.numbers", stdout=out)

    lines = out.getvalue().splitlines()
    assert f"{instance.name}  everybody (PUBLIC) (not reachable)" in lines
    assert not [line for line in lines if "wc_ada" in line]
