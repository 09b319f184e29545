"""Table sizes: one row per table and change."""

from datetime import timedelta

import pytest

from capacity.models import TableSize
from capacity.spool import BATCH
from instances.engines.base import Section
from instances.engines.errors import ConnectionFailed
from instances.models import Section as StoredSection
from tests.capacity.clock import START
from tests.capacity.collecting import collect, edges
from tests.factories import DatabaseFactory, TableSizeFactory
from tests.toy_engine import database, sizes, table

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db]

NEXT = START + timedelta(1)
WHOLE = Section("tables", "shop")
SHY = Section("tables", "shop", "We may not connect.", "GRANT CONNECT")


@pytest.fixture
def server(instance, server_has):
    return server_has(instance, sizes=sizes(database("shop")))


@pytest.fixture
def measure(instance, server):
    """Stream tables of ``shop`` (by default all of them) on a day, and store them."""

    def measure(*tables, on=START, section=WHOLE):
        server.tables = [*tables, section]
        return collect(instance, on, with_tables=True)

    return measure


def test_new_table_is_stored_with_all_its_numbers(measure):
    numbers = {"data_bytes": 6, "index_bytes": 4, "estimated_rows": 3}

    measure(table('shop."sch ema".t\'t', 10, **numbers))

    [row] = TableSize.objects.values("database__name", "schema", "name", *numbers)
    assert row == {
        "database__name": "shop",
        "schema": '"sch ema"',
        "name": "t't",
        **numbers,
    }


def test_unchanged_table_is_not_written(measure):
    measure(table("shop.public.t"))

    record = measure(table("shop.public.t"), on=NEXT)

    assert record.counts["table_changes"] == 0
    assert TableSize.objects.get().valid_from == START


@pytest.mark.parametrize("change", ["total_bytes", "data_bytes", "index_bytes", "estimated_rows"])
def test_any_number_that_moves_is_a_change(measure, change):
    before = {"total_bytes": 10, "data_bytes": 6, "index_bytes": 4, "estimated_rows": 3}
    measure(table("shop.public.t", **before))

    measure(table("shop.public.t", **{**before, change: before[change] + 1}), on=NEXT)

    rows = TableSize.objects.order_by("valid_from").values("valid_from", "valid_to", change)
    assert list(rows) == [
        {"valid_from": START, "valid_to": NEXT, change: before[change]},
        {"valid_from": NEXT, "valid_to": None, change: before[change] + 1},
    ]


def test_number_that_becomes_unknown_is_a_change(measure):
    measure(table("shop.public.t", 10, data_bytes=6))

    measure(table("shop.public.t", 10), on=NEXT)

    assert edges_of("t") == [(28, 29, 10), (29, None, 10)]


def edges_of(name):
    rows = TableSize.objects.filter(name=name).order_by("valid_from")
    return [
        (row.valid_from.day, row.valid_to.day if row.valid_to else None, row.total_bytes)
        for row in rows
    ]


def test_change_on_the_same_day_corrects_the_row(measure):
    measure(table("shop.public.t", 10))
    [pk] = TableSize.objects.values_list("pk", flat=True)

    record = measure(table("shop.public.t", 20, estimated_rows=5))

    row = TableSize.objects.get()
    assert (row.pk, row.total_bytes, row.estimated_rows) == (pk, 20, 5)
    assert record.counts["table_changes"] == 1


def test_second_reading_of_a_day_that_takes_a_change_back_leaves_no_trace_of_it(measure):
    measure(table("shop.public.t", 10))
    measure(table("shop.public.t", 20), table("shop.public.new"), on=NEXT)

    measure(table("shop.public.t", 10), on=NEXT)

    assert edges_of("t") == [(28, None, 10)]
    assert edges_of("new") == []


def test_vanished_table_ends_on_the_day_without_it(measure):
    measure(table("shop.public.t"), table("shop.public.old"))

    measure(table("shop.public.t"), on=NEXT)

    assert edges_of("old") == [(28, 29, 10)]
    assert edges_of("t") == [(28, None, 10)]


def test_vanished_table_that_is_back_the_same_day_was_never_gone(measure):
    measure(table("shop.public.t"))
    measure(on=NEXT)

    measure(table("shop.public.t"), on=NEXT)

    assert edges_of("t") == [(28, None, 10)]


