"""Forecasts of a fleet: what is stored, and how it is graded."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.forms.models import model_to_dict
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from capacity.forecast import BATCH, forecast_now, forecasts_of_fleet, launch_forecast
from capacity.models import DatabaseSize, Forecast, InstanceSize, SimulatedHistory
from capacity.tasks import forecast_for_record
from instances.models import Database, Instance
from sync_sessions.models import SyncRecord, SyncSession
from tests.factories import (
    DatabaseFactory,
    DatabaseSizeFactory,
    ForecastFactory,
    InstanceFactory,
    InstanceSizeFactory,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

GB = 10**9


@pytest.fixture
def today() -> date:
    return timezone.localdate()


def measured(database: Database, sizes: Iterable[int], *, until: date) -> None:
    """One size a day, the last on ``until``."""
    listed = list(sizes)
    first = until - timedelta(days=len(listed) - 1)
    moment = timezone.now()
    DatabaseSize.objects.record(
        DatabaseSize(
            database=database,
            measured_on=first + timedelta(days=day),
            measured_at=moment,
            total_bytes=size,
        )
        for day, size in enumerate(listed)
    )


def measured_instance(
    instance: Instance, sizes: Iterable[int], *, until: date, **more: Any
) -> None:
    listed = list(sizes)
    for day, size in enumerate(listed):
        InstanceSizeFactory(
            instance=instance,
            measured_on=until - timedelta(days=len(listed) - 1 - day),
            total_bytes=size,
            **more,
        )


def run() -> SyncRecord:
    return forecast_now(trigger="command").records.get()


def graded(forecast: Forecast) -> int | None:
    forecast.refresh_from_db()
    return forecast.actual_bytes


def test_forecast_of_a_steady_instance_and_its_new_database(instance, today):
    instance.storage_limit_bytes = 199 * GB + GB // 2
    instance.save()
    sizes = [100 * GB + GB * day for day in range(60)]
    measured_instance(instance, sizes, until=today, limit_bytes=7)
    database = DatabaseFactory(instance=instance)
    measured(database, [GB] * 13, until=today)

    record = run()

    assert (record.status, record.counts) == (
        "completed",
        {"forecasts": 2, "growing": 1, "not_growing": 0, "not_enough_data": 1, "graded": 0},
    )
    whole, young = Forecast.objects.get(database=None), Forecast.objects.get(database=database)
    full = today + timedelta(days=41)
    assert model_to_dict(whole, exclude=["id"]) == {
        "instance": instance.pk,
        "database": None,
        "made_on": today,
        "status": "growing",
        "samples": 60,
        "window_start": today - timedelta(days=59),
        "latest_bytes": 159 * GB,
        "slope_bytes": pytest.approx(GB, rel=1e-4),
        "slope_low_bytes": pytest.approx(GB, rel=1e-4),
        "slope_high_bytes": pytest.approx(GB, rel=1e-4),
        "limit_bytes": 199 * GB + GB // 2,
        "full_first_on": full,
        "full_on": full,
        "full_last_on": full,
        "due_on": today + timedelta(days=28),
        "predicted_bytes": pytest.approx(187 * GB, rel=1e-4),
        "low_bytes": pytest.approx(187 * GB, rel=1e-4),
        "high_bytes": pytest.approx(187 * GB, rel=1e-4),
        "actual_bytes": None,
    }
    unknown = {
        field.name: None
        for field in Forecast._meta.fields
        if field.null and field.name not in {"database", "window_start", "latest_bytes"}
    }
    assert model_to_dict(young, exclude=["id"]) == {
        **unknown,
        "instance": instance.pk,
        "database": database.pk,
        "made_on": today,
        "status": "not_enough_data",
        "samples": 13,
        "window_start": today - timedelta(days=12),
        "latest_bytes": GB,
    }


def test_limit_that_the_server_tells_counts_where_none_was_set(instance, today):
    measured_instance(instance, [100 * GB] * 3, until=today - timedelta(days=1), limit_bytes=1)
    InstanceSizeFactory(instance=instance, limit_bytes=500 * GB)
    unlimited = InstanceFactory()

    run()

    limits = dict(Forecast.objects.values_list("instance", "limit_bytes"))
    assert limits == {instance.pk: 500 * GB, unlimited.pk: None}


@pytest.mark.parametrize("days", [3, 30])
def test_who_is_over_the_limit_is_full_today(instance, today, days):
    measured_instance(instance, [100 * GB] * days, until=today, limit_bytes=100 * GB)

    run()

    forecast = Forecast.objects.get()
    assert {forecast.full_first_on, forecast.full_on, forecast.full_last_on} == {today}


def test_old_measurement_over_the_limit_is_not_full_today(instance, today):
    until = today - timedelta(days=7)
    measured_instance(instance, [100 * GB] * 30, until=until, limit_bytes=100 * GB)

    run()

    forecast = Forecast.objects.get()
    assert (forecast.status, forecast.full_on) == ("not_enough_data", None)


def test_purged_database_is_never_full_in_the_past(instance, today):
    noise = np.random.default_rng(1).normal(0, GB / 10, 120)
    sizes = [int(900 * GB + GB * day + noise[day]) for day in range(120)]
    sizes[60:] = [size - 700 * GB for size in sizes[60:]]
    measured_instance(instance, sizes, until=today, limit_bytes=1000 * GB)

    run()

    forecast = Forecast.objects.get()
    assert forecast.window_start == today - timedelta(days=59)
    dates = [forecast.full_first_on, forecast.full_on, forecast.full_last_on]
    known = [today, *(day for day in dates if day)]
    assert len(known) == 4
    assert known == sorted(known)
    assert known[1] > today


def test_only_what_is_there_is_forecast(today):
    DatabaseFactory(removed=True, instance__is_active=True)
    DatabaseFactory(instance__is_active=False)
    DatabaseFactory(instance__deleted_at=timezone.now())
    there = DatabaseFactory()

    run()

    about = set(Forecast.objects.values_list("instance__name", "database"))
    removed = Database.objects.exclude(removed_at=None).get().instance
    assert about == {
        (there.instance.name, None),
        (there.instance.name, there.pk),
        (removed.name, None),
    }


def test_second_run_of_a_day_replaces_the_first(instance, today):
    yesterday = ForecastFactory(instance=instance, made_on=today - timedelta(days=1))
    run()
    measured_instance(instance, [GB] * 20, until=today)

    run()

    assert list(Forecast.objects.order_by("made_on").values_list("made_on", "samples")) == [
        (yesterday.made_on, 0),
        (today, 20),
    ]


def test_statements_do_not_grow_with_the_fleet(
    today: date, django_assert_num_queries: DjangoAssertNumQueries
):
    for total in (1, 8):
        while Database.objects.count() < total:
            measured(DatabaseFactory(), [GB] * 15, until=today)
        assert total < BATCH
        with django_assert_num_queries(4):
            assert len(list(forecasts_of_fleet(today))) == 2 * total


# --- grades -----------------------------------------------------------------------------------


def due(today: date, days: int, **fields: Any) -> Forecast:
    """A forecast that was due ``days`` ago."""
    made_on = today - timedelta(days=28 + days)
    how = {"status": "growing", "predicted_bytes": 100, "low_bytes": 90, "high_bytes": 110}
    return ForecastFactory(
        made_on=made_on,
        due_on=today - timedelta(days=days),
        window_start=made_on - timedelta(days=50),
        **{**how, **fields},
    )


def test_forecast_is_graded_by_the_measurement_of_its_day(today):
    database = DatabaseFactory()
    right = due(today, 3, database=database)
    unmeasured = due(today, 4, database=database)
    future = due(today, -1, database=database)
    already = due(today, 5, database=database, actual_bytes=1)
    whole = due(today, 3, instance=database.instance)
    for days, size in ((5, 400), (3, 105), (-1, 9)):
        DatabaseSizeFactory(
            database=database, measured_on=today - timedelta(days=days), total_bytes=size
        )
    for days in (3, 31):
        InstanceSizeFactory(
            instance=database.instance, measured_on=today - timedelta(days=days), total_bytes=200
        )

    record = run()

    forecasts = (right, unmeasured, future, already, whole)
    assert [graded(one) for one in forecasts] == [105, None, None, 1, 200]
    assert record.counts["graded"] == 2
    assert Forecast.objects.grades() == {
        "graded": 3,
        "covered": 1,
        "coverage": 1 / 3,
        "mean_error_percent": pytest.approx((5 / 105 + 99 / 1 + 100 / 200) / 3 * 100),
    }
    nobody = Forecast.objects.filter(pk=future.pk).grades()
    assert nobody == {
        "graded": 0, "covered": 0, "coverage": None, "mean_error_percent": None
    }  # fmt: skip
    assert Forecast.objects.grades_by_target() == {
        (database.instance_id, database.pk): {
            "graded": 2,
            "covered": 1,
            "coverage": 0.5,
            "mean_error_percent": pytest.approx((5 / 105 + 99) / 2 * 100),
        },
        (database.instance_id, None): {
            "graded": 1,
            "covered": 0,
            "coverage": 0.0,
            "mean_error_percent": 50,
        },
    }


def test_grade_follows_the_last_measurement_of_its_day(today):
    forecast = due(today, 0, database=DatabaseFactory())
    size = DatabaseSizeFactory(database=forecast.database, total_bytes=100)
    run()
    assert graded(forecast) == 100
    size.total_bytes = 103
    DatabaseSize.objects.record([size])

    run()

    assert graded(forecast) == 103


def test_empty_outcome_has_no_error_in_percent(today):
    database = DatabaseFactory()
    due(today, 3, database=database, actual_bytes=0)

    assert Forecast.objects.grades()["mean_error_percent"] is None


@pytest.mark.parametrize(
    ("missed_then", "missed_now", "expected"), [(0, 1, None), (1, 1, 100), (2, 1, 100)]
)
def test_instance_total_that_misses_more_than_before_grades_nothing(
    instance, today, missed_then, missed_now, expected
):
    forecast = due(today, 2, instance=instance)
    for day, missed in ((forecast.made_on, missed_then), (forecast.due_on, missed_now)):
        InstanceSizeFactory(
            instance=instance, measured_on=day, total_bytes=100, unmeasured_count=missed
        )

    run()

    assert graded(forecast) == expected


def test_what_was_made_from_invented_days_is_labelled_and_never_graded(today):
    database = DatabaseFactory()
    real = due(today, 3, database=database)
    invented = due(today, 4, database=database)
    assert real.window_start
    SimulatedHistory.objects.create(instance=database.instance, until=real.window_start)
    for days in (3, 4):
        DatabaseSizeFactory(database=database, measured_on=today - timedelta(days=days))

    run()

    assert (graded(real), graded(invented)) == (1000, None)
    told: Any = Forecast.objects.with_origin()
    assert [told.get(pk=one.pk).is_simulated for one in (real, invented)] == [False, True]
    Forecast.objects.forget_simulated([database.instance_id])
    assert not Forecast.objects.filter(pk=invented.pk).exists()
    assert Forecast.objects.filter(pk=real.pk).exists()


# --- edges ------------------------------------------------------------------------------------


def test_workers_run_what_was_launched(instance):
    session = launch_forecast(trigger="schedule")

    forecast_for_record(str(session.pk), 0, 0)

    record = session.records.get()
    assert (record.status, record.instance, record.category) == ("completed", None, "forecast")
    assert Forecast.objects.count() == 1


def test_run_that_lost_its_record_leaves_the_former_forecasts(instance, monkeypatch, today):
    former = ForecastFactory(instance=instance)
    monkeypatch.setattr(
        "capacity.forecast.forecasts_of_fleet",
        lambda _today: SyncRecord.objects.update(attempt=9) and [],
    )

    with pytest.raises(Exception, match="taken this record over"):
        run()

    assert Forecast.objects.get() == former


def test_command_prints_the_run(instance, capsys):
    call_command("forecast_capacity")
    assert "1 forecasts, 0 growing, 0 not growing, 1 not enough data" in capsys.readouterr().out

    call_command("forecast_capacity", "--json")
    assert '"status": "completed"' in capsys.readouterr().out

    call_command("forecast_capacity", "--queue")
    session = SyncSession.objects.get(status="pending")
    assert f"Queued session {session.pk}." in capsys.readouterr().out


def test_days_without_a_measurement_are_unknown_not_zero(instance, today):
    measured_instance(instance, [100 * GB + GB * day for day in range(60)], until=today)
    InstanceSize.objects.filter(measured_on__week_day__in=[1, 7]).delete()

    run()

    forecast = Forecast.objects.get()
    assert forecast.status == "growing"
    assert forecast.predicted_bytes == pytest.approx(187 * GB, rel=1e-3)
