"""Who can, asked of the mirror and of the server itself, about a few planted ways."""

from collections.abc import Iterator
from io import StringIO
from json import loads
from typing import Any

import pytest
from django.core.management import call_command

from instances.models import Instance
from tests.factories import sync
from tests.live.mirrored import instance_of
from whalefall.demo.servers import Server

pytestmark = pytest.mark.django_db
DATABASE = "who_can"
ROLES: tuple[str, ...] = (
    "wc_ada",
    "wc_team",
    "wc_lead",
    "wc_readers",
    "wc_eve",
    "wc_writer",
    "wc_reads_all",
)
ROLES += ("wc_writes_all", "wc_owner", "wc_stands_in")
SHARED = f"""
CREATE ROLE wc_readers; CREATE ROLE wc_lead; CREATE ROLE wc_team; CREATE ROLE wc_reads_all;
CREATE ROLE wc_ada LOGIN; CREATE ROLE wc_eve LOGIN NOINHERIT; CREATE ROLE wc_writer LOGIN;
GRANT wc_readers TO wc_lead; GRANT wc_lead TO wc_team; GRANT wc_team TO wc_ada;
GRANT wc_readers TO wc_eve; GRANT pg_read_all_data TO wc_reads_all;
CREATE ROLE wc_writes_all; GRANT pg_write_all_data TO wc_writes_all;
CREATE DATABASE {DATABASE} OWNER wc_lead;
"""
OBJECTS = """
CREATE SCHEMA sales; GRANT USAGE ON SCHEMA sales TO wc_readers;
CREATE TABLE sales.orders (id int, note text); GRANT SELECT ON sales.orders TO wc_readers;
GRANT INSERT (note) ON sales.orders TO wc_writer; CREATE SEQUENCE sales.numbers;
GRANT USAGE ON SEQUENCE sales.numbers TO PUBLIC;
CREATE TABLE sales.owned (a int); REVOKE ALL ON sales.owned FROM postgres;
ALTER TABLE sales.owned OWNER TO wc_lead; GRANT SELECT (a), UPDATE (a) ON sales.owned TO wc_lead;
GRANT INSERT ON sales.owned TO wc_writer WITH GRANT OPTION;
GRANT SELECT, UPDATE, TRUNCATE ON pg_catalog.pg_class TO wc_writer;
GRANT UPDATE ON pg_catalog.pg_views TO wc_writer;
GRANT UPDATE (relname) ON pg_catalog.pg_class TO wc_readers;
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
    ("USAGE", "who_can.pg_catalog"): "has_schema_privilege(oid, 'pg_catalog', 'USAGE')",
    ("SELECT", "who_can.sales.owned.a"): (
        "has_column_privilege(oid, 'sales.owned', 'a', 'SELECT')"
    ),
    ("INSERT", "who_can.sales.owned"): "has_table_privilege(oid, 'sales.owned', 'INSERT')",
    ("SELECT", "who_can.pg_catalog.pg_class"): "has_table_privilege(oid, 'pg_class', 'SELECT')",
    ("UPDATE", "who_can.pg_catalog.pg_class"): "has_table_privilege(oid, 'pg_class', 'UPDATE')",
    ("TRUNCATE", "who_can.pg_catalog.pg_class"): "has_table_privilege(oid, 'pg_class', 'TRUNCATE')",
    ("UPDATE", "who_can.pg_catalog.pg_class.relname"): (
        "has_column_privilege(oid, 'pg_class', 'relname', 'UPDATE')"
    ),
    ("UPDATE", "who_can.pg_catalog.pg_views"): "has_table_privilege(oid, 'pg_views', 'UPDATE')",
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


def answer(instance: Instance, *question: str) -> list[dict[str, Any]]:
    out = StringIO()
    call_command("who_can", *question, "--instance", instance.name, "--json", stdout=out)
    found: list[dict[str, Any]] = loads(out.getvalue())
    return found


def test_mirror_answers_as_the_server(planted: Server) -> None:
    instance = instance_of(planted)
    record = sync(instance)
    assert (record.status, record.coverage) == ("completed", 1.0)

    for question, check in QUESTIONS.items():
        found = answer(instance, *question)
        held = holders(planted, check)
        assert {one["account"] for one in found} - {"public"} == held, question
        may_pass_it_on = held & holders(planted, f"{check[:-2]} WITH GRANT OPTION')")
        assert {one["account"] for one in found if one["grantable"]} == may_pass_it_on, question


def holders(server: Server, check: str) -> set[str]:
    roles = f"SELECT rolname FROM pg_roles WHERE {check}"
    return {name for (name,) in server.execute(roles, DATABASE)}


def test_everybody_gets_to_the_catalogs(planted: Server) -> None:
    instance = instance_of(planted)
    sync(instance)

    found = answer(instance, "SELECT", "who_can.pg_catalog.pg_class")

    assert {one["account"]: one["reachable"] for one in found}["wc_writer"] is True


@pytest.mark.parametrize("account", ["wc_lead", "wc_writer", "wc_ada"])
def test_an_account_is_told_what_it_may_pass_on(planted: Server, account: str) -> None:
    instance = instance_of(planted)
    sync(instance)
    out = StringIO()
    call_command("privileges", instance.name, account, "--effective", "--json", stdout=out)
    checks = {
        "table": "has_table_privilege({account}, '{schema}.{object}', {option})",
        "column": "has_column_privilege({account}, '{schema}.{object}', '{column}', {option})",
        "schema": "has_schema_privilege({account}, '{schema}', {option})",
        "database": "has_database_privilege({account}, '{database}', {option})",
    }
    mine = [
        one
        for one in loads(out.getvalue())
        if one["database"] == DATABASE and one["scope"] in checks and not one["owner"]
    ]

    assert len(mine) > 5
    for one in mine:
        option = f"'{one['privilege']} WITH GRANT OPTION'"
        check = checks[one["scope"]].format(**one, account=f"'{account}'", option=option)
        assert [(one["grantable"],)] == planted.execute(f"SELECT {check}", DATABASE), one


def test_set_role_to_the_owner_of_the_database(planted: Server) -> None:
    """Before 16, an owner that inherits nothing has that role, too, once it takes it."""
    for statement in (
        "CREATE ROLE wc_owner NOINHERIT",
        "CREATE ROLE wc_stands_in LOGIN",
        "GRANT wc_owner TO wc_stands_in",
        f"ALTER DATABASE {DATABASE} OWNER TO wc_owner",
    ):
        planted.execute(statement)
    planted.execute("GRANT SELECT ON sales.orders TO pg_database_owner", DATABASE)
    planted.execute("GRANT USAGE ON SCHEMA sales TO pg_database_owner", DATABASE)
    instance = instance_of(planted)
    sync(instance)

    found = {
        one["account"]: one
        for one in answer(instance, "SELECT", "who_can.sales.orders", "--set-role")
    }

    for name in ("wc_owner", "wc_stands_in"):
        planted.execute(
            f"SET SESSION AUTHORIZATION {name}; SET ROLE pg_database_owner;"
            " SELECT * FROM sales.orders",
            DATABASE,
        )
        assert found[name]["via"][-1:] == ["pg_database_owner"], name
        out = StringIO()
        call_command("privileges", instance.name, name, "--effective", "--json", stdout=out)
        told = [
            one.get("set_role", False)
            for one in loads(out.getvalue())
            if (one["privilege"], one["object"]) == ("SELECT", "orders")
        ]
        assert told == [found[name].get("set_role", False)]


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
