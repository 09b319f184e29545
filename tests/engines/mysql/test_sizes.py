"""Sizes as the files in the server's data directory have them, whatever the names and rights."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from instances.engines.base import Section
from instances.engines.mysql import ENGINE
from instances.engines.mysql.engine import MySQLEngine
from instances.engines.sizes import DatabaseRecord, SizesReading, TableRecord
from tests.engines.mysql.conftest import databases_of, plant, quote
from whalefall.demo.servers import Server

POOR = {"username": "po'o`r", "password": "x"}
ME = "`po'o``r`@`%`"
POOR_ACCOUNT = f"CREATE USER {ME} IDENTIFIED BY 'x'"
SYSTEM = {"information_schema", "mysql", "performance_schema", "sys"}
VIRTUAL = {"information_schema", "performance_schema"}

# Slash, partition marks, escapes as InnoDB writes them, wildcards, quotes, many alphabets.
ODD = "a/b.c#p#d@002dé 日%_'\"\\`x"
ODDER = "A/B.c#P#d@0G $#sql-ßΩжאᾰ①Ａ€"
TWINS = ("shop_", "shopx", "Shop_")

FILLING = (
    "INSERT INTO {table} (id, s) SELECT n, CONCAT(REPEAT(SHA2(n, 256), 3)) FROM"
    " (SELECT a.n + 100 * b.n AS n FROM numbers AS a, numbers AS b WHERE b.n < {hundreds}) AS x"
)


def sizes_of(server: Server, **overrides: Any) -> SizesReading:
    with MySQLEngine.connect(server.target(**overrides)) as engine:
        return engine.read_sizes()


def tables_of(server: Server, **overrides: Any) -> tuple[list[TableRecord], list[Section]]:
    tables, sections = [], []
    with MySQLEngine.connect(server.target(**overrides)) as engine:
        for told in engine.stream_tables():
            if isinstance(told, Section):
                sections.append(told)
            else:
                tables.append(told)
    return tables, sections


def by_name(reading: SizesReading) -> dict[str, DatabaseRecord]:
    return {record.name: record for record in reading.databases}


def totals(reading: SizesReading) -> dict[str, int | None]:
    return {record.name: record.total_bytes for record in reading.databases}


def unknown(sections: Iterable[Section]) -> dict[tuple[str, str], Section]:
    return {(one.name, one.database): one for one in sections if not one.is_complete}


def files_of(server: Server, folder: str) -> dict[str, int]:
    """Bytes by file of a database's folder; the server wrote all that it had."""
    plant(server, "FLUSH TABLES")
    place = server.folder / "data" / folder
    return {file.name: file.stat().st_size for file in Path(place).iterdir()}


def filled(database: str, *tables: str) -> list[str]:
    """The statements that make ``database`` and its tables, each with some megabytes."""
    name = quote(database)
    return [
        f"CREATE DATABASE {name}",
        f"USE {name}",
        "CREATE TABLE numbers (n INT PRIMARY KEY)",
        f"INSERT INTO numbers VALUES {', '.join(f'({n})' for n in range(100))}",
        *tables,
    ]


def made(table: str, options: str = "", columns: str = "s TEXT", hundreds: int = 60) -> list[str]:
    return [
        f"CREATE TABLE {table} (id INT PRIMARY KEY, {columns}) {options}",
        FILLING.format(table=table, hundreds=hundreds),
    ]


@pytest.fixture
def company(server: Server) -> str:
    """A database with a table of every kind."""
    plant(
        server,
        *filled(
            "com-pany",
            *made("plain"),
            *made("indexed", columns="s VARCHAR(200), KEY (s)"),
            *made("`parted#p#x`", "PARTITION BY HASH (id) PARTITIONS 3"),
            *made("isam", "ENGINE=MyISAM"),
            *made("searched", columns="s TEXT, FULLTEXT (s)", hundreds=20),
            *made("squeezed", "ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=8"),
            "CREATE TABLE fleeting (id INT) ENGINE=MEMORY",
            "INSERT INTO fleeting SELECT n FROM numbers",
            "CREATE VIEW looks AS SELECT * FROM plain",
        ),
    )
    return "com-pany"


