"""How big the databases of a server are, and the tables in them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from instances.engines.base import Section
from instances.engines.errors import EngineError, QueryRefused, UnusableAnswer
from instances.engines.postgresql.databases import (
    SYSTEM_DATABASES,
    Database,
    Rights,
    databases,
)
from instances.engines.postgresql.names import quoted
from instances.engines.postgresql.queries import load
from instances.engines.postgresql.session import Row
from instances.engines.sizes import DatabaseRecord, SizesReading, TableRecord

if TYPE_CHECKING:
    from instances.engines.postgresql.engine import PostgreSQLEngine

RIGHTS = slice(0, 9)
"""The columns of sizes.sql that are those of databases.sql."""


class Sizes:
    """A reading in the making."""

    def __init__(self, engine: "PostgreSQLEngine") -> None:
        self.engine = engine
        self.sections: list[Section] = []

    def complete(self) -> SizesReading:
        """Read everything. Raises EngineError."""
        rows = self.read_databases()
        may_see_log = rows[0][10]
        found, self.rights = databases(row[RIGHTS] for row in rows)
        self.sections.append(Section("databases"))
        log_bytes = self.read_log(may_see=may_see_log)
        records = {row[0]: self.record(row) for row in rows}
        for database in main_first(self.engine, found):
            data, index = self.read_parts(database)
            records[database.name] = replace(
                records[database.name], data_bytes=data, index_bytes=index
            )
        return SizesReading(
            self.engine.version, self.sections, list(records.values()), log_bytes=log_bytes
        )

    def read_databases(self) -> Sequence[Row]:
        main, query = self.engine.main, load("sizes")
        try:
            return self.engine.ask(main, query)
        except UnusableAnswer:
            # A database may be dropped between the question for our rights and that for its size.
            main.check()
            main.begin()
            return self.engine.ask(main, query)

    def record(self, row: Row) -> DatabaseRecord:
        name, oid, total = row[0], row[8], row[9]
        section = Section("sizes", name)
        if total is None:
            role = quoted(self.rights.role)
            reason = f"Our login {role} may not see the size of the database {quoted(name)}."
            grant = f"GRANT pg_read_all_stats TO {role}"
            section = replace(section, reason=reason, needed_grant=grant)
        self.sections.append(section)
        return DatabaseRecord(name, str(oid), name in SYSTEM_DATABASES, total)

    def read_log(self, *, may_see: bool) -> int | None:
        role = quoted(self.rights.role)
        section = Section(
            "log",
            reason=f"Our login {role} may not see the write-ahead log.",
            needed_grant=f"GRANT EXECUTE ON FUNCTION pg_catalog.pg_ls_waldir() TO {role}",
        )
        if not may_see:
            self.sections.append(section)
            return None
        [(log_bytes,)] = self.engine.ask(self.engine.main, load("log"))
        self.sections.append(Section("log"))
        return int(log_bytes)

    def read_parts(self, database: Database) -> tuple[int | None, int | None]:
        """Data and indexes in bytes, None where they can't be read."""
        obstacle = database.obstacle(self.rights)
        if obstacle is not None:
            self.sections.append(replace(obstacle, name="parts"))
            return None, None
        try:
            with self.engine.session_in(database.name) as session:
                session.limit_lock_waits()
                [(data, index)] = self.engine.ask(session, load("parts"))
        except EngineError as error:
            self.sections.append(unread(self.engine, "parts", database, self.rights, error))
            return None, None
        self.sections.append(Section("parts", database.name))
        return data, index


def stream_tables(engine: "PostgreSQLEngine") -> Iterator[TableRecord | Section]:
    found, rights = databases(engine.ask(engine.main, load("databases")))
    for database in main_first(engine, found):
        obstacle = database.obstacle(rights)
        if obstacle is not None:
            yield replace(obstacle, name="tables")
            continue
        try:
            yield from tables_in(engine, database)
        except EngineError as error:
            yield unread(engine, "tables", database, rights, error)
        else:
            yield Section("tables", database.name)


def tables_in(engine: "PostgreSQLEngine", database: Database) -> Iterator[TableRecord]:
    with engine.session_in(database.name) as session:
        session.limit_lock_waits()
        for schema, name, data, index, rows in engine.stream(session, load("tables")):
            if data is not None and index is not None:
                yield TableRecord(database.name, schema, name, data + index, data, index, rows)


def main_first(engine: "PostgreSQLEngine", found: Sequence[Database]) -> list[Database]:
    """The main session's own database comes first, while its snapshot lasts."""
    return sorted(found, key=lambda one: one.name != engine.main.database)


def unread(
    engine: "PostgreSQLEngine", name: str, database: Database, rights: Rights, error: EngineError
) -> Section:
    """One database may fail alone; with the server itself the whole reading does."""
    engine.refuse_if_interrupted()
    engine.main.check()
    reason = f"The database {quoted(database.name)} could not be read: {error}"
    grant = ""
    if isinstance(error, QueryRefused):
        grant = f"GRANT SELECT ON {load(name).catalogs} TO {quoted(rights.role)}"
    return Section(name, database.name, reason, grant)
