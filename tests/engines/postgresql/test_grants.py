"""Grants and ownerships of every scope, read exactly as planted."""

import pytest

from instances.engines.base import GrantRecord, Scope
from tests.engines.postgresql.conftest import STANDING
from tests.engines.postgresql.planting import (
    DATABASE,
    SCHEMA,
    SEQUENCE,
    Planting,
    granted,
    owned,
    record,
    table_words,
)
from whalefall.demo.servers import Server


@pytest.fixture
def planting(server: Server) -> Planting:
    return Planting(server)


def test_database(planting: Planting) -> None:
    planting.server.execute("CREATE DATABASE depot OWNER boss")

    found = planting.appears_after("GRANT CREATE ON DATABASE depot TO ada WITH GRANT OPTION")

    everything = {one for one in found if one.scope is Scope.DATABASE}
    assert everything == (
        owned(DATABASE, Scope.DATABASE, "depot")
        | granted("public", ("CONNECT", "TEMPORARY"), Scope.DATABASE, "depot")
        | granted("ada", ["CREATE"], Scope.DATABASE, "depot", grantable=True)
    )


def test_database_that_nobody_may_enter_by_default(planting: Planting) -> None:
    planting.server.execute("CREATE DATABASE depot OWNER boss")

    found = planting.appears_after("REVOKE ALL ON DATABASE depot FROM PUBLIC, boss")

    assert {one for one in found if one.scope is Scope.DATABASE} == {
        GrantRecord("boss", "OWNER", Scope.DATABASE, "depot", is_owner=True)
    }


def test_tablespace(planting: Planting) -> None:
    found = planting.appears_after("GRANT CREATE ON TABLESPACE pg_default TO ada")

    assert found == granted(
        "ada", ["CREATE"], Scope.TABLESPACE, "", "", "pg_default", grantor="postgres"
    )


def test_parameter(planting: Planting) -> None:
    if planting.server.build.major < 15:
        pytest.skip("Parameters can be granted since PostgreSQL 15.")
    found = planting.appears_after("GRANT SET, ALTER SYSTEM ON PARAMETER log_statement TO ada")

    assert {one for one in found if one.account == "ada"} == granted(
        "ada", ("SET", "ALTER SYSTEM"), Scope.PARAMETER, "", "", "log_statement", grantor="postgres"
    )


def test_schema(planting: Planting) -> None:
    found = planting.appears_after(
        "CREATE SCHEMA s AUTHORIZATION boss; GRANT USAGE ON SCHEMA s TO ada, PUBLIC"
    )

    assert found == (
        owned(SCHEMA, Scope.SCHEMA, STANDING, "s")
        | granted("ada", ["USAGE"], Scope.SCHEMA, STANDING, "s")
        | granted("public", ["USAGE"], Scope.SCHEMA, STANDING, "s")
    )


@pytest.mark.parametrize(
    "make",
    [
        "CREATE TABLE t (a int)",
        "CREATE VIEW t AS SELECT 1 AS a",
        "CREATE MATERIALIZED VIEW t AS SELECT 1 AS a",
        "CREATE TABLE t (a int) PARTITION BY LIST (a)",
    ],
)
def test_anything_like_a_table(planting: Planting, make: str) -> None:
    found = planting.owned_by_boss(f"{make}; GRANT SELECT ON t TO ada; GRANT INSERT ON t TO PUBLIC")

    assert found == (
        owned(table_words(planting.server), Scope.TABLE, STANDING, "s", "t")
        | granted("ada", ["SELECT"], Scope.TABLE, STANDING, "s", "t")
        | granted("public", ["INSERT"], Scope.TABLE, STANDING, "s", "t")
    )


def test_owner_without_select_is_still_the_owner(planting: Planting) -> None:
    found = planting.owned_by_boss("CREATE TABLE t (a int); REVOKE ALL ON t FROM boss")

    assert found == {GrantRecord("boss", "OWNER", Scope.TABLE, STANDING, "s", "t", is_owner=True)}


def test_all_is_what_the_version_means_by_it(planting: Planting) -> None:
    found = planting.owned_by_boss("CREATE TABLE t (a int); GRANT ALL ON t TO ada")

    assert {one.privilege for one in found if one.account == "ada"} == set(
        table_words(planting.server)
    )


