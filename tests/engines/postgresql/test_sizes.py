"""Sizes as the server's own functions tell them, whatever the names and rights."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from instances.engines.base import Section
from instances.engines.postgresql import ENGINE
from instances.engines.postgresql.names import quoted
from instances.engines.sizes import DatabaseRecord, SizesReading, TableRecord
from tests.engines.postgresql.conftest import STANDING, databases_of
from whalefall.demo.servers import Server

MONITOR = {"username": 'mon "itor', "password": "mon"}
ME = '"mon ""itor"'
ODD = "ö\"d'd; -- \\ %s.`日本\t{}\n$$"

Tables = tuple[list[TableRecord], list[Section]]
ReadSizes = Callable[..., SizesReading]


def sizes_of(server: Server, **overrides: Any) -> SizesReading:
    with ENGINE.connect(server.target(**overrides)) as engine:
        return engine.read_sizes()


def tables_of(server: Server, **overrides: Any) -> Tables:
    tables, sections = [], []
    with ENGINE.connect(server.target(**overrides)) as engine:
        for told in engine.stream_tables():
            if isinstance(told, Section):
                sections.append(told)
            else:
                tables.append(told)
    return tables, sections


def by_name(reading: SizesReading) -> dict[str, DatabaseRecord]:
    return {record.name: record for record in reading.databases}


def unknown(sections: Any) -> dict[tuple[str, str], Section]:
    return {(one.name, one.database): one for one in sections if not one.is_complete}


def fill(server: Server, database: str) -> None:
    """Tables of every kind that has bytes, and of those that have none."""
    odd = quoted(ODD)
    server.execute(
        f"""
        CREATE SCHEMA {odd};
        CREATE TABLE {odd}.{odd} (id int PRIMARY KEY, note text);
        INSERT INTO {odd}.{odd} SELECT n, repeat(md5(n::text), 3) FROM generate_series(1, 30000) n;
        CREATE TABLE toasted (id int, fat text);
        ALTER TABLE toasted ALTER fat SET STORAGE EXTERNAL;
        INSERT INTO toasted SELECT n, repeat('x', 9000) FROM generate_series(1, 200) AS n;
        CREATE TABLE measures (day int, note text) PARTITION BY RANGE (day);
        CREATE TABLE measures_1 PARTITION OF measures FOR VALUES FROM (0) TO (5000);
        CREATE TABLE measures_2 PARTITION OF measures FOR VALUES FROM (5000) TO (10000);
        CREATE INDEX ON measures (day);
        INSERT INTO measures SELECT n, 'x' FROM generate_series(0, 9999) AS n;
        CREATE MATERIALIZED VIEW summary AS SELECT * FROM measures;
        CREATE VIEW looks AS SELECT * FROM measures;
        CREATE UNLOGGED TABLE forgetful (id int PRIMARY KEY);
        CREATE SEQUENCE counter;
        CREATE TABLE never_counted (id int);
        """,
        database,
    )
    server.execute("ANALYZE", database)
    server.execute("CREATE TABLE untouched (id int)", database)
    server.execute("CHECKPOINT")


@pytest.fixture
def filled(server: Server, shop: str) -> str:
    fill(server, shop)
    return shop


@pytest.fixture
def monitor(server: Server) -> str:
    server.execute(f"CREATE ROLE {ME} LOGIN PASSWORD 'mon'")
    return ME


def test_totals_are_the_servers_own(server: Server, filled: str) -> None:
    odd = quoted(ODD)
    server.execute(f"CREATE DATABASE {odd}")
    sizes_of(server)  # the first connection to a database makes a file there

    reading = sizes_of(server)

    told = server.execute("SELECT datname, oid::text, pg_database_size(oid) FROM pg_database")
    assert {(one.name, one.native_id, one.total_bytes) for one in reading.databases} == set(told)
    assert len(reading.databases) == len(told)
    assert {one.name for one in reading.databases if one.is_system} == {"template0", "template1"}
    assert unknown(reading.sections) == {}
    names = {one.name for one in reading.databases}
    assert sorted((one.name, one.database) for one in reading.sections) == sorted(
        [
            ("databases", ""),
            ("log", ""),
            *(("sizes", name) for name in names),
            *(("parts", name) for name in names - {"template0"}),
        ]
    )


def test_data_and_indexes_are_all_of_a_database_but_its_bookkeeping(
    server: Server, filled: str
) -> None:
    [shop] = [one for one in sizes_of(server).databases if one.name == filled]

    [(data, index)] = server.execute(
        "SELECT sum(pg_relation_size(oid, fork)) FILTER (WHERE relkind NOT IN ('i', 'I')"
        " OR relnamespace = 'pg_toast'::regnamespace)::bigint,"
        " sum(pg_relation_size(oid, fork)) FILTER (WHERE relkind = 'i'"
        " AND relnamespace <> 'pg_toast'::regnamespace)::bigint"
        " FROM pg_class, unnest(ARRAY['main', 'fsm', 'vm', 'init']) AS fork"
        " WHERE NOT relisshared AND relkind IN ('r', 'm', 'S', 't', 'i')",
        filled,
    )
    assert (shop.data_bytes, shop.index_bytes) == (data, index)
    assert shop.total_bytes is not None
    assert 0 <= shop.total_bytes - data - index < 300_000


def test_log_is_the_files_of_the_servers_log(server: Server) -> None:
    folder = server.folder / "data" / "pg_wal"

    told = sizes_of(server).log_bytes

    assert told == sum(file.stat().st_size for file in folder.iterdir() if file.is_file())


def test_tables_are_every_table_with_bytes(server: Server, filled: str) -> None:
    tables, sections = tables_of(server)

    assert unknown(sections) == {}
    assert {one.database for one in sections} == databases_of(server)
    assert {one.name for one in sections} == {"tables"}
    mine = [one for one in tables if one.database == filled and one.schema in ("public", ODD)]
    told = server.execute(
        "SELECT n.nspname, c.relname, pg_total_relation_size(c.oid), pg_table_size(c.oid),"
        " pg_indexes_size(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE relkind IN ('r', 'm') AND nspname NOT IN ('pg_catalog', 'information_schema')",
        filled,
    )
    assert sorted(
        (one.schema, one.name, one.total_bytes, one.data_bytes, one.index_bytes) for one in mine
    ) == sorted(told)
    rows = {one.name: one.estimated_rows for one in mine}
    assert rows == {
        ODD: 30000,
        "toasted": 200,
        "measures_1": 5000,
        "measures_2": 5000,
        "summary": 10000,
        "forgetful": 0 if server.version >= "16" else rows["forgetful"],
        "never_counted": rows["forgetful"],
        "untouched": None,
    }


def test_tables_and_sequences_add_up_to_the_parts(server: Server, filled: str) -> None:
    tables, _ = tables_of(server)
    [shop] = [one for one in sizes_of(server).databases if one.name == filled]

    [(sequences,)] = server.execute(
        "SELECT sum(pg_table_size(oid))::bigint FROM pg_class WHERE relkind = 'S'", filled
    )
    mine = [one for one in tables if one.database == filled]
    assert sum(one.data_bytes or 0 for one in mine) + sequences == shop.data_bytes
    assert sum(one.index_bytes or 0 for one in mine) == shop.index_bytes


def test_others_temporary_tables_are_left_out(server: Server) -> None:
    holder: Any = server.connect(STANDING)
    try:
        holder.execute("CREATE TEMPORARY TABLE fleeting AS SELECT 1")
        tables, _ = tables_of(server)
    finally:
        holder.close()

    assert "fleeting" not in {one.name for one in tables}


def test_login_that_may_not_see_one_database(server: Server, shop: str, monitor: str) -> None:
    server.execute(f"REVOKE CONNECT ON DATABASE {shop} FROM PUBLIC")

    reading = sizes_of(server, **MONITOR)
    tables, sections = tables_of(server, **MONITOR)

    missing = unknown([*reading.sections, *sections])
    connect = f'GRANT CONNECT ON DATABASE "{shop}" TO {monitor}'
    assert {place: section.needed_grant for place, section in missing.items()} == {
        ("log", ""): f"GRANT EXECUTE ON FUNCTION pg_catalog.pg_ls_waldir() TO {monitor}",
        ("sizes", shop): f"GRANT pg_read_all_stats TO {monitor}",
        ("parts", shop): connect,
        ("tables", shop): connect,
    }
    [hidden] = [one for one in reading.databases if one.name == shop]
    assert hidden == DatabaseRecord(shop, hidden.native_id)
    assert reading.log_bytes is None
    assert {one.database for one in tables} == databases_of(server) - {shop}

    for section in missing.values():
        server.execute(section.needed_grant)
    sizes_of(server)  # the first connection to a database makes a file there
    poor, rich = sizes_of(server, **MONITOR), sizes_of(server)

    assert unknown(poor.sections) == {}
    assert poor == rich
    assert tables_of(server, **MONITOR) == tables_of(server)


def test_size_is_known_where_only_connecting_is_refused(
    server: Server, shop: str, monitor: str
) -> None:
    server.execute(f"REVOKE CONNECT ON DATABASE {shop} FROM PUBLIC")
    server.execute(f"GRANT pg_read_all_stats TO {monitor}")

    reading = sizes_of(server, **MONITOR)

    assert set(unknown(reading.sections)) == {("log", ""), ("parts", shop)}
    rich = by_name(sizes_of(server))[shop]
    assert by_name(reading)[shop] == replace(rich, data_bytes=None, index_bytes=None)


@pytest.mark.parametrize("is_main", [True, False])
def test_locked_table_makes_its_database_unknown_alone(
    server: Server, filled: str, is_main: bool
) -> None:
    service = {"service_name": filled} if is_main else {}
    with locked(server, filled):
        reading = sizes_of(server, statement_timeout_seconds=1, **service)
        tables, sections = tables_of(server, statement_timeout_seconds=1, **service)

    missing = unknown([*reading.sections, *sections])
    assert set(missing) == {("parts", filled), ("tables", filled)}
    assert {section.needed_grant for section in missing.values()} == {""}
    assert "did not answer the query 'parts' in time" in missing["parts", filled].reason
    [shop] = [one for one in reading.databases if one.name == filled]
    assert (shop.data_bytes, shop.index_bytes) == (None, None)
    assert shop.total_bytes is not None
    assert {one.database for one in tables} >= {"postgres", "template1"}


@contextmanager
def locked(server: Server, database: str) -> Iterator[None]:
    holder: Any = server.connect(database)
    try:
        holder.execute("BEGIN; ALTER TABLE toasted ADD COLUMN more int")
        yield
    finally:
        holder.close()


def test_wait_for_a_lock_is_shorter_than_the_time_out(
    server: Server, filled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from instances.engines.postgresql import session  # noqa: PLC0415 -- what is changed here

    query = replace(session.LOCK_WAITS, text="SET LOCAL lock_timeout = '100ms'")
    monkeypatch.setattr(session, "LOCK_WAITS", query)
    with locked(server, filled):
        reading = sizes_of(server)

    [section] = unknown(reading.sections).values()
    assert section.reason == (
        f'The database "{filled}" could not be read: '
        "The query 'parts' waited too long for somebody's lock."
    )


def test_table_dropped_while_we_stream_is_left_out(
    server: Server, filled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("instances.engines.postgresql.session.BATCH_ROWS", 1)
    with ENGINE.connect(server.target(service_name=filled)) as engine:
        told = engine.stream_tables()
        first = next(told)
        server.execute("DROP TABLE toasted", filled)
        rest = list(told)

    tables = [one for one in [first, *rest] if isinstance(one, TableRecord)]
    assert not {"toasted"} & {one.name for one in tables if one.database == filled}
    assert Section("tables", filled) in rest


def test_statements_do_not_depend_on_the_number_of_tables(server: Server, shop: str) -> None:
    counts = []
    for tables in (10, 1000):
        server.execute(
            f"DO $$ BEGIN FOR i IN 1..{tables} LOOP"
            " EXECUTE format('CREATE TABLE IF NOT EXISTS t%s ()', i); END LOOP; END $$",
            shop,
        )
        with ENGINE.connect(server.target()) as engine:
            engine.read_sizes()
            sizes = engine.statements
            seen = [one for one in engine.stream_tables() if isinstance(one, TableRecord)]
            counts.append((sizes, engine.statements - sizes))
        assert sum(one.database == shop and one.schema == "public" for one in seen) == tables

    databases = len(databases_of(server))
    assert counts == [(2 + databases, 1 + databases)] * 2


def test_thousands_of_tables_are_never_all_in_memory(new_server: Server) -> None:
    new_server.execute("CREATE DATABASE crowded")
    for start in range(0, 5000, 1000):
        new_server.execute(
            f"DO $$ BEGIN FOR i IN {start}..{start + 999} LOOP"
            " EXECUTE format('CREATE TABLE t%s ()', i); END LOOP; END $$",
            "crowded",
        )
    biggest = 0
    with ENGINE.connect(new_server.target()) as engine:
        fetch = engine.main.run

        def counting(*arguments: Any) -> Any:
            nonlocal biggest
            rows = fetch(*arguments)
            biggest = max(biggest, len(rows))
            return rows

        engine.main.run = counting  # type: ignore[method-assign, assignment]
        engine.main.database = "elsewhere"  # so that each database has a session of its own
        seen = [one for one in engine.stream_tables() if isinstance(one, TableRecord)]

    assert sum(one.database == "crowded" and one.schema == "public" for one in seen) == 5000
    assert biggest <= 2000
