"""A trial's invented days come before what was measured, and go without a trace."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from capacity.aggregate import Aggregation, aggregate_now
from capacity.forecast import forecast_now
from capacity.models import (
    DatabaseAggregate,
    DatabaseSize,
    Forecast,
    InstanceAggregate,
    InstanceSize,
    SimulatedHistory,
    StalePeriod,
)
from capacity.simulated import DAYS, simulate_history
from tests.factories import DatabaseFactory, DatabaseSizeFactory, InstanceSizeFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


def rows() -> dict[str, list[dict[str, Any]]]:
    """Every size and aggregate; a key and the moment of computing it say nothing."""
    models = (DatabaseSize, InstanceSize, DatabaseAggregate, InstanceAggregate)
    return {
        model.__name__: sorted(
            ({k: v for k, v in row.items() if k not in {"id", "computed_at"}} for row in found),
            key=str,
        )
        for model in models
        for found in [model._default_manager.values()]
    }


def test_invented_days_are_labelled_and_go_without_a_trace():
    now = timezone.now()
    today = timezone.localdate(now)
    database = DatabaseFactory(name="shop")
    DatabaseSizeFactory(database=database, measured_on=today, total_bytes=10**9)
    InstanceSizeFactory(instance=database.instance, measured_on=today, total_bytes=10**9)
    StalePeriod.objects.mark(database.instance_id, [today], at=now)
    aggregate_now(Aggregation(), trigger="command")
    before = rows()

    invented = simulate_history(database.instance, at=now)
    again = simulate_history(database.instance, at=now)
    aggregate_now(Aggregation(), trigger="command")
    forecast_now(trigger="command")

    assert (invented, again) == (DAYS, 0)
    assert SimulatedHistory.objects.get().until == today
    assert InstanceSize.objects.filter(measured_on__lt=today).count() == DAYS
    assert Forecast.objects.count() == 2

    out = StringIO()
    call_command("remove_simulated_history", stdout=out)

    assert rows() == before
    assert out.getvalue().strip() == f"{2 * DAYS} simulated sizes removed."
    assert not SimulatedHistory.objects.exists()
    assert not Forecast.objects.exists()
