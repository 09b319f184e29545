"""Names that would break out of quotes, patterns and formats come back as they are."""

from instances.engines.base import GrantRecord, Scope
from instances.engines.postgresql.names import quoted
from tests.engines.postgresql.conftest import STANDING, Read
from tests.engines.postgresql.planting import SCHEMA, Planting, granted
from tests.engines.postgresql.test_accounts import HOSTILE_NAMES
from whalefall.demo.servers import Server


def test_a_role_named_public_is_not_everybody(server: Server) -> None:
    planting = Planting(server)
    found = planting.owned_by_boss(
        'RESET ROLE; CREATE ROLE "PUBLIC"; CREATE TABLE t (a int); ALTER TABLE t OWNER TO boss;'
        'GRANT SELECT ON t TO "PUBLIC"; GRANT INSERT ON t TO PUBLIC'
    )

    place = Scope.TABLE, STANDING, "s", "t"
    assert {one for one in found if one.account not in {"boss", "postgres"}} == (
        granted("PUBLIC", ["SELECT"], *place) | granted("public", ["INSERT"], *place)
    )


def test_hostile_names_of_everything_come_back_as_they_are(server: Server, read: Read) -> None:
    sql = "CREATE SCHEMA {0} AUTHORIZATION {0}; CREATE TABLE {0}.{0} ({0} int);"
    sql += "GRANT SELECT ({0}) ON {0}.{0} TO {0}"
    for name in HOSTILE_NAMES:
        server.execute(f"CREATE ROLE {quoted(name)}; GRANT {quoted(name)} TO postgres")
        server.execute(sql.format(quoted(name)), STANDING)
    expected = set()
    for name in HOSTILE_NAMES:
        expected |= granted(name, SCHEMA, Scope.SCHEMA, STANDING, name, grantor=name)
        expected |= {GrantRecord(name, "OWNER", Scope.SCHEMA, STANDING, name, is_owner=True)}
        place = STANDING, name, name, name
        expected |= granted(name, ["SELECT"], Scope.COLUMN, *place, grantor="postgres")

    assert {one for one in read().grants if one.account in HOSTILE_NAMES} == expected


def test_hostile_name_of_a_database_comes_back_as_it_is(server: Server, read: Read) -> None:
    name = "\"h'o\\s.t; i%l {e} $1 日\n🐋"
    server.execute(f"CREATE DATABASE {quoted(name)}")
    server.execute("CREATE ROLE ada; CREATE SCHEMA AUTHORIZATION ada", name)

    reading = read()

    sections = {section.database for section in reading.sections if section.is_complete}
    assert name in sections
    assert {(one.database, one.schema) for one in reading.grants if one.account == "ada"} == {
        (name, "ada")
    }
