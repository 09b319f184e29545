"""The mirror's edges, closed over inherited memberships, say what has_*_privilege says."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from instances.engines.base import AccountsReading, GrantRecord, Scope
from tests.engines.postgresql.conftest import STANDING, Read
from tests.engines.postgresql.planting import (
    DATABASE,
    SCHEMA,
    SEQUENCE,
    table_words,
)
from whalefall.demo.servers import Server

ACCOUNTS = ("boss", "crew", "ada", "bob", "eve", "readers", "all_readers", "nobody_special")
ROLES = """
    CREATE ROLE boss; CREATE ROLE crew; CREATE ROLE readers; CREATE ROLE all_readers;
    CREATE ROLE ada LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE eve LOGIN NOINHERIT;
    CREATE ROLE nobody_special LOGIN;
    GRANT boss TO crew; GRANT all_readers TO readers; GRANT readers TO bob;
    GRANT readers TO eve; GRANT crew TO eve
"""
PLANTED = """
    GRANT TEMPORARY ON DATABASE depot TO readers WITH GRANT OPTION;
    REVOKE CONNECT ON DATABASE depot FROM PUBLIC;
    CREATE FOREIGN DATA WRAPPER w; GRANT USAGE ON FOREIGN DATA WRAPPER w TO boss WITH GRANT OPTION;
    REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC; GRANT USAGE ON LANGUAGE plpgsql TO readers;
    GRANT CREATE ON TABLESPACE pg_default TO bob;
    CREATE SCHEMA s AUTHORIZATION boss; SET ROLE boss; SET search_path = s;
    GRANT USAGE ON SCHEMA s TO all_readers; GRANT CREATE ON SCHEMA s TO ada WITH GRANT OPTION;
    CREATE TABLE t (a int, b int); GRANT SELECT ON t TO all_readers;
    GRANT INSERT ON t TO PUBLIC; GRANT UPDATE ON t TO ada WITH GRANT OPTION;
    GRANT SELECT (a), REFERENCES (b) ON t TO ada; GRANT UPDATE (b) ON t TO readers;
    REVOKE DELETE ON t FROM boss;
    CREATE TABLE untouched (a int);
    CREATE SEQUENCE q; GRANT USAGE ON SEQUENCE q TO readers; REVOKE SELECT ON SEQUENCE q FROM boss;
    CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
    CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 1';
    REVOKE EXECUTE ON FUNCTION g() FROM PUBLIC; GRANT EXECUTE ON FUNCTION g() TO crew;
    CREATE TYPE mood AS ENUM ('ok'); REVOKE USAGE ON TYPE mood FROM PUBLIC, boss;
    CREATE SERVER far FOREIGN DATA WRAPPER w; GRANT USAGE ON FOREIGN SERVER far TO readers
