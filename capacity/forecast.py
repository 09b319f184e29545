"""Say where every instance and database is going, and grade what was said before."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
from django.db import transaction
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from capacity.models import DatabaseSize, Forecast, InstanceSize
from capacity.steps import Floats
from capacity.trend import FRESH_DAYS, HORIZON_DAYS, WINDOW_DAYS, Trends, trends
from instances.models import Database, Instance
from sync_sessions.fleet import launch_for_fleet, run_fleet_record, run_for_fleet
from sync_sessions.models import SyncRecord, SyncSession
from sync_sessions.outcomes import LeaseLost, Outcome
from sync_sessions.run import WRITE_LEASE

if TYPE_CHECKING:
    from whalefall.users.models import User

TASK = "capacity.tasks.forecast_for_record"
# Targets whose sizes are read with one statement.
BATCH = 500
BIGGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Target:
    """What a forecast is about: an instance, or one database of it; only the former has a limit."""

    instance: int
    database: int | None = None
    limit_bytes: int | None = None

    @property
    def key(self) -> int:
        return self.instance if self.database is None else self.database


def launch_forecast(*, trigger: str, requested_by: "User | None" = None) -> SyncSession:
    """Hand the forecast of the whole fleet to the workers."""
    category = SyncSession.Category.FORECAST
    return launch_for_fleet(category, TASK, trigger=trigger, requested_by=requested_by)


def forecast_now(*, trigger: str, requested_by: "User | None" = None) -> SyncSession:
    """Forecast the whole fleet in this process; the finished session.

    Must not be called inside a transaction. Raises AlreadyRunning.
    """
    category = SyncSession.Category.FORECAST
    return run_for_fleet(
        category, TASK, write_forecasts, trigger=trigger, requested_by=requested_by
    )


def run_forecast(session_id: UUID) -> None:
    """Run the record of a launched session."""
    run_fleet_record(session_id, write_forecasts)


def write_forecasts(record: SyncRecord) -> Outcome:
    """Make today's forecasts and grade those that are due, in one transaction at the end.

    So a run that is cut off leaves the former forecasts. Raises LeaseLost.
    """
    keep(record)
    today = timezone.localdate()
    forecasts = list(forecasts_of_fleet(today))
    with transaction.atomic(durable=True):
        keep(record)
        Forecast.objects.replace(forecasts, made_on=today)
        graded = Forecast.objects.grade(on=today)
    by_status = Counter(one.status for one in forecasts)
    counts = {status.value: by_status[status] for status in Forecast.Status}
    return Outcome({"forecasts": len(forecasts), **counts, "graded": graded})


def keep(record: SyncRecord) -> None:
    if not SyncRecord.objects.hold(record, lease_until=timezone.now() + WRITE_LEASE):
        raise LeaseLost("Another worker has taken this record over.")


def forecasts_of_fleet(today: date) -> Iterator[Forecast]:
    """Unsaved, of every active instance and every database that is there."""
    sizes: tuple[tuple[QuerySet[Any], str, list[Target]], ...] = (
        (InstanceSize.objects.all(), "instance", instance_targets()),
        (DatabaseSize.objects.all(), "database", database_targets()),
    )
    for rows, owner, targets in sizes:
        for start in range(0, len(targets), BATCH):
            yield from forecasts_of(rows, owner, targets[start : start + BATCH], today)


def instance_targets() -> list[Target]:
    newest = InstanceSize.objects.filter(instance=OuterRef("pk")).order_by("-measured_on")
    told = Subquery(newest.values("limit_bytes")[:1])
    limits = Instance.objects.active().order_by("pk")
    rows = limits.values_list("pk", Coalesce(F("storage_limit_bytes"), told))
    return [Target(instance, limit_bytes=limit) for instance, limit in rows]


def database_targets() -> list[Target]:
    there = Database.objects.present().filter(instance__in=Instance.objects.active())
    rows = there.order_by("pk").values_list("instance", "pk")
    return [Target(instance, database) for instance, database in rows]


def forecasts_of(
    rows: "QuerySet[Any]", owner: str, targets: Sequence[Target], today: date
) -> list[Forecast]:
    """``rows`` are sizes of the targets, which ``owner`` leads to."""
    first = today - timedelta(days=WINDOW_DAYS - 1)
    sizes, latest = read_sizes(rows, owner, [target.key for target in targets], first, today)
    found = trends(sizes)
    limits = np.array([np.nan if one.limit_bytes is None else one.limit_bytes for one in targets])
    said = predictions(found, limits.astype(float), today)
    return [
        Forecast(
            instance_id=target.instance,
            database_id=target.database,
            made_on=today,
            samples=int(found.samples[row]),
            window_start=first + timedelta(days=int(found.start[row])) if size else None,
            latest_bytes=size and size[1],
            limit_bytes=target.limit_bytes,
            **(said[row] | already_full(target, size, today)),
        )
        for row, target in enumerate(targets)
        for size in (latest.get(target.key),)
    ]


def read_sizes(
    rows: "QuerySet[Any]", owner: str, keys: Sequence[int], first: date, last: date
) -> tuple[Floats, dict[int, tuple[date, int]]]:
    """A row per key and a column per day, and the last measurement of each exactly."""
    found = rows.filter(**{f"{owner}__in": keys}, measured_on__range=(first, last))
    row_of = {key: row for row, key in enumerate(keys)}
    sizes: Floats = np.full((len(keys), (last - first).days + 1), np.nan)
    latest: dict[int, tuple[date, int]] = {}
    values = found.values_list(f"{owner}_id", "measured_on", "total_bytes")
    for key, day, size in values.iterator(chunk_size=10_000):
        sizes[row_of[key], (day - first).days] = size
        latest[key] = max((day, size), latest.get(key, (day, size)))
    return sizes, latest


def predictions(found: Trends, limits: Floats, today: date) -> list[dict[str, Any]]:
    """Per series the fields of its Forecast that the trend tells."""
    slopes = (found.slope, *found.slope_band())
    columns = zip(
        *(found.is_ready, found.is_growing(), zip(*slopes, strict=True)),
        *(zip(*found.at(HORIZON_DAYS), strict=True), zip(*found.full_after(limits), strict=True)),
        strict=True,
    )
    nothing = {"status": Forecast.Status.NOT_ENOUGH_DATA}
    return [
        prediction(today, slope, sizes, full, is_growing=bool(is_growing)) if is_ready else nothing
        for is_ready, is_growing, slope, sizes, full in columns
    ]


def prediction(
    today: date,
    slopes: tuple[float, float, float],
    sizes: tuple[float, float, float],
    full: tuple[float, float, float],
    *,
    is_growing: bool,
) -> dict[str, Any]:
    """``slopes`` and ``sizes``: the middle, the lower and the upper edge; ``full``: days."""
    status = Forecast.Status.GROWING if is_growing else Forecast.Status.NOT_GROWING
    slope, slope_low, slope_high = (whole(one, least=-BIGGEST) for one in slopes)
    predicted, low, high = (whole(one, least=0) for one in sizes)
    first, middle, last = (
        None if np.isnan(days) else today + timedelta(days=int(days)) for days in full
    )
    return {
        "status": status,
        "slope_bytes": slope,
        "slope_low_bytes": slope_low,
        "slope_high_bytes": slope_high,
        "due_on": today + timedelta(days=HORIZON_DAYS),
        "predicted_bytes": predicted,
        "low_bytes": low,
        "high_bytes": high,
        "full_first_on": first,
        "full_on": middle,
        "full_last_on": last,
    }


def already_full(target: Target, latest: tuple[date, int] | None, today: date) -> dict[str, date]:
    """Today for each day of being full, where the newest measurement is over the limit already."""
    if target.limit_bytes is None or latest is None or latest[1] < target.limit_bytes:
        return {}
    if latest[0] <= today - timedelta(days=FRESH_DAYS):
        return {}
    return dict.fromkeys(("full_first_on", "full_on", "full_last_on"), today)


def whole(number: float, *, least: int) -> int:
    """Rounded, within what a column holds."""
    return max(least, min(round(float(number)), BIGGEST))