def test_table_that_is_back_later_has_a_gap(measure):
    measure(table("shop.public.t"))
    measure(on=NEXT)

    measure(table("shop.public.t"), on=NEXT + timedelta(1))

    assert edges_of("t") == [(28, 29, 10), (30, None, 10)]


def test_unknown_section_ends_nothing_and_believes_what_it_saw(measure, instance):
    measure(table("shop.public.t"), table("shop.public.unseen"))

    record = measure(table("shop.public.t", 20), on=NEXT, section=SHY)

    assert edges_of("unseen") == [(28, None, 10)]
    assert edges_of("t") == [(28, 29, 10), (29, None, 20)]
    assert record.coverage == 2 / 3
    stored = StoredSection.objects.get(category="tables")
    assert (stored.state, stored.reason, stored.needed_grant) == (
        *("unknown", "We may not connect.", "GRANT CONNECT"),
    )


def test_run_without_tables_touches_neither_them_nor_their_sections(measure, instance):
    measure(table("shop.public.t"), section=SHY)

    record = collect(instance, NEXT)

    assert edges(instance) == [("shop.public.t", 28, None, 10)]
    assert StoredSection.objects.filter(category="tables").count() == 1
    assert "tables" not in record.counts


def test_tables_of_a_database_that_is_gone_end_with_it(measure, server, instance):
    measure(table("shop.public.t"))
    server.sizes = sizes(database("web"))

    collect(instance, NEXT)

    assert edges(instance) == [("shop.public.t", 28, 29, 10)]


def test_tables_of_a_database_made_anew_are_others(measure, server, instance):
    server.sizes = sizes(database("shop", native_id="5"))
    measure(table("shop.public.t"))
    server.sizes = sizes(database("shop", native_id="6"))

    measure(table("shop.public.t"), on=NEXT)

    rows = TableSize.objects.order_by("pk").values_list("database__native_id", "valid_to")
    assert list(rows) == [("5", NEXT), ("6", None)]


def test_database_that_came_or_went_during_the_reading_is_unknown(server, instance):
    server.sizes = sizes(database("shop"), database("web"))
    server.tables = [table("new.public.t"), Section("tables", "new"), Section("tables", "web")]
    TableSizeFactory(database=DatabaseFactory(instance=instance, name="shop"), valid_from=START)

    record = collect(instance, NEXT, with_tables=True)

    assert TableSize.objects.open().count() == 1
    assert dict(
        StoredSection.objects.filter(category="tables").values_list("database", "state")
    ) == {
        "web": "complete",
        "new": "unknown",
        "shop": "unknown",
    }
    assert record.counts["unknown_sections"] == 2


def test_database_that_nobody_can_look_into_has_no_section(server, instance):
    server.sizes = sizes(database("shop"), database("template0"))
    server.tables = [table("shop.public.t"), Section("tables", "shop")]

    record = collect(instance, NEXT, with_tables=True)

    told = StoredSection.objects.filter(category="tables").values_list("database", "state")
    assert dict(told) == {"shop": "complete"}
    assert record.counts["unknown_sections"] == 0


def test_tables_of_another_instance_are_not_touched(measure):
    other = TableSizeFactory(name="other")

    measure(table("shop.public.t"))

    other.refresh_from_db()
    assert other.valid_to is None


def test_same_table_told_twice_is_stored_once(measure):
    twice = [table("shop.public.t", 10), *filler(BATCH), table("shop.public.t", 20)]

    measure(*twice)

    assert edges_of("t") == [(28, None, 20)]
    assert TableSize.objects.count() == BATCH + 1


def filler(number):
    return [table(f"shop.public.filler{at}") for at in range(number)]


def test_reading_that_breaks_among_the_tables_writes_nothing(measure):
    measure(table("shop.public.t", 10))
    stored = list(TableSize.objects.values())

    record = measure(
        table("shop.public.t", 20), *filler(BATCH + 1), ConnectionFailed("It is gone."), on=NEXT
    )

    assert (record.status, record.error_code) == ("failed", "DATABASE_CONNECTION_ERROR")
    assert list(TableSize.objects.values()) == stored


def test_statements_grow_with_batches_and_not_with_tables(measure, server):
    small = [table(f"shop.s{at % 7}.t{at}") for at in range(40)]
    large = [table(f"shop.s{at % 7}.t{at}") for at in range(40 + 4 * BATCH)]

    def quiet(tables):
        measure(*tables, on=NEXT)
        return measure(*tables, on=NEXT).timings["own_statements"]

    assert quiet(large) - quiet(small) == 4 * 2
