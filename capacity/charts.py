"""The numbers of the charts; the script of the console draws them, the tables beside say the same.

An abscissa is a day, counted from 1970-01-01. A period without a measurement is a hole in the
line, never a straight one across.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from django.db.models import OuterRef, Subquery
from django.utils.translation import gettext

from capacity.listing import DATABASES, Level, SizeRow, Timeframe, simulated_until
from capacity.models import Forecast, Period

# What is shown without dates, in days.
WINDOWS = {
    Period.DAILY: 90,
    Period.WEEKLY: 53 * 7,
    Period.MONTHLY: 25 * 31,
    Period.QUARTERLY: 13 * 92,
}
EPOCH = date(1970, 1, 1)
A_DAY = timedelta(days=1)


def charts(
    rows: Sequence[SizeRow], level: Level, span: Timeframe, *, today: date
) -> dict[str, Any]:
    """One line per row's owner: sizes and changes by period, its forecast, its limit.

    In four queries. ``series`` is empty where no owner has anything to draw.
    """
    keys = [row.owner.pk for row in rows]
    points = points_of(keys, level, windowed(span, today=today))
    forecasts = newest_forecasts(keys, level)
    until = simulated_until(row.instance.pk for row in rows)
    series = [
        {
            "name": name_of(row, level),
            "points": list(with_holes(points[row.owner.pk], until.get(row.instance.pk))),
            "forecast": band(forecasts.get(row.owner.pk)),
            "limit": limit_of(row, level, forecasts.get(row.owner.pk)),
        }
        for row in rows
        if points[row.owner.pk]
    ]
    simulated = [day_number(until[row.instance.pk]) for row in rows if row.instance.pk in until]
    return {"series": series, "simulated": max(simulated, default=None), "words": words()}


def words() -> dict[str, str]:
    """What the script says."""
    return {
        "partial": gettext("partial"),
        "simulated": gettext("simulated"),
        "forecast": gettext("forecast"),
        "limit": gettext("limit"),
        "above": gettext("above the chart"),
    }


def windowed(span: Timeframe, *, today: date) -> Timeframe:
    """``span`` with a beginning, so that a chart does not grow without end."""
    if span.start is not None:
        return span
    window = timedelta(days=WINDOWS[Period(span.period)])
    return replace(span, start=(span.end or today) - window)


def points_of(keys: Iterable[int], level: Level, span: Timeframe) -> dict[int, list[Any]]:
    """The aggregates of each owner in the order of time."""
    rows = level.aggregates._default_manager.filter(
        span.condition(), **{f"{level.name}__in": set(keys)}
    )
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows.order_by("period_start"):
        found[getattr(row, f"{level.name}_id")].append(row)
    return found


def with_holes(aggregates: Iterable[Any], until: date | None) -> Iterator[dict[str, Any]]:
    before = None
    for one in aggregates:
        if before is not None and one.period_start > before.period_end + A_DAY:
            yield {"x": day_number(before.period_end + A_DAY), "y": None}
        yield {
            "x": day_number(one.period_start),
            "y": one.avg_bytes,
            "to": day_number(one.period_end),
            "change": one.change_bytes,
            "percent": one.change_percent,
            "partial": one.is_partial,
            "simulated": bool(until and one.period_start < until),
        }
        before = one


def newest_forecasts(keys: Iterable[int], level: Level) -> dict[int, Forecast]:
    """Owner → the newest forecast about it."""
    whose = Forecast.objects.filter(**{level.name: OuterRef("pk")})
    if level is not DATABASES:
        whose = whose.filter(database=None)
    latest = Subquery(whose.order_by("-made_on").values("pk")[:1])
    owners = level.owners._default_manager.filter(pk__in=set(keys)).order_by()
    rows = Forecast.objects.filter(pk__in=owners.values(found=latest))
    return {getattr(one, f"{level.name}_id"): one for one in rows}


def band(forecast: Forecast | None) -> dict[str, Any] | None:
    """From the day of the forecast to the day that it is for; between them it is a line."""
    if forecast is None or forecast.due_on is None or forecast.latest_bytes is None:
        return None
    return {
        "from": day_number(forecast.made_on),
        "to": day_number(forecast.due_on),
        "latest": forecast.latest_bytes,
        "predicted": forecast.predicted_bytes,
        "low": forecast.low_bytes,
        "high": forecast.high_bytes,
    }


def limit_of(row: SizeRow, level: Level, forecast: Forecast | None) -> int | None:
    if level is not DATABASES:
        return row.limit_bytes
    return forecast.limit_bytes if forecast else None


def name_of(row: SizeRow, level: Level) -> str:
    return f"{row.instance.name} / {row.owner.name}" if level is DATABASES else row.owner.name


def day_number(day: date) -> int:
    return (day - EPOCH).days
