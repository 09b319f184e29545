"""Lists and summaries of sizes: what is unknown is NULL, and nobody measured once is lost."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from unittest.mock import ANY

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from capacity.listing import DATABASES, Timeframe, every, newest_of
from capacity.models import DatabaseAggregate, SimulatedHistory
from instances.models import Database, Instance
from tests.api.envelopes import invalid, page, success
from tests.factories import (
    DatabaseAggregateFactory,
    DatabaseFactory,
    DatabaseSizeFactory,
    InstanceAggregateFactory,
    InstanceFactory,
    InstanceSizeFactory,
    SectionFactory,
    TableSizeFactory,
    TagFactory,
)

TODAY = timezone.localdate()
NUMBERS = ("avg_bytes", "min_bytes", "max_bytes", "first_bytes", "last_bytes")
OF_AGGREGATE = (
    *("period", "period_start", "period_end", "is_partial", "samples", "expected_samples"),
    *NUMBERS,
    *("previous_avg_bytes", "change_bytes", "change_percent", "computed_at"),
)


def day(back: int) -> date:
    return TODAY - timedelta(days=back)


def instance_of(instance: Instance) -> dict[str, Any]:
    return {"id": instance.pk, "name": instance.name, "engine": instance.engine}


def row(database: Database, size: int | None, back: int = 0, **fields: Any) -> dict[str, Any]:
    """A database measured once on the day ``back`` days ago; ``size`` None: never."""
    when = day(back).isoformat()
    measured: dict[str, Any] = dict.fromkeys(OF_AGGREGATE)
    if size is not None:
        measured |= dict.fromkeys(NUMBERS, size) | {
            "period": "daily",
            "period_start": when,
            "period_end": when,
            "is_partial": False,
            "samples": 1,
            "expected_samples": 1,
            "computed_at": ANY,
        }
    return {
        "instance": instance_of(database.instance),
        "database": {
            "id": database.pk,
            "name": database.name,
            "is_system": False,
            "removed_at": None,
        },
        "measured_on": None if size is None else when,
        "is_simulated": False,
        **measured,
        **fields,
    }


def measured(name: str, *sizes: tuple[int, int], **fields: Any) -> Database:
    """A database with daily sizes: ``(days ago, bytes)``."""
    database: Database = DatabaseFactory(name=name, **fields)
    for back, size in sizes:
        DatabaseSizeFactory(database=database, measured_on=day(back), total_bytes=size)
        DatabaseAggregateFactory(database=database, period_start=day(back), avg_bytes=size)
    return database


def names(client: APIClient, address: str) -> list[str]:
    answer = client.get(f"/api/v1/capacity/{address}").json()
    level = "instance" if address.startswith("instances") else "database"
    return [one[level]["name"] for one in answer["data"]["items"]]


@pytest.mark.both_databases
def test_every_database_is_listed_with_its_newest_day(viewer: APIClient) -> None:
    fresh = measured("a-fresh", (1, 100), (0, 110))
    late = measured("b-late", (40, 70), (30, 80))
    never = measured("c-never")
    measured("d-gone", (0, 5), removed=True)
    measured("e-binned", (0, 5), instance__deleted_at=timezone.now())

    answer = viewer.get("/api/v1/capacity/databases").json()

    assert answer == page(row(fresh, 110), row(late, 80, 30), row(never, None))


@pytest.mark.both_databases
def test_dates_list_every_period_and_what_is_gone_since(viewer: APIClient) -> None:
    kept = measured("kept", (3, 1), (2, 2), (1, 3))
    gone = measured("gone", (2, 9), removed=True)
    measured("binned", (2, 5), instance__deleted_at=timezone.now())

    answer = viewer.get(f"/api/v1/capacity/databases?start={day(3)}&end={day(2)}&sort=-avg_bytes")

    removed_at = gone.removed_at.isoformat().replace("+00:00", "Z") if gone.removed_at else ""
    there = row(gone, 9, 2)
    there["database"]["removed_at"] = removed_at
    newest = day(1).isoformat()
    assert answer.json() == page(
        there,
        row(kept, 2, 2, measured_on=newest),
        row(kept, 1, 3, measured_on=newest),
    )


def test_a_period_that_touches_the_dates_is_listed(viewer: APIClient) -> None:
    for start in (date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)):
        end = (start + timedelta(days=32)).replace(day=1) - timedelta(days=1)
        DatabaseAggregateFactory(
            period="monthly", period_start=start, period_end=end, database__name=f"{start:%b}"
        )

    found = names(viewer, "databases?period=monthly&start=2026-01-20&end=2026-02-01&sort=name")

    assert found == ["Feb", "Jan"]


def test_filters_narrow(viewer: APIClient) -> None:
    tag = TagFactory(name="shop")
    one = InstanceFactory(name="one", engine="postgresql")
    two = InstanceFactory(name="two", engine="mysql")
    one.tags.add(tag, TagFactory(name="prod"))
    first = measured("first", (0, 1), instance=one)
    measured("second", (0, 2), instance=two)
    InstanceAggregateFactory(instance=one)

    for query in (f"instance={one.pk}", "engine=postgresql", "tag=shop,prod", "search=firs"):
        assert names(viewer, f"databases?{query}") == ["first"]
        assert names(viewer, f"databases?{query}&start={TODAY}") == ["first"]
    assert names(viewer, f"databases?database={first.pk}&start={TODAY}") == ["first"]
    assert names(viewer, "databases?search=two") == ["second"]
    for query in (f"instance={one.pk}", "engine=postgresql", "tag=shop,prod", "search=on"):
        assert names(viewer, f"instances?{query}") == ["one"]
    assert names(viewer, f"instances?database={first.pk}") == ["one"]


@pytest.mark.both_databases
def test_what_is_unknown_is_neither_the_biggest_nor_the_smallest(viewer: APIClient) -> None:
    for name, change in (("up", 5), ("down", -5), ("new", None)):
        DatabaseAggregateFactory(database__name=name, change_bytes=change)
    measured("never")

    for dates in ("", f"&start={TODAY}"):
        unknown = {"new"} if dates else {"new", "never"}
        for sort, known in (("change_bytes", ["down", "up"]), ("-change_bytes", ["up", "down"])):
            found = names(viewer, f"databases?sort={sort}{dates}")
            assert found[:2] == known
            assert set(found[2:]) == unknown


@pytest.mark.both_databases
@pytest.mark.django_db
def test_newest_is_what_a_loop_over_everything_finds() -> None:
    dice = Random(4)
    databases = [DatabaseFactory() for _ in range(12)]
    for database in databases:
        for back in dice.sample(range(60), dice.randrange(12)):
            change = dice.choice([None, 3])
            DatabaseAggregateFactory(database=database, period_start=day(back), change_bytes=change)
            if dice.random() < 0.3:
                DatabaseAggregateFactory(database=database, period="weekly", period_start=day(back))
    frame = Timeframe("daily", day(50), day(5))

    for whole in (False, True):
        expected = set()
        for database in databases:
            fitting = [
                one
                for one in DatabaseAggregate.objects.filter(database=database, period="daily")
                if day(50) <= one.period_start <= day(5)
                and not (whole and one.change_bytes is None)
            ]
            expected |= {max(fitting, key=lambda one: one.period_start).pk} if fitting else set()
        found = newest_of(every(DATABASES), DATABASES, frame, whole=whole)
        assert set(found.values_list("pk", flat=True)) == expected


def test_an_instance_says_how_sure_its_size_is(viewer: APIClient) -> None:
    instance = InstanceFactory(name="shaky", storage_limit_bytes=None)
    InstanceAggregateFactory(
        instance=instance, period="weekly", period_start=day(6), period_end=TODAY, samples=2
    )
    InstanceSizeFactory(instance=instance, measured_on=day(2), is_suspect=True, limit_bytes=900)
    InstanceSizeFactory(
        instance=instance, measured_on=day(1), database_count=7, unmeasured_count=3, limit_bytes=950
    )
    SimulatedHistory.objects.create(instance=instance, until=day(5))

    answer = viewer.get("/api/v1/capacity/instances?period=weekly").json()

    assert answer == page(
        {
            "instance": instance_of(instance),
            "measured_on": day(1).isoformat(),
            "is_simulated": True,
            "period": "weekly",
            "period_start": day(6).isoformat(),
            "period_end": TODAY.isoformat(),
            "is_partial": False,
            "samples": 2,
            "expected_samples": 2,
            **dict.fromkeys(NUMBERS, 1000),
            "previous_avg_bytes": None,
            "change_bytes": None,
            "change_percent": None,
            "computed_at": ANY,
            "limit_bytes": 950,
            "database_count": 7,
            "unmeasured_count": 3,
            "is_suspect": True,
        }
    )


def test_a_limit_set_by_hand_goes_before_the_server_s(viewer: APIClient) -> None:
    instance = InstanceFactory(storage_limit_bytes=5)
    InstanceSizeFactory(instance=instance, limit_bytes=900)

    (item,) = viewer.get("/api/v1/capacity/instances").json()["data"]["items"]

    assert (item["limit_bytes"], item["is_suspect"]) == (5, None)


@pytest.mark.both_databases
def test_summary_counts_what_it_does_not_know(viewer: APIClient) -> None:
    instance = InstanceFactory()
    grown = measured("grown", (1, 100), instance=instance)
    compared: dict[str, Any] = {
        "change_bytes": 50,
        "previous_avg_bytes": 100,
        "change_percent": 50.0,
    }
    DatabaseAggregateFactory(database=grown, period_start=TODAY, avg_bytes=150, **compared)
    DatabaseSizeFactory(database=grown, total_bytes=150)
    shrunk = measured("shrunk", instance=instance)
    less: dict[str, Any] = {"change_bytes": -10, "previous_avg_bytes": 100, "change_percent": -10.0}
    DatabaseAggregateFactory(database=shrunk, period_start=day(9), avg_bytes=90, **less)
    measured("never", instance=instance)
    measured("gone", (0, 7), removed=True)
    InstanceSizeFactory(instance=instance, measured_on=day(1))
    InstanceSizeFactory(instance=instance, is_suspect=True)

    answer = viewer.get("/api/v1/capacity/databases/summary").json()

    assert answer == success(
        {
            "count": 3,
            "measured": 2,
            "stale": 1,
            "unmeasured": 1,
            "suspect": 1,
            "compared": 2,
            "is_complete": False,
            "total_bytes": 240,
            "change_bytes": 40,
            "change_percent": 20.0,
            "biggest": [row(grown, 150, **compared), row(shrunk, 90, 9, **less)],
            "fastest_growing": [row(grown, 150, **compared)],
        }
    )


def test_summary_of_nothing_is_unknown_not_zero(viewer: APIClient) -> None:
    measured("never")

    data = viewer.get("/api/v1/capacity/databases/summary").json()["data"]

    assert (data["total_bytes"], data["change_bytes"], data["change_percent"]) == (None,) * 3


def test_growth_is_of_the_newest_whole_period(viewer: APIClient) -> None:
    database = DatabaseFactory()
    InstanceAggregateFactory(
        instance=database.instance,
        period="weekly",
        period_start=day(9),
        change_bytes=5,
        previous_avg_bytes=50,
    )
    InstanceAggregateFactory(
        instance=database.instance, period="weekly", period_start=day(2), is_partial=True
    )

    data = viewer.get("/api/v1/capacity/instances/summary?period=weekly").json()["data"]

    assert (data["total_bytes"], data["change_bytes"], data["change_percent"]) == (1000, 5, 10.0)


def test_tables_are_those_that_are_there_the_biggest_first(viewer: APIClient) -> None:
    database = DatabaseFactory(name="shop")
    read_at = datetime(2026, 1, 4, tzinfo=UTC)
    SectionFactory(
        instance=database.instance,
        category="tables",
        name="tables",
        database="shop",
        read_at=read_at,
    )
    small = TableSizeFactory(database=database, name="small", total_bytes=1, estimated_rows=4)
    TableSizeFactory(name="big", total_bytes=9)
    TableSizeFactory(database=database, name="dropped", valid_to=TODAY)
    TableSizeFactory(database__removed=True, name="without-database")

    def found(query: str) -> list[str]:
        answer = viewer.get(f"/api/v1/capacity/tables?{query}").json()
        return [one["name"] for one in answer["data"]["items"]]

    assert found("") == ["big", "small"]
    assert found("history=true&sort=name") == ["big", "dropped", "small", "without-database"]
    assert found(f"instance={database.instance_id}") == ["small"]
    assert found("search=SMA&schema=public") == ["small"]
    assert viewer.get(f"/api/v1/capacity/tables?database={database.pk}").json() == page(
        {
            "id": small.pk,
            "instance": instance_of(database.instance),
            "database": row(database, None)["database"],
            "schema": "public",
            "name": "small",
            "total_bytes": 1,
            "data_bytes": None,
            "index_bytes": None,
            "estimated_rows": 4,
            "valid_from": TODAY.isoformat(),
            "valid_to": None,
            "read_at": "2026-01-04T00:00:00Z",
        }
    )


@pytest.mark.parametrize("path", ["databases", "databases/summary", "instances/summary"])
def test_what_is_asked_wrongly_is_refused(viewer: APIClient, path: str) -> None:
    address = f"/api/v1/capacity/{path}"

    backwards = viewer.get(f"{address}?start=2026-02-01&end=2026-01-01")
    misspelt = viewer.get(f"{address}?perid=daily")

    assert (backwards.status_code, backwards.json()) == (
        400,
        invalid(end="It is before the start."),
    )
    assert misspelt.status_code == 400
    assert list(misspelt.json()["extra"]["fields"]) == ["perid"]


def more_databases() -> None:
    database = measured(f"database-{Database.objects.count()}", (1, 1), (0, 2))
    TableSizeFactory(database=database)
    InstanceAggregateFactory(instance=database.instance)
    InstanceSizeFactory(instance=database.instance)


# path → the queries of a list of any length
QUERIES = {
    "databases": 5,
    f"databases?start={day(400)}": 6,
    "databases/summary": 10,
    "instances": 5,
    "instances/summary": 10,
    "tables": 2,
}


@pytest.mark.parametrize("path", QUERIES)
def test_lists_take_a_constant_number_of_queries(
    client_of: Callable[[str], APIClient],
    django_assert_num_queries: DjangoAssertNumQueries,
    path: str,
) -> None:
    client = client_of("viewer")
    client.get("/api/v1/capacity/tables")
    for total in (2, 20):
        while Database.objects.count() < total:
            more_databases()
        with django_assert_num_queries(QUERIES[path]):
            assert client.get(f"/api/v1/capacity/{path}").status_code == 200
