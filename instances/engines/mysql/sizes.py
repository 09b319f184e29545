"""How big the databases of a server are, and the tables in them.

A table is as big as its files. Where it has none of its own, the server's count of its pages
stands in, and so it does for data and indexes, which share a file.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from instances.engines.base import Section
from instances.engines.errors import QueryRefused
from instances.engines.mysql.catalogue import Row
from instances.engines.mysql.innodb_files import Files, innodb_files
from instances.engines.mysql.names import quoted
from instances.engines.mysql.queries import load
from instances.engines.mysql.size_rights import SHOWS_TABLES, SizeRights, size_rights
from instances.engines.mysql.streaming import stream
from instances.engines.sizes import DatabaseRecord, SizesReading, TableRecord

if TYPE_CHECKING:
    from instances.engines.mysql.engine import MySQLEngine

SYSTEM_DATABASES = frozenset({"information_schema", "mysql", "performance_schema", "sys"})
VIRTUAL_DATABASES = frozenset({"information_schema", "performance_schema"})
"""They show what the server has in memory, and have nothing on disk."""

STORED_ELSEWHERE = frozenset(
    {"BLACKHOLE", "CONNECT", "FEDERATED", "MEMORY", "MRG_MYISAM", "SPHINX", "SPIDER"}
)
"""Engines whose tables are in memory, on other servers, or views of tables that count already."""

CASE_PRESERVING = "2"
"""The lower_case_table_names with which InnoDB, and only that, has names in lower case."""


@dataclass(slots=True)
class Sum:
    """What the tables of a database add up to; ``untold`` has no size."""

    stray: int = 0
    data: int = 0
    index: int = 0
    untold: str = ""


@dataclass(slots=True)
class Inventory:
    """What a reading rests on."""

    variables: dict[str, str]
    rights: SizeRights
    databases: list[str]
    files: Files = field(init=False)


def take_inventory(engine: "MySQLEngine") -> Inventory:
    _, variables = engine.ask(load("sizes_variables"))
    found = dict(map(tuple, variables))
    _, lines = engine.ask(load("own_grants"))
    has_patterns = found.get("partial_revokes", "OFF") == "OFF"
    rights = size_rights((line for (line,) in lines), has_patterns=has_patterns)
    _, names = engine.ask(load("databases"))
    inventory = Inventory(found, rights, [name for (name,) in names])
    if rights.sees_files:
        lowers = found.get("lower_case_table_names") == CASE_PRESERVING
        rows = stream(engine, load(engine.flavour.innodb_files))
        inventory.files = innodb_files(rows, inventory.databases, fold=str.lower if lowers else str)
    return inventory


def read_sizes(engine: "MySQLEngine") -> SizesReading:
    inventory = take_inventory(engine)
    sums = dict.fromkeys(inventory.databases, Sum())
    if inventory.rights.sees_files:
        for database, rows in tables_by_database(engine):
            sums[database] = add_up(rows, inventory.files)
    log_bytes, log = read_log(engine, inventory)
    sections = [inventory_section(engine, inventory.rights), *log]
    records = []
    for name in inventory.databases:
        section = section_of("sizes", engine, inventory, name, sums[name].untold)
        sections.append(section)
        record = DatabaseRecord(name, is_system=name in SYSTEM_DATABASES)
        if section.is_complete:
            record = with_sizes(record, inventory, sums[name])
        records.append(record)
    return SizesReading(engine.version, sections, records, log_bytes=log_bytes)


def with_sizes(record: DatabaseRecord, inventory: Inventory, tables: Sum) -> DatabaseRecord:
    if record.name in VIRTUAL_DATABASES:
        return replace(record, total_bytes=0, data_bytes=0, index_bytes=0)
    total = inventory.files.of_database(record.name) + tables.stray
    return replace(record, total_bytes=total, data_bytes=tables.data, index_bytes=tables.index)


def stream_tables(engine: "MySQLEngine") -> Iterator[TableRecord | Section]:
    inventory = take_inventory(engine)
    rest = dict.fromkeys(inventory.databases)
    if inventory.rights.sees_files:
        for database, rows in tables_by_database(engine):
            if database not in rest:
                continue  # it was made since
            del rest[database]
            untold = ""
            for row in rows:
                record = table(row, inventory.files)
                if record is None:
                    untold = row[1]
                else:
                    yield record
            yield section_of("tables", engine, inventory, database, untold)
    for database in rest:
        yield section_of("tables", engine, inventory, database)


def tables_by_database(engine: "MySQLEngine") -> Iterator[tuple[str, Iterator[Row]]]:
    return groupby(stream(engine, load("tables")), key=itemgetter(0))


def table(row: Row, files: Files) -> TableRecord | None:
    """None when the server does not tell its size, as of one that is broken."""
    database, name, engine, rows, data, index = row
    if (engine or "").upper() in STORED_ELSEWHERE:
        return TableRecord(database, "", name, 0, estimated_rows=rows)
    own = files.of_table(database, name) if engine == "InnoDB" else None
    if own is None and data is None:
        return None
    total = (data or 0) + (index or 0) if own is None else own
    return TableRecord(database, "", name, total, data, index, rows)


def add_up(rows: Iterator[Row], files: Files) -> Sum:
    found = Sum()
    for row in rows:
        record = table(row, files)
        if record is None:
            found.untold = row[1]
            continue
        found.data += record.data_bytes or 0
        found.index += record.index_bytes or 0
        in_file = row[2] == "InnoDB" and (
            files.of_table(row[0], row[1]) is not None or row[0] not in files.mixed
        )
        if not in_file:
            found.stray += record.total_bytes
    return found


def section_of(
    name: str, engine: "MySQLEngine", inventory: Inventory, database: str, untold: str = ""
) -> Section:
    """Whether we may see all of ``database``; ``untold`` is a table that has no size."""
    section, rights = Section(name, database), inventory.rights
    if database in VIRTUAL_DATABASES:
        return section
    missing = missing_rights(rights, database)
    if missing:
        reason = f"Our login {engine.current_user} may not see all tables and files of {database}."
        grant = f"GRANT {missing} TO {quoted(engine.current_user)}"
        return replace(section, reason=reason, needed_grant=grant)
    if untold or database in inventory.files.unplaced:
        reason = f"The server does not tell the size of {untold or 'a file'} in {database}."
        return replace(section, reason=reason)
    return section


def missing_rights(rights: SizeRights, database: str) -> str:
    """What a GRANT must give so that all of ``database`` is seen; '' when nothing."""
    words = [] if rights.sees_files else ["PROCESS"]
    if rights.sees_tables(database):
        return f"{words[0]} ON *.*" if words else ""
    if rights.revoked.get(database) and not words:
        return "SHOW VIEW ON `{}`.*".format(database.replace("`", "``"))
    return f"{', '.join([*words, 'SHOW VIEW'])} ON *.*"


def inventory_section(engine: "MySQLEngine", rights: SizeRights) -> Section:
    """What the databases need that we do not see stands here: they have no section."""
    if rights.sees_databases:
        return Section("databases")
    words = ["SHOW DATABASES"]
    words += [] if rights.sees_files else ["PROCESS"]
    words += [] if rights.everywhere & SHOWS_TABLES else ["SHOW VIEW"]
    return Section(
        "databases",
        reason=f"Our login {engine.current_user} may not list the databases.",
        needed_grant=f"GRANT {', '.join(words)} ON *.* TO {quoted(engine.current_user)}",
    )


def read_log(engine: "MySQLEngine", inventory: Inventory) -> tuple[int | None, list[Section]]:
    """The binary logs of the whole server, None where there are none or we may not see them."""
    if inventory.variables.get("log_bin") != "ON":
        return None, []
    query = load("binary_logs")
    if inventory.rights.sees_logs:
        try:
            _, rows = engine.ask(query)
        except QueryRefused:
            pass  # SUPER is enough on some versions only
        else:
            return sum(row[1] for row in rows), [Section("log")]
    reason = f"Our login {engine.current_user} may not see the binary logs."
    # MariaDB takes the old word, and calls the right BINLOG MONITOR.
    grant = f"GRANT REPLICATION CLIENT ON *.* TO {quoted(engine.current_user)}"
    return None, [Section("log", reason=reason, needed_grant=grant)]
