"""What is planted on a server, and the records that it must become."""

from collections.abc import Iterable
from typing import Any

from instances.engines.base import GrantRecord, Scope
from tests.engines.postgresql.conftest import STANDING, reader_of
from whalefall.demo.servers import Server

TABLE = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
DATABASE = ("CREATE", "CONNECT", "TEMPORARY")
SCHEMA = ("CREATE", "USAGE")
SEQUENCE = ("SELECT", "UPDATE", "USAGE")


def table_words(server: Server) -> tuple[str, ...]:
    return (*TABLE, "MAINTAIN") if server.build.major >= 17 else TABLE


def record(
    account: str, privilege: str, scope: Scope, place: tuple[str, ...], **fields: Any
) -> GrantRecord:
    """``place`` is database, schema, name and column, as far as there are such parts."""
    database, schema, name, column = (*place, *[""] * (4 - len(place)))
    return GrantRecord(account, privilege, scope, database, schema, name, column, **fields)


def granted(
    account: str, privileges: Iterable[str], scope: Scope, *place: str, **fields: Any
) -> set[GrantRecord]:
    """One record per privilege; granted by boss unless ``fields`` say otherwise."""
    fields = {"grantor": "boss", **fields}
    return {record(account, word, scope, place, **fields) for word in privileges}


def owned(privileges: Iterable[str], scope: Scope, *place: str) -> set[GrantRecord]:
    """What boss has as the owner of something that nobody touched."""
    return granted("boss", privileges, scope, *place) | {
        record("boss", "OWNER", scope, place, is_owner=True)
    }


class Planting:
    """A database with an owner, and what appears in the mirror because of a statement in it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        server.execute("CREATE ROLE boss; CREATE ROLE ada; CREATE ROLE bob")
        self.before = self.mirrored()

    def mirrored(self) -> set[GrantRecord]:
        records = reader_of(self.server)().grants
        assert len(records) == len(set(records))
        return set(records)

    def appears_after(self, sql: str) -> set[GrantRecord]:
        self.server.execute(sql, STANDING)
        return self.mirrored() - self.before

    def owned_by_boss(self, sql: str) -> set[GrantRecord]:
        """Like ``appears_after``, without the schema that boss needed for it."""
        found = self.appears_after(
            f"CREATE SCHEMA s AUTHORIZATION boss; SET ROLE boss; SET search_path = s; {sql}"
        )
        return found - owned(SCHEMA, Scope.SCHEMA, STANDING, "s")
