"""How much a reading costs the server, and what it may never do there."""

import random
import re
from importlib import resources
from typing import Any

import psycopg
import pytest

from instances.engines.base import GrantRecord, Scope, Target
from instances.engines.errors import EngineError
from instances.engines.postgresql import ENGINE
from instances.engines.postgresql.grants import grants
from tests.engines.postgresql.conftest import Read
from whalefall.demo.servers import Server

FILES = sorted(
    (file.name, file.read_text())
    for file in resources.files("instances.engines.postgresql").joinpath("sql").iterdir()
)


def statements(target: Target) -> tuple[int, int]:
    with ENGINE.connect(target) as engine:
        reading = engine.read_accounts()
    databases = [section for section in reading.sections if section.database]
    return engine.statements, len(databases)


def test_statements_do_not_depend_on_the_number_of_accounts(server: Server) -> None:
    server.execute("CREATE ROLE r0; CREATE ROLE m LOGIN; GRANT r0 TO m")
    few, databases = statements(server.target())
    server.execute(
        "DO $$ BEGIN FOR i IN 1..1000 LOOP EXECUTE format('CREATE ROLE r%s', i);"
        "EXECUTE format('GRANT r%s TO m', i); END LOOP; END $$"
    )

    many, _ = statements(server.target())
    server.execute(
        "DO $$ BEGIN FOR i IN 1..1000 LOOP EXECUTE format('DROP ROLE r%s', i); END LOOP; END $$"
    )

    assert many == few
    assert few <= 6 + databases


@pytest.mark.parametrize(("name", "text"), FILES)
def test_file_only_reads_and_says_what_it_needs(name: str, text: str) -> None:
    header = "\n".join(line for line in text.splitlines() if line.startswith("-- "))
    for word in ("Needs", "Since", "Source"):
        assert re.search(rf"^-- {word}: \S", header, re.MULTILINE), name
    first = next(line for line in text.splitlines() if line and not line.startswith("--"))
    assert first.split()[0] in {"SELECT", "WITH", "SHOW"}


def test_session_can_not_write_and_has_the_time_out_of_the_target(server: Server) -> None:
    with ENGINE.connect(server.target(statement_timeout_seconds=7)) as engine:
        connection: Any = engine.connection
        assert connection.execute("SHOW statement_timeout").fetchone() == ("7s",)
        assert connection.execute("SHOW application_name").fetchone() == ("whalefall",)
        assert connection.execute("SHOW transaction_isolation").fetchone() == ("repeatable read",)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("CREATE ROLE intruder")


def test_same_server_gives_the_same_records_each_time(server: Server, read: Read) -> None:
    server.execute("CREATE ROLE ada LOGIN; CREATE ROLE readers; GRANT readers TO ada")

    first, second = read(), read()

    assert sorted(first.accounts, key=repr) == sorted(second.accounts, key=repr)
    assert set(first.grants) == set(second.grants)
    assert set(first.memberships) == set(second.memberships)


def test_order_of_the_rows_does_not_matter() -> None:
    rows = [
        ("table", "s", f"t{number}", "", grantee, "SELECT", grantor, grantable)
        for number in range(3)
        for grantee, grantor, grantable in [
            (0, 1, False),
            (1, 8, False),
            (1, 9, True),
            (7, 1, True),
        ]
    ]
    names = {0: "public", 1: "ada"}
    expected = set(grants(rows, names, "shop"))

    for seed in range(200):
        random.Random(seed).shuffle(rows)
        found = grants(rows, names, "shop")
        assert len(found) == len(set(found))
        assert set(found) == expected


def test_grants_of_dropped_grantors_are_one_with_the_best_option() -> None:
    rows = [
        ("table", "s", "t", "", 1, "SELECT", grantor, grantable)
        for grantor, grantable in [(7, False), (8, True), (9, False)]
    ]

    assert grants(rows, {1: "ada"}, "shop") == [
        GrantRecord("ada", "SELECT", Scope.TABLE, "shop", "s", "t", grantable=True)
    ]


def test_names_that_are_no_utf8_are_escaped(new_server: Server) -> None:
    locale = "LC_COLLATE 'C' LC_CTYPE 'C'"
    new_server.execute(f"CREATE DATABASE ancient ENCODING 'SQL_ASCII' TEMPLATE template0 {locale}")
    connection: Any = psycopg.connect(
        host=new_server.host,
        port=new_server.port,
        user=new_server.username,
        password=new_server.password,
        dbname="ancient",
        client_encoding="SQL_ASCII",
        autocommit=True,
    )
    connection.execute(b'CREATE SCHEMA "caf\xe9"')
    connection.execute(b"CREATE ROLE ada; ALTER ROLE ada SET application_name = 'x'")
    connection.execute(b"ALTER ROLE ada SET my.note = 'caf\xe9'")
    connection.close()

    with ENGINE.connect(new_server.target(service_name="ancient")) as engine:
        reading = engine.read_accounts()

    assert {grant.schema for grant in reading.grants if grant.database == "ancient"} >= {
        "caf\\xe9",
        "public",
    }
    [ada] = [account for account in reading.accounts if account.name == "ada"]
    assert ada.attributes["settings"]["my.note"] == "caf\\xe9"


@pytest.mark.parametrize(
    ("version", "major"), [("18.6", "18"), ("12.22", "12"), ("17beta1", "17"), ("16", "16")]
)
def test_major_version_is_the_first_number(version: str, major: str) -> None:
    assert ENGINE.major_version(version) == major


@pytest.mark.parametrize("scope", Scope)
def test_section_of_every_scope(scope: Scope) -> None:
    server_wide = {Scope.DATABASE, Scope.TABLESPACE, Scope.PARAMETER}

    section = ENGINE.section_of(scope, "SELECT", is_denied=False)

    assert section == ("server" if scope in server_wide else "grants")


def test_target_is_never_shown_with_its_password() -> None:
    with pytest.raises(EngineError) as caught, ENGINE.connect(Target("", 5432, "ada", "hunter2")):
        pass

    assert "hunter2" not in repr(caught.value)
