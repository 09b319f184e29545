"""Who made an instance grow, against an independent account of random histories."""

from collections import defaultdict
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from capacity.growth import MOST_TABLES, DatabaseGrowth, TableGrowth, growth
from capacity.models import TableSize
from instances.models import Database, Instance
from tests.factories import (
    DatabaseFactory,
    DatabaseSizeFactory,
    InstanceFactory,
    InstanceSizeFactory,
    TableSizeFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

START, END = date(2026, 3, 1), date(2026, 3, 31)
LONG_AGO = date(2026, 1, 1)


def noon(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time(12)))


def database(instance: Instance, name: str, sizes: dict[date, int], **more: Any) -> Database:
    made: Database = DatabaseFactory(
        instance=instance, name=name, **{"first_seen_at": noon(LONG_AGO), **more}
    )
    for day, size in sizes.items():
        DatabaseSizeFactory(database=made, measured_on=day, total_bytes=size)
    return made


def total(instance: Instance, before: int, after: int) -> None:
    InstanceSizeFactory(instance=instance, measured_on=START, total_bytes=before)
    InstanceSizeFactory(instance=instance, measured_on=END, total_bytes=after)


def edge(database: Database, name: str, size: int, start: date, end: date | None = None) -> None:
    TableSizeFactory(database=database, name=name, total_bytes=size, valid_from=start, valid_to=end)


def test_growth_is_told_by_database_and_table(instance):
    shop = database(instance, "shop", {START: 1000, END: 1900})
    edge(shop, "orders", 300, LONG_AGO, date(2026, 3, 10))
    edge(shop, "orders", 900, date(2026, 3, 10))
    edge(shop, "still", 200, LONG_AGO)
    edge(shop, "gone", 100, LONG_AGO, END)
    edge(shop, "added", 250, END)
    edge(shop, "came and went", 70, date(2026, 3, 5), date(2026, 3, 6))
    old = database(instance, "old", {START: 400}, removed_at=noon(date(2026, 3, 20)))
    fresh = database(instance, "fresh", {END: 600}, first_seen_at=noon(date(2026, 3, 9)))
    database(instance, "dark", {END: 50})
    database(instance, "before", {LONG_AGO: 7}, removed_at=noon(START))
    total(instance, 1420, 2570)

    found = growth(instance, START, END)

    assert found.databases == [
        DatabaseGrowth(
            id=shop.pk,
            name="shop",
            state="present",
            start_bytes=1000,
            end_bytes=1900,
            growth_bytes=900,
            share=900 / 1150,
            tables=[
                TableGrowth("public", "orders", 300, 900, 600, 600 / 1150),
                TableGrowth("public", "added", 0, 250, 250, 250 / 1150),
                TableGrowth("public", "gone", 100, 0, -100, -100 / 1150),
            ],
            tables_growth_bytes=750,
            unexplained_bytes=150,
        ),
        DatabaseGrowth(
            id=fresh.pk,
            name="fresh",
            state="new",
            start_bytes=0,
            end_bytes=600,
            growth_bytes=600,
            share=600 / 1150,
            tables=[],
            tables_growth_bytes=None,
            unexplained_bytes=None,
        ),
        DatabaseGrowth(
            id=old.pk,
            name="old",
            state="vanished",
            start_bytes=400,
            end_bytes=0,
            growth_bytes=-400,
            share=-400 / 1150,
            tables=[],
            tables_growth_bytes=None,
            unexplained_bytes=None,
        ),
    ]
    assert (found.start_bytes, found.end_bytes, found.growth_bytes) == (1420, 2570, 1150)
    assert (found.unexplained_bytes, found.unmeasured) == (50, ["dark"])
    assert (found.others, found.others_growth_bytes) == (0, 0)


def test_tables_first_measured_within_the_span_explain_nothing(instance):
    shop = database(instance, "shop", {START: 1000, END: 1900})
    edge(shop, "orders", 900, START + timedelta(days=1))
    total(instance, 1000, 1900)

    one = growth(instance, START, END).databases[0]

    assert (one.tables, one.tables_growth_bytes, one.unexplained_bytes) == ([], None, None)