def test_the_same_privilege_from_two_grantors_is_two_grants(planting: Planting) -> None:
    found = planting.owned_by_boss(
        "CREATE TABLE t (a int); GRANT SELECT ON t TO ada WITH GRANT OPTION;"
        "GRANT SELECT ON t TO bob; GRANT USAGE ON SCHEMA s TO ada; SET ROLE ada;"
        "GRANT SELECT ON s.t TO bob WITH GRANT OPTION"
    )

    assert {one for one in found if one.account == "bob"} == (
        granted("bob", ["SELECT"], Scope.TABLE, STANDING, "s", "t")
        | granted("bob", ["SELECT"], Scope.TABLE, STANDING, "s", "t", grantor="ada", grantable=True)
    )


def test_column_but_not_a_dropped_one(planting: Planting) -> None:
    found = planting.owned_by_boss(
        "CREATE TABLE t (a int, b int); GRANT SELECT (a, b), UPDATE (a) ON t TO ada;"
        "ALTER TABLE t DROP COLUMN b"
    )

    assert {one for one in found if one.scope is Scope.COLUMN} == granted(
        "ada", ("SELECT", "UPDATE"), Scope.COLUMN, STANDING, "s", "t", "a"
    )


def test_sequence(planting: Planting) -> None:
    found = planting.owned_by_boss("CREATE SEQUENCE q; GRANT USAGE ON SEQUENCE q TO ada")

    assert found == (
        owned(SEQUENCE, Scope.SEQUENCE, STANDING, "s", "q")
        | granted("ada", ["USAGE"], Scope.SEQUENCE, STANDING, "s", "q")
    )


def test_routines_are_told_apart_by_their_arguments(planting: Planting) -> None:
    found = planting.owned_by_boss(
        "CREATE DOMAIN d AS int;"
        "CREATE FUNCTION f(a int, VARIADIC b text[]) RETURNS int LANGUAGE sql AS 'SELECT 1';"
        "CREATE FUNCTION f(d) RETURNS int LANGUAGE sql AS 'SELECT 1';"
        "CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1';"
        "REVOKE EXECUTE ON PROCEDURE p() FROM PUBLIC; GRANT EXECUTE ON PROCEDURE p() TO ada;"
        "DROP DOMAIN IF EXISTS nothing"
    )

    names = "f(a integer, VARIADIC b text[])", "f(s.d)", "p()"
    expected: set[GrantRecord] = granted("ada", ["EXECUTE"], Scope.ROUTINE, STANDING, "s", "p()")
    for name in names:
        expected |= owned(["EXECUTE"], Scope.ROUTINE, STANDING, "s", name)
    for name in names[:2]:
        expected |= granted("public", ["EXECUTE"], Scope.ROUTINE, STANDING, "s", name)
    assert {one for one in found if one.scope is Scope.ROUTINE} == expected


def test_types_without_arrays_and_the_row_types_of_tables(planting: Planting) -> None:
    found = planting.owned_by_boss(
        "CREATE TABLE t (a int); CREATE TYPE mood AS ENUM ('ok'); CREATE TYPE pair AS (a int);"
        "CREATE DOMAIN d AS int; REVOKE USAGE ON DOMAIN d FROM PUBLIC;"
        "GRANT USAGE ON TYPE mood TO ada"
    )

    expected = granted("ada", ["USAGE"], Scope.TYPE, STANDING, "s", "mood")
    for name in ("mood", "pair", "d"):
        expected |= owned(["USAGE"], Scope.TYPE, STANDING, "s", name)
    for name in ("mood", "pair"):
        expected |= granted("public", ["USAGE"], Scope.TYPE, STANDING, "s", name)
    assert {one for one in found if one.scope is Scope.TYPE} == expected


def test_range_type_without_its_multirange(planting: Planting) -> None:
    found = planting.owned_by_boss("CREATE TYPE span AS RANGE (subtype = int)")

    assert {one.name for one in found if one.scope is Scope.TYPE} == {"span"}


