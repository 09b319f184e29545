"""Forecasts and what ate it, as the API shows them."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from capacity.models import Forecast, SimulatedHistory
from tests.api.envelopes import invalid, page, success
from tests.factories import (
    DatabaseFactory,
    DatabaseSizeFactory,
    ForecastFactory,
    InstanceFactory,
    InstanceSizeFactory,
    TableSizeFactory,
)

PATH = "/api/v1/capacity/forecasts"
GROWTH = "/api/v1/capacity/growth"
NO_GRADES = {"graded": 0, "covered": 0, "coverage": None, "mean_error_percent": None}
DAY = date(2026, 3, 31)


def listed(forecast: Forecast, **fields: Any) -> dict[str, Any]:
    instance, database = forecast.instance, forecast.database
    return {
        "id": forecast.pk,
        "instance": {"id": instance.pk, "name": instance.name, "engine": "toy"},
        "database": database and {"id": database.pk, "name": database.name},
        "made_on": forecast.made_on.isoformat(),
        "status": "not_enough_data",
        "reason": "It was not measured lately.",
        "samples": 0,
        "window_start": None,
        "latest_bytes": None,
        "slope_bytes": None,
        "slope_low_bytes": None,
        "slope_high_bytes": None,
        "limit_bytes": None,
        "full_first_on": None,
        "full_on": None,
        "full_last_on": None,
        "due_on": None,
        "predicted_bytes": None,
        "low_bytes": None,
        "high_bytes": None,
        "actual_bytes": None,
        "error_bytes": None,
        "error_percent": None,
        "is_covered": None,
        "is_simulated": False,
        "grades": NO_GRADES,
        **fields,
    }


def shown(client: APIClient, **query: Any) -> list[int]:
    response = client.get(PATH, query)
    assert response.status_code == 200, response.json()
    return [item["id"] for item in response.json()["data"]["items"]]


def test_forecast_is_listed_with_the_grades_of_its_past(viewer: APIClient) -> None:
    database = DatabaseFactory()
    past = ForecastFactory(
        database=database,
        made_on=DAY - timedelta(days=28),
        status="growing",
        predicted_bytes=120,
        low_bytes=80,
        high_bytes=150,
        actual_bytes=100,
    )
    now = ForecastFactory(database=database, made_on=DAY)
    other = ForecastFactory(instance=database.instance, made_on=DAY)
    SimulatedHistory.objects.create(instance=database.instance, until=DAY)
    grades = {"graded": 1, "covered": 1, "coverage": 1.0, "mean_error_percent": 20.0}

    response = viewer.get(PATH, {"sort": "made_on"})

    assert response.json() == page(listed(now, grades=grades), listed(other))
    assert viewer.get(f"{PATH}/{past.pk}").json() == success(
        listed(
            past,
            status="growing",
            reason=None,
            predicted_bytes=120,
            low_bytes=80,
            high_bytes=150,
            actual_bytes=100,
            error_bytes=20,
            error_percent=20.0,
            is_covered=True,
            grades=grades,
        )
    )


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (0, "It was not measured lately."),
        (
            9,
            "It was measured on 9 days since 2026-03-31, when it was first measured or jumped; "
            "14 are needed.",
        ),
        (14, "It was not measured in the last days."),
    ],
)
def test_reason_says_why_there_is_not_enough_data(
    viewer: APIClient, samples: int, reason: str
) -> None:
    forecast = ForecastFactory(samples=samples, window_start=DAY)

    assert viewer.get(f"{PATH}/{forecast.pk}").json()["data"]["reason"] == reason


def test_forecast_from_invented_days_says_so(viewer: APIClient) -> None:
    forecast = ForecastFactory(window_start=DAY)
    SimulatedHistory.objects.create(instance=forecast.instance, until=DAY + timedelta(days=1))

    assert viewer.get(PATH).json()["data"]["items"][0]["is_simulated"] is True


def test_list_shows_the_newest_run_about_what_is_there(viewer: APIClient) -> None:
    whole = ForecastFactory(made_on=DAY)
    ForecastFactory(made_on=DAY, database=DatabaseFactory(removed=True))
    ForecastFactory(made_on=DAY, instance__deleted_at=timezone.now())
    older = ForecastFactory(made_on=DAY - timedelta(days=1), instance=whole.instance)

    assert shown(viewer) == [whole.pk]
    assert {whole.pk, older.pk} < set(shown(viewer, include_past="true"))


def test_list_is_filtered(viewer: APIClient) -> None:
    whole = ForecastFactory()
    part = ForecastFactory(
        database=DatabaseFactory(instance=whole.instance), status="growing", slope_bytes=1
    )
    other = ForecastFactory(instance__engine="mysql")

    assert shown(viewer, instance=whole.instance_id) == [part.pk, whole.pk]
    assert shown(viewer, database=part.database_id) == [part.pk]
    assert shown(viewer, engine="mysql") == [other.pk]
    assert shown(viewer, status="growing") == [part.pk]
    assert shown(viewer, level="database") == [part.pk]
    assert shown(viewer, level="instance") == [whole.pk, other.pk]
    assert viewer.get(PATH, {"level": "table"}).status_code == 400


def test_who_never_gets_full_comes_last_either_way(viewer: APIClient) -> None:
    never = ForecastFactory()
    late = ForecastFactory(full_on=DAY + timedelta(days=9))
    soon = ForecastFactory(full_on=DAY)

    assert shown(viewer) == [soon.pk, late.pk, never.pk]
    assert shown(viewer, sort="full_on") == [soon.pk, late.pk, never.pk]
    assert shown(viewer, sort="-full_on") == [late.pk, soon.pk, never.pk]


def test_list_takes_a_constant_number_of_queries(
    viewer: APIClient, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    viewer.get(PATH)
    for total in (2, 20):
        while Forecast.objects.count() < total:
            ForecastFactory(database=DatabaseFactory())
        with django_assert_num_queries(3):
            assert len(shown(viewer)) == total


def test_summary_counts_the_newest_run_and_grades_all(viewer: APIClient) -> None:
    assert viewer.get(f"{PATH}/summary").json() == success(
        {"made_on": None, "growing": 0, "not_growing": 0, "not_enough_data": 0, "grades": NO_GRADES}
    )
    ForecastFactory(made_on=DAY, status="growing")
    ForecastFactory(made_on=DAY)
    band = {"low_bytes": 1, "predicted_bytes": 2, "high_bytes": 3}
    ForecastFactory(made_on=DAY - timedelta(days=28), actual_bytes=4, **band)

    assert viewer.get(f"{PATH}/summary").json() == success(
        {
            "made_on": "2026-03-31",
            "growing": 1,
            "not_growing": 0,
            "not_enough_data": 1,
            "grades": {"graded": 1, "covered": 0, "coverage": 0.0, "mean_error_percent": 50.0},
        }
    )


def test_growth_is_explained(viewer: APIClient) -> None:
    database = DatabaseFactory()
    instance = database.instance
    for day, size in ((DAY - timedelta(days=30), 100), (DAY, 180)):
        DatabaseSizeFactory(database=database, measured_on=day, total_bytes=size)
        InstanceSizeFactory(instance=instance, measured_on=day, total_bytes=size)
    TableSizeFactory(database=database, name="still", valid_from=date(2026, 1, 1))
    TableSizeFactory(database=database, name="orders", valid_from=DAY, total_bytes=60)

    response = viewer.get(GROWTH, {"instance": instance.pk, "end": "2026-03-31"})

    orders = {"schema": "public", "name": "orders", "start_bytes": 0, "end_bytes": 60}
    sizes = {"start_bytes": 100, "end_bytes": 180, "growth_bytes": 80}
    assert response.json() == success(
        {
            "instance": {"id": instance.pk, "name": instance.name, "engine": "toy"},
            "start": "2026-03-01",
            "end": "2026-03-31",
            "start_measured_on": "2026-03-01",
            "end_measured_on": "2026-03-31",
            **sizes,
            "databases": [
                {
                    "id": database.pk,
                    "name": database.name,
                    "state": "present",
                    **sizes,
                    "share": 1.0,
                    "tables": [{**orders, "growth_bytes": 60, "share": 0.75}],
                    "tables_growth_bytes": 60,
                    "unexplained_bytes": 20,
                }
            ],
            "others": 0,
            "others_growth_bytes": 0,
            "unexplained_bytes": 0,
            "unmeasured": [],
            "is_simulated": False,
        }
    )


def test_growth_parameters_are_checked(viewer: APIClient) -> None:
    instance = InstanceFactory().pk

    missing = viewer.get(GROWTH)
    backwards = viewer.get(GROWTH, {"instance": instance, "start": DAY, "end": DAY})
    misspelt = viewer.get(GROWTH, {"instance": instance, "since": DAY})

    assert (missing.status_code, missing.json()) == (
        400,
        invalid(instance="This field is required."),
    )
    assert backwards.json() == invalid(start="It must be before the end.")
    assert misspelt.status_code == 400