def test_sizes_are_what_the_files_take(server: Server, company: str) -> None:
    plant(server, *(f"ANALYZE TABLE `{company}`.{name}" for name in ("plain", "isam")))
    files = files_of(server, "com@002dpany")
    by_table: dict[str, int] = defaultdict(int)
    for name, size in files.items():
        stem, _, kind = name.rpartition(".")
        if kind in ("ibd", "MYD", "MYI"):
            table = stem.lower().split("#p#")[0].replace("@0023", "#")
            by_table["searched" if table.startswith("fts_") else table] += size

    record = by_name(sizes_of(server))[company]
    tables, sections = tables_of(server)

    assert sum(files.values()) > 8_000_000
    assert record.total_bytes == pytest.approx(sum(files.values()), rel=0.01)
    mine = {one.name: one for one in tables if one.database == company}
    assert {name: one.total_bytes for name, one in mine.items()} == {**by_table, "fleeting": 0}
    assert sum(one.total_bytes for one in mine.values()) == record.total_bytes
    assert sum(one.data_bytes or 0 for one in mine.values()) == record.data_bytes
    assert sum(one.index_bytes or 0 for one in mine.values()) == record.index_bytes
    assert mine["isam"].estimated_rows == 6000
    # InnoDB guesses from a few pages; on a busy machine it said 4,250.
    assert mine["plain"].estimated_rows == pytest.approx(6000, rel=0.5)
    assert mine["isam"] == TableRecord(
        company,
        "",
        "isam",
        by_table["isam"],
        files["isam.MYD"],
        files["isam.MYI"],
        6000,
    )
    assert unknown(sections) == {}
    assert {(one.database,) for one in sections} == databases_of(server)
    assert not VIRTUAL & {one.database for one in tables}


def test_inventory_is_every_database(server: Server) -> None:
    plant(server, "CREATE DATABASE empty_one", f"CREATE DATABASE {quote(ODD)}")

    reading = sizes_of(server)

    assert unknown(reading.sections) == {}
    assert {(one.name,) for one in reading.databases} == databases_of(server)
    assert {one.name for one in reading.databases if one.is_system} == SYSTEM
    assert {one.native_id for one in reading.databases} == {None}
    empty = by_name(reading)["empty_one"]
    assert empty == DatabaseRecord("empty_one", None, False, 0, 0, 0)
    assert sorted((one.name, one.database) for one in reading.sections) == sorted(
        [("databases", ""), *(("sizes", one.name) for one in reading.databases)]
    )
    assert reading.log_bytes is None


def test_odd_names_have_their_own_sizes(server: Server) -> None:
    """Also those that look like another's partition, another's database, or an escape."""
    # MySQL itself takes x/y.z for x.y/z.
    names = [ODD, ODDER, *TWINS, "x", *(["x/y"] if server.kind == "mariadb" else [])]
    tables = (ODD, ODDER, "y/z", "z", "z#p#p0")
    parts = {
        (database, table): 1 + (3 * row + column) % 5
        for row, database in enumerate(names)
        for column, table in enumerate(tables)
    }
    plant(server, *(f"CREATE DATABASE {quote(database)}" for database in names))
    plant(
        server,
        *(
            f"CREATE TABLE {quote(database)}.{quote(table)} (id INT PRIMARY KEY)"
            f" PARTITION BY HASH (id) PARTITIONS {count}"
            for (database, table), count in parts.items()
        ),
    )

    found, sections = tables_of(server)
    reading = sizes_of(server)

    assert unknown([*reading.sections, *sections]) == {}
    size = {(one.database, one.name): one.total_bytes for one in found if one.database in names}
    file = size[ODD, ODD] / parts[ODD, ODD]
    assert {place: bytes_ / file for place, bytes_ in size.items()} == parts
    for database in names:
        whole = sum(count for (where, _), count in parts.items() if where == database)
        assert totals(reading)[database] == file * whole