def test_tables_of_a_new_database_are_new(instance):
    shop = database(instance, "shop", {END: 900}, first_seen_at=noon(date(2026, 3, 9)))
    edge(shop, "orders", 800, date(2026, 3, 9))
    total(instance, 0, 900)

    one = growth(instance, START, END).databases[0]

    assert [(table.name, table.growth_bytes) for table in one.tables] == [("orders", 800)]
    assert (one.tables_growth_bytes, one.unexplained_bytes) == (800, 100)


def test_last_measurement_up_to_a_day_counts_and_its_day_is_told(instance):
    database(instance, "shop", {date(2026, 2, 27): 10, date(2026, 3, 30): 30, date(2026, 4, 1): 99})
    for day, size in ((date(2026, 2, 27), 10), (date(2026, 3, 30), 30), (date(2026, 4, 1), 99)):
        InstanceSizeFactory(instance=instance, measured_on=day, total_bytes=size)

    found = growth(instance, START, END)

    assert (found.start_measured_on, found.end_measured_on) == (
        date(2026, 2, 27),
        date(2026, 3, 30),
    )
    assert (found.growth_bytes, found.databases[0].growth_bytes) == (20, 20)


def test_growth_of_what_was_never_measured_is_unknown(instance):
    database(instance, "shop", {END: 900})
    InstanceSizeFactory(instance=instance, measured_on=END, total_bytes=900)

    found = growth(instance, START, END)

    assert (found.start_bytes, found.growth_bytes, found.unexplained_bytes) == (None, None, None)
    assert (found.databases, found.unmeasured) == ([], ["shop"])


def test_only_the_biggest_are_shown_and_the_others_add_up(instance):
    for number in range(6):
        database(instance, f"d{number}", {START: 100, END: 100 + number})
    total(instance, 600, 615)

    found = growth(instance, START, END, most=2)

    assert [one.name for one in found.databases] == ["d5", "d4"]
    assert (found.others, found.others_growth_bytes, found.unexplained_bytes) == (4, 6, 0)


@pytest.mark.parametrize("seed", range(5))
def test_random_edges_give_what_counting_by_hand_gives(instance, seed):
    random = Random(seed)
    expected: dict[str, dict[str, int]] = defaultdict(dict)
    edges = []
    for name in ("a", "b", "c"):
        owner = database(instance, name, {START: 10_000, END: random.randrange(20_000)})
        edges.append(TableSize(database=owner, name="anchor", valid_from=LONG_AGO, total_bytes=1))
        for number in range(30):
            day, size_at = LONG_AGO, {START: 0, END: 0}
            while (day := day + timedelta(days=random.randrange(1, 40))) < date(2026, 5, 1):
                until = day + timedelta(days=random.randrange(1, 40))
                size = random.randrange(100)
                for at in size_at:
                    size_at[at] += size if day <= at < until else 0
                edges.append(
                    TableSize(
                        database=owner,
                        schema="s",
                        name=f"t{number}",
                        valid_from=day,
                        valid_to=until,
                        total_bytes=size,
                    )
                )
                day = until
            if change := size_at[END] - size_at[START]:
                expected[name][f"t{number}"] = change
    TableSize.objects.add(edges)
    total(instance, 30_000, 40_000)

    found = growth(instance, START, END).databases

    assert {one.name: one.tables_growth_bytes for one in found} == {
        name: sum(changes.values()) for name, changes in expected.items()
    }
    for one in found:
        changes = expected[one.name]
        biggest = sorted(changes, key=lambda name: (-abs(changes[name]), name))[:MOST_TABLES]
        assert [(table.name, table.growth_bytes) for table in one.tables] == [
            (name, changes[name]) for name in biggest
        ]


def test_queries_do_not_grow_with_databases_and_tables(
    django_assert_num_queries: DjangoAssertNumQueries,
):
    for number in (1, 9):
        instance = InstanceFactory()
        for name in range(number):
            owner = database(instance, f"d{name}", {START: 1, END: 2})
            for table in range(number):
                edge(owner, f"t{table}", table + 1, LONG_AGO, END)
        total(instance, number, 2 * number)
        with django_assert_num_queries(6):
            assert len(growth(instance, START, END).databases) == number
