"""What initdb made is left out until somebody touches it; extensions are ordinary."""

import pytest

from instances.engines.base import GrantRecord, Scope
from instances.engines.postgresql.catalogs import CATALOGS
from instances.engines.postgresql.names import quoted
from tests.engines.postgresql.conftest import STANDING, Read
from whalefall.demo.servers import Server

SYSTEM = {"pg_catalog", "information_schema", "pg_toast"}
SHIPPED = {
    (Scope.SCHEMA, schema, account, word)
    for schema in ("pg_catalog", "information_schema")
    for account, words in {"postgres": ("OWNER", "CREATE", "USAGE"), "public": ("USAGE",)}.items()
    for word in words
}


def system_grants(read: Read, database: str) -> set[GrantRecord]:
    """Without the two schemas as they are shipped."""
    return {
        record
        for record in read(service_name=database).grants
        if record.database == database
        and record.schema in SYSTEM
        and (record.scope, record.schema, record.account, record.privilege) not in SHIPPED
    }


def test_of_untouched_system_objects_the_way_to_them_is_listed(read: Read, shop: str) -> None:
    found = {
        (record.scope, record.schema, record.account, record.privilege)
        for record in read().grants
        if record.database == shop and record.schema in SYSTEM
    }

    assert found == SHIPPED


def test_catalogs_are_those_of_the_server(server: Server) -> None:
    of_kind = "SELECT relname FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND {}"
    tables = {name for (name,) in server.execute(of_kind.format("relkind = 'r'"))}
    others = {name for (name,) in server.execute(of_kind.format("relkind <> 'r'"))}

    assert (tables - CATALOGS, others & CATALOGS) == (set(), set())


@pytest.mark.parametrize(
    ("grant", "revoke", "expected"),
    [
        (
            "GRANT SELECT ON pg_authid TO ada",
            "REVOKE SELECT ON pg_authid FROM ada",
            (Scope.TABLE, "pg_catalog", "pg_authid"),
        ),
        (
            "GRANT SELECT (rolpassword) ON pg_authid TO ada",
            "REVOKE SELECT (rolpassword) ON pg_authid FROM ada",
            (Scope.COLUMN, "pg_catalog", "pg_authid", "rolpassword"),
        ),
        (
            "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO ada",
            "REVOKE EXECUTE ON FUNCTION pg_read_file(text) FROM ada",
            (Scope.ROUTINE, "pg_catalog", "pg_read_file(text)"),
        ),
        (
            "GRANT CREATE ON SCHEMA pg_catalog TO ada",
            "REVOKE CREATE ON SCHEMA pg_catalog FROM ada",
            (Scope.SCHEMA, "pg_catalog"),
        ),
        (
            "GRANT UPDATE ON information_schema.tables TO ada",
            "REVOKE UPDATE ON information_schema.tables FROM ada",
            (Scope.TABLE, "information_schema", "tables"),
        ),
        (
            "GRANT USAGE ON TYPE pg_catalog.int4 TO ada",
            "REVOKE USAGE ON TYPE pg_catalog.int4 FROM ada",
            (Scope.TYPE, "pg_catalog", "int4"),
        ),
    ],
)
def test_touched_system_object_is_listed_in_full_until_it_is_as_before(
    server: Server, read: Read, grant: str, revoke: str, expected: tuple[Scope, ...]
) -> None:
    server.execute(f"CREATE ROLE ada; {grant}", STANDING)

    scope, *place = expected
    found = system_grants(read, STANDING)

    assert {(r.scope, r.schema, r.name, r.column) for r in found if r.account == "ada"} == {
        (scope, *place, *[""] * (3 - len(place)))
    }
    has_owner = any(record.is_owner for record in found)
    assert has_owner == (scope not in (Scope.COLUMN, Scope.SCHEMA))

    server.execute(revoke, STANDING)
    assert system_grants(read, STANDING) == set()


def test_what_public_lost_on_a_system_object_shows(server: Server, read: Read, shop: str) -> None:
    server.execute("REVOKE SELECT ON pg_catalog.pg_user FROM PUBLIC", shop)

    found = system_grants(read, shop)

    assert {record.name for record in found} == {"pg_user"}
    assert {record.account for record in found} == {"postgres"}


def test_system_object_with_another_owner_is_listed(server: Server, read: Read, shop: str) -> None:
    server.execute("CREATE ROLE ada; ALTER VIEW information_schema.tables OWNER TO ada", shop)

    owner = {record.account for record in system_grants(read, shop) if record.is_owner}

    assert owner == {"ada"}


def test_create_for_public_on_the_schema_public_is_never_filtered(
    server: Server, read: Read, shop: str
) -> None:
    server.execute("GRANT CREATE ON SCHEMA public TO PUBLIC", shop)

    public = {
        record.privilege
        for record in read().grants
        if (record.database, record.schema, record.scope) == (shop, "public", Scope.SCHEMA)
        and record.account == "public"
    }

    assert public == {"CREATE", "USAGE"}


def test_objects_of_extensions_are_ordinary(server: Server, read: Read, shop: str) -> None:
    known = server.execute("SELECT name FROM pg_available_extensions")
    if ("pg_stat_statements",) not in known:
        pytest.skip("This PostgreSQL comes without pg_stat_statements.")
    server.execute(f"CREATE EXTENSION pg_stat_statements SCHEMA {quoted('public')}", shop)

    public = {
        record.name
        for record in read().grants
        if record.database == shop and record.account == "public" and record.schema == "public"
    }

    assert "pg_stat_statements" in public
    assert not any(name.startswith("pg_stat_statements_reset") for name in public)