"""


@dataclass(frozen=True)
class Thing:
    """Something that privileges are about, and how the server is asked about it."""

    scope: Scope
    place: tuple[str, ...]
    ask: str
    words: tuple[str, ...]


def things(server: Server) -> Iterator[Thing]:
    tables, columns = table_words(server), ("SELECT", "INSERT", "UPDATE", "REFERENCES")
    yield Thing(Scope.DATABASE, ("depot", "", ""), "database_privilege({}, 'depot', {})", DATABASE)
    for name in ("s", "public"):
        yield Thing(
            Scope.SCHEMA, ("depot", name, ""), f"schema_privilege({{}}, '{name}', {{}})", SCHEMA
        )
    for name in ("t", "untouched"):
        ask = f"table_privilege({{}}, 's.{name}', {{}})"
        yield Thing(Scope.TABLE, ("depot", "s", name), ask, tables)
    for name in ("a", "b"):
        ask = f"column_privilege({{}}, 's.t', '{name}', {{}})"
        yield Thing(Scope.COLUMN, ("depot", "s", "t", name), ask, columns)
    for scope, place, words in (
        (Scope.SEQUENCE, ("s", "q"), SEQUENCE),
        (Scope.ROUTINE, ("s", "f(integer)"), ("EXECUTE",)),
        (Scope.ROUTINE, ("s", "g()"), ("EXECUTE",)),
        (Scope.TYPE, ("s", "mood"), ("USAGE",)),
        (Scope.LANGUAGE, ("", "plpgsql"), ("USAGE",)),
        (Scope.FOREIGN_DATA_WRAPPER, ("", "w"), ("USAGE",)),
        (Scope.FOREIGN_SERVER, ("", "far"), ("USAGE",)),
    ):
        kind = {"foreign_server": "server", "routine": "function"}.get(scope, scope)
        ask = f"{kind}_privilege({{}}, '{'.'.join(filter(None, place))}', {{}})"
        yield Thing(scope, ("depot", *place), ask, words)
    ask = "tablespace_privilege({}, 'pg_default', {})"
    yield Thing(Scope.TABLESPACE, ("", "", "pg_default"), ask, ("CREATE",))


@dataclass
class Evaluator:
    """What accounts hold, from the records of a reading alone."""

    reading: AccountsReading
    database: str

    def roles_of(self, account: str) -> set[str]:
        """``account``, everybody, and every role whose rights it has without SET ROLE."""
        edges = {(m.member, m.role) for m in self.reading.memberships if m.inherits}
        edges |= {
            (grant.account, "pg_database_owner")
            for grant in self.reading.grants
            if grant.is_owner and (grant.scope, grant.database) == (Scope.DATABASE, self.database)
        }
        found, new = {"public"}, {account}
        while new:
            found |= new
            new = {role for member, role in edges if member in new} - found
        return found

    def holds(self, account: str, thing: Thing, word: str, *, to_grant: bool) -> bool:
        roles = self.roles_of(account)
        place = (*thing.place, *[""] * (4 - len(thing.place)))
        edges = [
            grant for grant in self.reading.grants if grant.account in roles and is_on(grant, place)
        ]
        if to_grant and any(grant.is_owner for grant in edges):
            return True
        return any(grant.privilege == word and grant.grantable >= to_grant for grant in edges)


def is_on(grant: GrantRecord, place: tuple[str, ...]) -> bool:
    """A column is also under what holds for its whole table."""
    return (grant.database, grant.schema, grant.name) == place[:3] and (
        grant.column in ("", place[3])
    )


@pytest.fixture
def planted(server: Server) -> Server:
    server.execute(ROLES)
    server.execute("CREATE DATABASE depot OWNER crew")
    server.execute(PLANTED, "depot")
    return server


def test_mirror_and_server_agree_on_every_account_thing_and_privilege(
    planted: Server, read: Read
) -> None:
    evaluator = Evaluator(read(), "depot")
    mirror, questions = {}, {}
    for thing in things(planted):
        for account in ACCOUNTS:
            for word in thing.words:
                for option in ("", " WITH GRANT OPTION"):
                    key = (account, f"{word}{option}", thing.scope, thing.place)
                    asked = thing.ask.format(f"'{account}'", f"'{word}{option}'")
                    questions[key] = f"has_{asked}"
                    mirror[key] = evaluator.holds(account, thing, word, to_grant=bool(option))

    [answers] = planted.execute(f"SELECT ARRAY[{','.join(questions.values())}]", "depot")

    assert mirror == dict(zip(questions, answers[0], strict=True))
    assert len(set(mirror.values())) == 2


@pytest.mark.parametrize("account", ["ada", "bob", "public"])
def test_large_object_and_parameter_agree_too(server: Server, read: Read, account: str) -> None:
    if server.build.major < 18:
        pytest.skip("has_largeobject_privilege came with PostgreSQL 18.")
    server.execute(
        "CREATE ROLE ada; CREATE ROLE bob; SELECT lo_create(77);"
        "GRANT SELECT ON LARGE OBJECT 77 TO ada; GRANT SET ON PARAMETER log_statement TO bob",
        STANDING,
    )

    evaluator = Evaluator(read(), STANDING)

    objects = Thing(Scope.LARGE_OBJECT, (STANDING, "", "77"), "", ())
    parameters = Thing(Scope.PARAMETER, ("", "", "log_statement"), "", ())
    assert server.execute(
        f"SELECT has_largeobject_privilege('{account}', 77, 'SELECT'),"
        f" has_parameter_privilege('{account}', 'log_statement', 'SET')",
        STANDING,
    ) == [
        (
            evaluator.holds(account, objects, "SELECT", to_grant=False),
            evaluator.holds(account, parameters, "SET", to_grant=False),
        )
    ]
    server.execute("SELECT lo_unlink(77)", STANDING)
