"""What ate it: the databases and tables that explain how an instance grew between two days."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import F, Min, OuterRef, Q, QuerySet, Subquery, Sum, Window
from django.db.models.functions import Abs, Coalesce, RowNumber
from django.utils import timezone

from capacity.models import DatabaseSize, InstanceSize, SimulatedHistory, TableSize
from instances.models import Database, Instance

MOST_TABLES = 10


@dataclass(frozen=True, slots=True)
class TableGrowth:
    """Zero bytes: the table was not there. ``share`` is of the instance's growth."""

    schema: str
    name: str
    start_bytes: int
    end_bytes: int
    growth_bytes: int
    share: float | None


@dataclass(frozen=True, slots=True)
class DatabaseGrowth:
    """``state``: present, new, vanished, or unmeasured: then what is not known is None.

    ``tables`` are those that changed most; ``tables_growth_bytes`` is of all its tables, and
    ``unexplained_bytes`` what the database grew beside them. Both are None when the tables were
    not measured by the first day.
    """

    id: int
    name: str
    state: str
    start_bytes: int | None
    end_bytes: int | None
    growth_bytes: int | None
    share: float | None
    tables: list[TableGrowth]
    tables_growth_bytes: int | None
    unexplained_bytes: int | None


@dataclass(frozen=True, slots=True)
class Growth:
    """Sizes of the last measurement up to each day, which is of ``*_measured_on``.

    ``databases`` are the biggest contributors first, ``others_growth_bytes`` is what those that
    are not shown add up to, and ``unexplained_bytes`` what no database explains; ``unmeasured``
    names the databases whose part is not known. None: not measured. ``is_simulated``: some of
    these days were invented for a trial.
    """

    instance: Instance
    start: date
    end: date
    start_measured_on: date | None
    end_measured_on: date | None
    start_bytes: int | None
    end_bytes: int | None
    growth_bytes: int | None
    databases: list[DatabaseGrowth]
    others: int
    others_growth_bytes: int
    unexplained_bytes: int | None
    unmeasured: list[str]
    is_simulated: bool


@dataclass(frozen=True, slots=True)
class Span:
    start: date
    end: date


def growth(instance: Instance, start: date, end: date, *, most: int = 10) -> Growth:
    """Who made ``instance`` grow, or shrink, from ``start`` to ``end``; six queries.

    The ``most`` databases that contributed most, in either direction, with the tables of each.
    """
    span = Span(start, end)
    before, after = size_at(instance, start), size_at(instance, end)
    total = after.total_bytes - before.total_bytes if before and after else None
    found = databases_of(instance, span)
    known = [one for one in found if one["growth_bytes"] is not None]
    known.sort(key=lambda one: (-abs(one["growth_bytes"]), one["name"], one["id"]))
    shown, others = known[:most], known[most:]
    explained = sum(one["growth_bytes"] for one in known)
    return Growth(
        instance=instance,
        start=start,
        end=end,
        start_measured_on=before.measured_on if before else None,
        end_measured_on=after.measured_on if after else None,
        start_bytes=before.total_bytes if before else None,
        end_bytes=after.total_bytes if after else None,
        growth_bytes=total,
        databases=with_tables(shown, span, total),
        others=len(others),
        others_growth_bytes=sum(one["growth_bytes"] for one in others),
        unexplained_bytes=None if total is None else total - explained,
        unmeasured=sorted(one["name"] for one in found if one["growth_bytes"] is None),
        is_simulated=SimulatedHistory.objects.filter(instance=instance, until__gt=start).exists(),
    )


def size_at(instance: Instance, day: date) -> InstanceSize | None:
    sizes = InstanceSize.objects.filter(instance=instance, measured_on__lte=day)
    return sizes.order_by("-measured_on").first()


def databases_of(instance: Instance, span: Span) -> list[dict[str, Any]]:
    """The fields of DatabaseGrowth, but for tables and shares, of all that were there."""
    sizes = DatabaseSize.objects.filter(database=OuterRef("pk")).order_by("-measured_on")
    first, last = (
        Subquery(sizes.filter(measured_on__lte=day).values("total_bytes")[:1])
        for day in (span.start, span.end)
    )
    rows = Database.objects.filter(instance=instance).annotate(first=first, last=last)
    found = (database_fields(row, span) for row in rows)
    return [one for one in found if one is not None]


