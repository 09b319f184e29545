"""What the capacity pages show, read for a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.core.paginator import Page
from django.db.models import F, QuerySet, Window
from django.db.models.functions import Lag
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from capacity.charts import charts, newest_forecasts
from capacity.filters import OwnerFilter
from capacity.growth import growth
from capacity.listing import (
    DATABASES,
    Level,
    SizeRow,
    Timeframe,
    detailed,
    every,
    newest_of,
    open_tables,
    ordered,
    present,
    simulated_until,
    size_rows,
)
from capacity.models import Forecast, Period, TableSize
from capacity.summary import summarize
from instances.models import Instance, Section
from whalefall.core.display import page_of

SHOWN = 8
ROWS = 50
# What "what ate it" looks back on.
LATELY = timedelta(days=30)
CATEGORIES = ("capacity", "tables")


@dataclass(frozen=True, slots=True)
class Some:
    """The first of a list, and how many there are in all."""

    rows: Sequence[Any]
    total: int

    @property
    def more(self) -> int:
        return self.total - len(self.rows)


@dataclass(frozen=True, slots=True)
class Grade:
    """A forecast beside what happened; all NULL while it is not due, or was not measured then."""

    forecast: Forecast
    error_percent: float | None
    is_inside: bool | None


@dataclass(frozen=True, slots=True)
class Column:
    """A heading that sorts: ``address`` by it, or the other way round if it does already."""

    title: Any
    address: str
    arrow: str = ""


# What a list can be sorted by, and how it begins.
COLUMNS = (
    ("name", _("Name"), ""),
    ("period_start", _("Period"), "-"),
    ("last_bytes", _("Size"), "-"),
    ("avg_bytes", _("Average"), "-"),
    ("change_bytes", _("Change"), "-"),
    ("change_percent", _("Change in %"), "-"),
    ("samples", _("Days measured"), ""),
)


def list_page(request: HttpRequest, asked: OwnerFilter, *, today: date) -> dict[str, Any]:
    """The page of a valid ``asked``, in a constant number of queries."""
    level, span = asked.level, asked.span
    owners = asked.owners(every(level))
    summary = summarize(owners, level, span, today=today)
    instances = owners if level is not DATABASES else owners.values("instance")
    return {
        "span": span,
        "summary": summary,
        "charts": charts(summary.biggest, level, span, today=today),
        "tables": biggest_tables(present(owners, level), level),
        "unknown": unknown_sections(instances),
        "columns": columns(request, span),
        "rows": rows_page(request, asked),
    }


def sorting(request: HttpRequest, span: Timeframe) -> str:
    """The biggest first, in a history the newest, unless the address says otherwise."""
    given = request.GET.get("sort", "")
    known = {name for name, *_rest in COLUMNS}
    default = "-period_start" if span.is_bounded else "-last_bytes"
    return given if given.removeprefix("-") in known else default


def columns(request: HttpRequest, span: Timeframe) -> list[Column]:
    now = sorting(request, span)
    query = request.GET.copy()
    query.pop("page", None)
    found = []
    for name, title, first in COLUMNS:
        is_sorted = now.removeprefix("-") == name
        query["sort"] = turned(now) if is_sorted else f"{first}{name}"
        arrow = ("↓" if now.startswith("-") else "↑") if is_sorted else ""
        found.append(Column(title, f"?{query.urlencode()}#rows", arrow))
    return found


def turned(sort: str) -> str:
    return sort.removeprefix("-") if sort.startswith("-") else f"-{sort}"


def rows_page(request: HttpRequest, asked: OwnerFilter) -> "Page[Any]":
    terms = (sorting(request, asked.span), "pk")
    page = page_of(request, ordered(asked.qs, terms, asked.level, asked.span), "page", ROWS)
    page.object_list = size_rows(list(page.object_list), asked.level, asked.span)
    return page


def biggest_tables(owners: "QuerySet[Any]", level: Level) -> list[TableSize]:
    path = "database__in" if level is DATABASES else "database__instance__in"
    rows = open_tables().filter(**{path: owners.order_by().values("pk")})
    return list(rows.order_by("-total_bytes", "pk")[:SHOWN])


def unknown_sections(instances: Any, **which: str) -> Some:
    """What the last readings of sizes could not tell, with the GRANT that would."""
    rows = Section.objects.unknown().filter(
        category__in=CATEGORIES, instance__in=instances, instance__deleted_at=None, **which
    )
    shown = rows.select_related("instance").order_by("instance__name", "category", "database")
    return Some(list(shown[:SHOWN]), rows.count())


# --- one database or instance -------------------------------------------------------------------


def detail_page(
    request: HttpRequest, level: Level, pk: int, period: str, *, today: date
) -> dict[str, Any]:
    """The page of one database or instance that there is."""
    span = Timeframe(period)
    owner = detailed([pk], level, span)[pk]
    row = newest_row(owner, level, span)
    aggregates = level.aggregates._default_manager.filter(**{level.name: pk}, period=period)
    which = {"database": owner.name} if level is DATABASES else {}
    whole = level.owners._default_manager.filter(pk=pk)
    return {
        "span": span,
        "periods": Period.choices,
        "row": row,
        "simulated_until": simulated_until([row.instance.pk]).get(row.instance.pk),
        "forecast": newest_forecasts([pk], level).get(pk),
        "charts": charts([row], level, span, today=today),
        "aggregates": page_of(request, aggregates.order_by("-period_start"), "periods", 31),
        "sizes": page_of(request, daily(level, pk), "days", 31),
        "grades": graded(page_of(request, forecasts(level, pk), "forecasts", 15)),
        "tables": biggest_tables(whole, level),
        "databases": biggest_databases(row.instance, level, span),
        "growth": None if level is DATABASES else growth(row.instance, today - LATELY, today),
        "unknown": unknown_sections([row.instance.pk], **which),
    }


def newest_row(owner: Any, level: Level, span: Timeframe) -> SizeRow:
    one = level.aggregates._default_manager.filter(pk=owner.newest).first()
    if one is not None:
        return size_rows([one], level, span)[0]
    instance = owner.instance if level is DATABASES else owner
    return SizeRow(owner, instance, None, is_simulated=False)


def daily(level: Level, pk: int) -> "QuerySet[Any]":
    """What was measured day by day, newest first, each with the size of the day ``before``."""
    rows = level.sizes._default_manager.filter(**{level.name: pk})
    before = Window(Lag("total_bytes"), order_by=F("measured_on").asc())
    change = F("total_bytes") - F("before")
    sizes: QuerySet[Any] = rows.annotate(before=before, change=change).order_by("-measured_on")
    return sizes


def forecasts(level: Level, pk: int) -> "QuerySet[Forecast]":
    rows = Forecast.objects.filter(**{level.name: pk})
    return (rows if level is DATABASES else rows.filter(database=None)).order_by("-made_on")


def biggest_databases(instance: Instance, level: Level, span: Timeframe) -> list[SizeRow]:
    """Of an instance."""
    if level is DATABASES:
        return []
    owners = present(instance.databases.all(), DATABASES)
    rows = newest_of(owners, DATABASES, span).order_by("-last_bytes", "pk")
    return size_rows(list(rows[:SHOWN]), DATABASES, span)


def grade(forecast: Forecast) -> Grade:
    actual, predicted = forecast.actual_bytes, forecast.predicted_bytes
    if actual is None or predicted is None:
        return Grade(forecast, None, None)
    low, high = forecast.low_bytes, forecast.high_bytes
    inside = None if low is None or high is None else low <= actual <= high
    return Grade(forecast, 100 * (predicted - actual) / actual if actual else None, inside)


def graded(page: "Page[Any]") -> "Page[Any]":
    page.object_list = [grade(one) for one in page.object_list]
    return page


def period_of(text: str) -> str:
    """The period that an address asks for; daily if it is none."""
    return text if text in Period.values else Period.DAILY