def test_language(planting: Planting) -> None:
    found = planting.appears_after("GRANT USAGE ON LANGUAGE plpgsql TO ada")

    assert found == granted(
        "ada", ["USAGE"], Scope.LANGUAGE, STANDING, "", "plpgsql", grantor="postgres"
    )


def test_foreign_data_wrapper_server_and_table(planting: Planting) -> None:
    found = planting.appears_after(
        "CREATE FOREIGN DATA WRAPPER w; GRANT USAGE ON FOREIGN DATA WRAPPER w TO boss, ada;"
        "CREATE SCHEMA s AUTHORIZATION boss; SET ROLE boss; CREATE SERVER far"
        " FOREIGN DATA WRAPPER w; GRANT USAGE ON FOREIGN SERVER far TO bob;"
        "CREATE FOREIGN TABLE s.ft (a int) SERVER far; GRANT SELECT ON s.ft TO ada"
    )

    def by(account: str) -> set[GrantRecord]:
        return {one for one in found if one.account == account}

    wrapper = STANDING, "", "w"
    assert by("postgres") == (
        granted("postgres", ["USAGE"], Scope.FOREIGN_DATA_WRAPPER, *wrapper, grantor="postgres")
        | {record("postgres", "OWNER", Scope.FOREIGN_DATA_WRAPPER, wrapper, is_owner=True)}
    )
    assert by("bob") == granted("bob", ["USAGE"], Scope.FOREIGN_SERVER, STANDING, "", "far")
    assert by("ada") == (
        granted("ada", ["USAGE"], Scope.FOREIGN_DATA_WRAPPER, *wrapper, grantor="postgres")
        | granted("ada", ["SELECT"], Scope.TABLE, STANDING, "s", "ft")
    )
    assert by("boss") == (
        granted("boss", ["USAGE"], Scope.FOREIGN_DATA_WRAPPER, *wrapper, grantor="postgres")
        | owned(["USAGE"], Scope.FOREIGN_SERVER, STANDING, "", "far")
        | owned(SCHEMA, Scope.SCHEMA, STANDING, "s")
        | owned(table_words(planting.server), Scope.TABLE, STANDING, "s", "ft")
    )


def test_large_object(planting: Planting) -> None:
    found = planting.appears_after(
        "SET ROLE boss; SELECT lo_create(4711); GRANT SELECT ON LARGE OBJECT 4711 TO ada"
    )

    assert found == (
        owned(("SELECT", "UPDATE"), Scope.LARGE_OBJECT, STANDING, "", "4711")
        | granted("ada", ["SELECT"], Scope.LARGE_OBJECT, STANDING, "", "4711")
    )


def test_default_privileges_name_the_role_whose_objects_they_are_about(
    planting: Planting,
) -> None:
    found = planting.appears_after(
        "CREATE SCHEMA s;"
        "ALTER DEFAULT PRIVILEGES FOR ROLE boss IN SCHEMA s GRANT SELECT ON TABLES TO ada;"
        "ALTER DEFAULT PRIVILEGES FOR ROLE boss REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;"
        "ALTER DEFAULT PRIVILEGES FOR ROLE bob GRANT USAGE ON SCHEMAS TO ada WITH GRANT OPTION"
    )

    assert {one for one in found if one.scope is Scope.DEFAULT} == (
        granted("ada", ["SELECT"], Scope.DEFAULT, STANDING, "s", "TABLES")
        | granted("boss", ["EXECUTE"], Scope.DEFAULT, STANDING, "", "FUNCTIONS")
        | granted("bob", ("CREATE", "USAGE"), Scope.DEFAULT, STANDING, "", "SCHEMAS", grantor="bob")
        | granted(
            "ada", ["USAGE"], Scope.DEFAULT, STANDING, "", "SCHEMAS", grantor="bob", grantable=True
        )
    )


def test_temporary_tables_are_not_in_the_mirror(planting: Planting) -> None:
    connection = planting.server.connect(STANDING)
    connection.execute("CREATE TEMPORARY TABLE passing (a int); GRANT SELECT ON passing TO ada")

    found = planting.mirrored() - planting.before
    connection.close()

    assert found == set()