def database_fields(row: Any, span: Span) -> dict[str, Any] | None:
    """None for a database that was there on neither day."""
    seen_on = timezone.localdate(row.first_seen_at)
    gone_on = timezone.localdate(row.removed_at) if row.removed_at else None
    # Invented history begins before the database was first seen.
    was_there = (row.first is not None or seen_on <= span.start) and not gone(gone_on, span.start)
    is_there = (row.last is not None or seen_on <= span.end) and not gone(gone_on, span.end)
    if not (was_there or is_there):
        return None
    before = row.first if was_there else 0
    after = row.last if is_there else 0
    is_known = before is not None and after is not None
    state = {(True, True): "present", (False, True): "new", (True, False): "vanished"}
    return {
        "id": row.pk,
        "name": row.name,
        "state": state[was_there, is_there] if is_known else "unmeasured",
        "start_bytes": before,
        "end_bytes": after,
        "growth_bytes": after - before if is_known else None,
    }


def gone(gone_on: date | None, day: date) -> bool:
    return gone_on is not None and gone_on <= day


def with_tables(shown: list[dict[str, Any]], span: Span, total: int | None) -> list[DatabaseGrowth]:
    keys = [one["id"] for one in shown]
    totals: dict[int, Any] = {row["database"]: row for row in tables_by_database(keys, span)}
    tables: dict[int, list[TableGrowth]] = {key: [] for key in keys}
    for row in top_tables(keys, span):
        part = share(row["growth_bytes"], total)
        tables[row.pop("database")].append(TableGrowth(**row, share=part))
    found = []
    for one in shown:
        measured = totals.get(one["id"])
        since = span.end if one["state"] == "new" else span.start
        is_known = measured is not None and measured["since"] <= since
        explained = measured["growth_bytes"] if measured and is_known else None
        found.append(
            DatabaseGrowth(
                **one,
                share=share(one["growth_bytes"], total),
                tables=tables[one["id"]] if is_known else [],
                tables_growth_bytes=explained,
                unexplained_bytes=None if explained is None else one["growth_bytes"] - explained,
            )
        )
    return found


def tables_by_database(databases: list[int], span: Span) -> "QuerySet[Any, Any]":
    """Per database what its tables grew by, and since when they are measured."""
    rows = TableSize.objects.filter(database__in=databases).order_by().values("database")
    return rows.annotate(since=Min("valid_from"), growth_bytes=at(span.end) - at(span.start))


def top_tables(databases: list[int], span: Span) -> "QuerySet[Any, Any]":
    """The tables of each database that changed most; sorted so."""
    on_either = held(span.start) | held(span.end)
    tables = TableSize.objects.filter(on_either, database__in=databases).order_by()
    grown = tables.values("database", "schema", "name").annotate(
        start_bytes=at(span.start), end_bytes=at(span.end)
    )
    ranked = (
        grown.annotate(growth_bytes=F("end_bytes") - F("start_bytes"))
        .exclude(growth_bytes=0)
        .annotate(
            rank=Window(
                RowNumber(),
                partition_by="database",
                order_by=(Abs("growth_bytes").desc(), F("schema").asc(), F("name").asc()),
            )
        )
    )
    fields = ("database", "schema", "name", "start_bytes", "end_bytes", "growth_bytes")
    top: QuerySet[Any, Any] = ranked.filter(rank__lte=MOST_TABLES)
    return top.order_by("database", "rank").values(*fields)


def held(day: date) -> Q:
    return Q(valid_from__lte=day) & (Q(valid_to=None) | Q(valid_to__gt=day))


def at(day: date) -> Coalesce:
    """The bytes of a group of tables on ``day``."""
    return Coalesce(Sum("total_bytes", filter=held(day)), 0)


def share(part: int, total: int | None) -> float | None:
    return part / total if total else None