def test_every_letter_is_one_letter_of_a_name(server: Server) -> None:
    """InnoDB escapes letters of these ranges by two others, of which we have no list."""
    ranges = ((0xC0, 0x600), (0x1E00, 0x2000), (0x2160, 0x2180), (0x24B0, 0x24F0), (0xFF20, 0xFF60))
    letters = [chr(code) for start, stop in ranges for code in range(start, stop)]
    names = {"w" + "".join(letters[start : start + 45]) for start in range(0, len(letters), 45)}
    tables = [f"CREATE TABLE {quote(name)} (id INT PRIMARY KEY)" for name in sorted(names)]
    plant(server, "CREATE DATABASE words", "USE words", *tables)

    found = {one.name: one for one in tables_of(server)[0] if one.database == "words"}

    assert set(found) == names
    [size] = {one.total_bytes for one in found.values()}
    assert size > 60_000
    assert totals(sizes_of(server))["words"] == size * len(names)


def test_general_tablespaces_belong_to_the_database_of_their_tables(only_mysql: Server) -> None:
    server = only_mysql
    plant(
        server,
        "CREATE TABLESPACE own ADD DATAFILE 'own.ibd'",
        "CREATE TABLESPACE shared ADD DATAFILE 'shared.ibd'",
        *filled("ént", *made("big", "TABLESPACE own"), *made("b2", "TABLESPACE own")),
        *filled("left", *made("t1", "TABLESPACE shared")),
        *filled("right", *made("t2", "TABLESPACE shared"), *made("t3")),
        "ANALYZE TABLE `ént`.big, `left`.t1, `right`.t2",
    )
    try:
        data = server.folder / "data"
        own, shared = ((data / f"{name}.ibd").stat().st_size for name in ("own", "shared"))
        reading, (tables, sections) = sizes_of(server), tables_of(server)
        size = {(one.database, one.name): one.total_bytes for one in tables}
    finally:
        plant(server, *(f"DROP DATABASE `{name}`" for name in ("ént", "left", "right")))
        plant(server, "DROP TABLESPACE own", "DROP TABLESPACE shared")

    assert unknown([*reading.sections, *sections]) == {}
    found = totals(reading)
    assert found["ént"] == own + size["ént", "numbers"]
    assert found["left"] == size["left", "t1"] + size["left", "numbers"]
    assert found["right"] == sum(size["right", name] for name in ("t2", "t3", "numbers"))
    assert 0.4 * shared < size["left", "t1"] + size["right", "t2"] <= shared
    assert (found["mysql"] or 0) >= (data / "mysql.ibd").stat().st_size


def test_old_style_folder_of_mariadb(only_mariadb: Server) -> None:
    """A folder from before 5.1, whose name the server shows with a mark."""
    folder = only_mariadb.folder / "data" / "old-style"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    plant(only_mariadb, "CREATE TABLE `#mysql50#old-style`.t (id INT PRIMARY KEY)")

    tables, _ = tables_of(only_mariadb)
    reading = sizes_of(only_mariadb)

    name = "#mysql50#old-style"
    [table] = [one for one in tables if one.database == name]
    assert table.total_bytes == totals(reading)[name] == (folder / "t.ibd").stat().st_size


def test_poor_login_knows_what_it_lacks_and_the_grants_complete_it(server: Server) -> None:
    plant(
        server,
        POOR_ACCOUNT,
        *filled("shop_", *made("t")),
        *filled("shopx", *made("t", "ENGINE=MyISAM")),
        f"GRANT SELECT ON `shop\\_`.* TO {ME}",
        f"GRANT EXECUTE ON shopx.* TO {ME}",
    )

    reading, (tables, sections) = sizes_of(server, **POOR), tables_of(server, **POOR)

    assert tables == []
    missing = unknown([*reading.sections, *sections])
    both = f"GRANT PROCESS, SHOW VIEW ON *.* TO {ME}"
    grants = {place: section.needed_grant for place, section in missing.items()}
    everything = f"GRANT SHOW DATABASES, PROCESS, SHOW VIEW ON *.* TO {ME}"
    assert grants.pop(("databases", "")) == everything
    assert grants.pop(("sizes", "shop_")) == f"GRANT PROCESS ON *.* TO {ME}"
    assert grants.pop(("tables", "shop_")) == f"GRANT PROCESS ON *.* TO {ME}"
    assert grants == {("sizes", "shopx"): both, ("tables", "shopx"): both}
    assert {name for name, total in totals(reading).items() if total is not None} <= VIRTUAL

    plant(server, *dict.fromkeys(section.needed_grant for section in missing.values()))
    poor, rich = sizes_of(server, **POOR), sizes_of(server)

    assert unknown(poor.sections) == {}
    assert totals(poor) == totals(rich)
    assert {one.name for one in tables_of(server, **POOR)[0]} == {
        one.name for one in tables_of(server)[0]
    }


