"""Tables wait on disk, and nothing stays there."""

from tempfile import TemporaryFile
from typing import Any

import pytest

from capacity.collect import COLLECTION, TABLES_COLLECTION
from capacity.spool import BATCH, TableSpool
from instances.engines.base import Section
from instances.engines.errors import ConnectionFailed
from instances.engines.sizes import TableRecord
from sync_sessions.outcomes import LeaseLost
from tests.capacity.collecting import collect
from tests.factories import SyncRecordFactory
from tests.toy_engine import Toy, database, sizes, table

ODD = ['"', "'", "\\", "\n", "ö", "\U0001f40b", "\udcff", " "]


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every temporary file that was opened."""
    opened: list[Any] = []

    def remembered(*how: Any, **more: Any) -> Any:
        opened.append(TemporaryFile(*how, **more))  # noqa: SIM115 -- the product closes it
        return opened[-1]

    monkeypatch.setattr("capacity.spool.TemporaryFile", remembered)
    return opened


@pytest.mark.parametrize("number", [0, 1, BATCH, BATCH + 1])
def test_tables_come_back_as_they_were_in_batches(number):
    tables = [
        TableRecord("shop", ODD[at % len(ODD)], f"{ODD[at % 3]}{at}", at, at or None, None, 2**62)
        for at in range(number)
    ]
    sections = [Section("tables", "shop"), Section("tables", "web", "Why not.", "GRANT x")]

    with TableSpool.of([*tables, *sections]) as kept:
        batches = list(kept.batches())

    assert [one for batch in batches for one in batch] == tables
    assert [len(batch) for batch in batches] == [BATCH] * (number // BATCH) + [1] * (number % BATCH)
    assert kept.sections == sections


def test_file_is_closed_when_the_stream_breaks(files):
    def broken():
        yield table("shop.public.t")
        raise ConnectionFailed("It is gone.")

    with pytest.raises(ConnectionFailed):
        TableSpool.of(broken())

    assert [file.closed for file in files] == [True]


def test_file_is_closed_when_nobody_looks_at_it(files):
    TableSpool.of([table("shop.public.t")])

    assert [file.closed for file in files] == [True]


@pytest.mark.django_db
@pytest.mark.both_databases
def test_file_is_closed_after_the_write(instance, server_has, files):
    server_has(instance, sizes=sizes(database("shop")), tables=[table("shop.public.t")])

    assert collect(instance, with_tables=True).status == "completed"

    assert [file.closed for file in files] == [True]


@pytest.mark.django_db
def test_write_that_another_worker_has_taken_over_stores_nothing(instance, server_has, files):
    server_has(instance, sizes=sizes(database("shop")), tables=[table("shop.public.t")])
    record = SyncRecordFactory(instance=instance, category="capacity", status="running", attempt=2)
    record.attempt = 1

    with Toy.connect(instance.target()) as engine:
        collected = TABLES_COLLECTION.read(engine)
    with pytest.raises(LeaseLost):
        TABLES_COLLECTION.write(record, collected)

    assert not instance.databases.exists()
    assert [file.closed for file in files] == [True]


@pytest.mark.django_db
def test_collection_without_tables_needs_no_file(instance, server_has, files):
    server_has(instance, sizes=sizes(database("shop")))

    with Toy.connect(instance.target()) as engine:
        collected = COLLECTION.read(engine)

    assert (collected.tables, files) == (None, [])
