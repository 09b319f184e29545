"""Invented history for a trial's charts: labelled as such, and removed by one command."""

import math
import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from django.db.models import Sum

from capacity.models import (
    DatabaseAggregate,
    DatabaseSize,
    Forecast,
    InstanceAggregate,
    InstanceSize,
    SimulatedHistory,
    StalePeriod,
)
from instances.models import Database, Instance

DAYS = 120
SHAPES = ("steady", "weekly", "purged", "loaded")


def simulate_history(instance: Instance, *, at: datetime) -> int:
    """Invent the sizes of the 120 days before the first measured one; how many were invented.

    They end in what was measured then. Nothing, where nothing was measured or it was done before.
    Call inside a transaction, then aggregate.
    """
    first = InstanceSize.objects.filter(instance=instance).order_by("measured_on").first()
    if first is None or SimulatedHistory.objects.filter(instance=instance).exists():
        return 0
    measured = DatabaseSize.objects.filter(
        database__instance=instance, measured_on=first.measured_on
    ).select_related("database")
    rows = [
        DatabaseSize(database=size.database, measured_on=day, measured_at=at, total_bytes=total)
        for size in measured
        for day, total in invented(size.database, first.measured_on, size.total_bytes)
    ]
    DatabaseSize.objects.record(rows)
    ours = DatabaseSize.objects.filter(
        database__instance=instance, measured_on__lt=first.measured_on
    )
    for day, total in ours.values_list("measured_on").annotate(Sum("total_bytes")):
        InstanceSize.objects.record(
            InstanceSize(
                instance=instance,
                measured_on=day,
                measured_at=at,
                total_bytes=total,
                database_count=len(measured),
                unmeasured_count=0,
            )
        )
    SimulatedHistory.objects.begin(instance, until=first.measured_on)
    StalePeriod.objects.mark(instance.pk, {row.measured_on for row in rows}, at=at)
    return len(rows)


def invented(database: Database, until: date, final: int) -> Iterator[tuple[date, int]]:
    """A believable past of a database that ends in ``final`` bytes, the same at each call."""
    shape = SHAPES[0] if database.is_system else SHAPES[sum(database.name.encode()) % len(SHAPES)]
    dice = random.Random(database.name)  # noqa: S311 -- a picture, no secret
    event = dice.randrange(40, 80)
    share = dice.uniform(0.25, 0.6)
    for back in range(DAYS, 0, -1):
        day = until - timedelta(days=back)
        size = final * (1 - share * back / DAYS)
        if shape == "weekly":
            size += 0.02 * final * math.sin(day.weekday() * math.tau / 7)
        elif shape == "purged" and back > event:
            size += 0.3 * final
        elif shape == "loaded" and back > event:
            size *= 0.6
        noise = 0.0 if database.is_system else dice.gauss(0, 0.004)
        yield day, max(0, round(size * (1 + noise)))


def remove_simulated_history(*, at: datetime) -> int:
    """Forget everything invented and what was computed from it; how many days of sizes.

    Call inside a transaction, then aggregate: the periods that are partly real are stale.
    """
    removed = 0
    histories = list(SimulatedHistory.objects.select_related("instance"))
    Forecast.objects.forget_simulated([history.instance_id for history in histories])
    for history in histories:
        instance, until = history.instance_id, history.until
        removed += InstanceSize.objects.filter(instance=instance).forget(before=until)
        sizes = DatabaseSize.objects.filter(database__instance=instance)
        removed += sizes.forget(before=until)
        InstanceAggregate.objects.filter(instance=instance).forget(before=until)
        DatabaseAggregate.objects.filter(database__instance=instance).forget(before=until)
        StalePeriod.objects.mark(instance, real_days(history), at=at)
    SimulatedHistory.objects.forget()
    return removed


def real_days(history: SimulatedHistory) -> list[date]:
    """The measured days that may share a period with invented ones."""
    days = InstanceSize.objects.filter(
        instance=history.instance_id,
        measured_on__range=(history.until, history.until + timedelta(days=92)),
    )
    return list(days.values_list("measured_on", flat=True))