def test_login_that_may_see_one_database_knows_that_one(server: Server) -> None:
    plant(
        server,
        POOR_ACCOUNT,
        *filled("shop_", *made("t")),
        *filled("shopx", *made("t")),
        f"GRANT PROCESS, SHOW DATABASES ON *.* TO {ME}",
        f"GRANT SELECT ON `shop\\_`.* TO {ME}",
        f"GRANT SELECT ON shopx.t TO {ME}",
    )

    reading, (tables, sections) = sizes_of(server, **POOR), tables_of(server, **POOR)

    rich = totals(sizes_of(server))
    assert totals(reading) == {
        name: rich[name] if name in VIRTUAL | {"shop_"} else None for name in rich
    }
    assert set(unknown(sections)) == {
        ("tables", name) for name in rich.keys() - VIRTUAL - {"shop_"}
    }
    # What it could see of the other is true.
    assert {(one.database, one.name) for one in tables if "shop" in one.database} == {
        ("shop_", "numbers"),
        ("shop_", "t"),
        ("shopx", "t"),
    }


def test_partial_revoke_hides_a_database(only_mysql: Server) -> None:
    plant(
        only_mysql,
        "SET GLOBAL partial_revokes = ON",
        POOR_ACCOUNT,
        *filled("se`cret", *made("t")),
        f"GRANT PROCESS, SHOW DATABASES, SHOW VIEW ON *.* TO {ME}",
        f"REVOKE SHOW VIEW ON `se``cret`.* FROM {ME}",
    )
    try:
        hidden = unknown(sizes_of(only_mysql, **POOR).sections)
        plant(only_mysql, *(section.needed_grant for section in hidden.values()))
        seen = sizes_of(only_mysql, **POOR)
    finally:
        plant(only_mysql, f"DROP USER {ME}", "SET GLOBAL partial_revokes = OFF")

    assert set(hidden) == {("sizes", "se`cret")}
    assert unknown(seen.sections) == {}
    assert totals(seen) == totals(sizes_of(only_mysql))


def test_statements_do_not_depend_on_the_number_of_tables(server: Server) -> None:
    plant(server, "CREATE DATABASE shop")
    counts = []
    # Of an engine that makes tables quickly.
    for start, stop in ((0, 10), (10, 200)):
        plant(
            server,
            "USE shop",
            *(f"CREATE TABLE t{number} (id INT) ENGINE=MyISAM" for number in range(start, stop)),
        )
        with ENGINE.connect(server.target()) as engine:
            engine.read_sizes()
            sizes = engine.statements
            seen = [one for one in engine.stream_tables() if isinstance(one, TableRecord)]
            counts.append((sizes, engine.statements - sizes))
        assert sum(one.database == "shop" for one in seen) == stop

    assert counts == [(6, 5)] * 2


def test_binary_logs_are_the_servers_log(throwaway_mariadb: Server) -> None:
    server = throwaway_mariadb
    server.stop()
    server.options = ("--log-bin=log",)
    server.start()
    plant(server, POOR_ACCOUNT, *filled("shop", *made("t")), "FLUSH BINARY LOGS")

    reading, poor = sizes_of(server), sizes_of(server, **POOR)
    files = [*(server.folder / "data").glob("log.0*")]
    written = sum(file.stat().st_size for file in files if file.suffix[1:].isdigit())
    [section] = [one for one in poor.sections if one.name == "log"]
    plant(server, section.needed_grant)
    richer = sizes_of(server, **POOR)

    assert reading.log_bytes == written > 0
    assert len(files) > 1
    assert Section("log") in reading.sections
    assert section.needed_grant == f"GRANT REPLICATION CLIENT ON *.* TO {ME}"
    assert poor.log_bytes is None
    assert (richer.log_bytes or 0) >= written
