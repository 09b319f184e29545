"""Which aggregates a list of sizes shows, and what stands beside each.

Without dates a list shows every database or instance with its newest aggregate: one that was not
measured lately keeps its place, with its date, and one never measured has none. With dates it shows
the aggregates of that time, of databases removed since as well.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import F, Model, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from capacity.models import (
    DatabaseAggregate,
    DatabaseSize,
    InstanceAggregate,
    InstanceSize,
    Period,
    SimulatedHistory,
    TableSize,
)
from instances.models import Database, Instance, Section

# No period is longer.
LONGEST = timedelta(days=92)
# Not measured on so many days before today: its newest size is out of date.
STALE_DAYS = 2
SORTABLE = (
    *("avg_bytes", "last_bytes", "max_bytes", "change_bytes", "change_percent"),
    *("samples", "period_start"),
)
# NULL in these is unknown, which is neither the biggest nor the smallest.
NULLABLE = {"change_bytes", "change_percent"}
# Where a history has the columns of the owners.
PATHS: dict[type[Model], dict[str, str]] = {
    DatabaseAggregate: {"name": "database__name", "instance": "database__instance__name"},
    InstanceAggregate: {"name": "instance__name"},
}


@dataclass(frozen=True, slots=True)
class Level:
    """What is measured: databases, or instances as a whole."""

    name: str
    owners: type[Model]
    aggregates: type[Model]
    sizes: type[Model]
    instance: str
    """The path from an owner to its instance, as the beginning of a lookup."""


DATABASES = Level("database", Database, DatabaseAggregate, DatabaseSize, "instance__")
INSTANCES = Level("instance", Instance, InstanceAggregate, InstanceSize, "")


@dataclass(frozen=True, slots=True)
class Timeframe:
    """Periods of one kind, those that touch ``start`` … ``end``."""

    period: str = Period.DAILY
    start: date | None = None
    end: date | None = None

    @property
    def is_bounded(self) -> bool:
        return self.start is not None or self.end is not None

    def condition(self) -> Q:
        found = Q(period=self.period)
        if self.end is not None:
            found &= Q(period_start__lte=self.end)
        if self.start is not None:
            if self.period == Period.DAILY:  # a day begins where it ends: the index is enough
                return found & Q(period_start__gte=self.start)
            found &= Q(period_start__gt=self.start - LONGEST, period_end__gte=self.start)
        return found


@dataclass(frozen=True, slots=True)
class SizeRow:
    """A database or instance with one of its aggregates, None where it has none."""

    owner: Any
    instance: Instance
    aggregate: Any
    is_simulated: bool

    @property
    def measured_on(self) -> date | None:
        """The day of the newest measurement of all."""
        measured: date | None = self.owner.measured_on
        return measured

    @property
    def limit_bytes(self) -> int | None:
        """Of an instance: what was set by hand, or else what the server tells."""
        told: int | None = self.owner.told_limit_bytes
        return (
            told if self.instance.storage_limit_bytes is None else self.instance.storage_limit_bytes
        )


def every(level: Level) -> "QuerySet[Any]":
    """All on instances that are not in the recycle bin, databases removed since too."""
    return level.owners._default_manager.filter(**{f"{level.instance}deleted_at": None})


def present(owners: "QuerySet[Any]", level: Level) -> "QuerySet[Any]":
    return owners.filter(removed_at=None) if level is DATABASES else owners


def newest(level: Level, span: Timeframe, *, whole: bool = False) -> "QuerySet[Any]":
    """The newest aggregate of the owner of the outer query; the newest that was compared.

    ``whole``: only periods that have a change, so no partial ones.
    """
    rows = level.aggregates._default_manager.filter(
        span.condition(), **{level.name: OuterRef("pk")}
    )
    if whole:
        rows = rows.filter(change_bytes__isnull=False)
    return rows.order_by("-period_start")


def newest_of(
    owners: "QuerySet[Any]", level: Level, span: Timeframe, *, whole: bool = False
) -> "QuerySet[Any]":
    """The newest aggregate of each of ``owners``."""
    found = newest(level, span, whole=whole).values("pk")[:1]
    keys = owners.order_by().values(found=Subquery(found))
    # They are distinct: saying so keeps PostgreSQL from looking each of them up twice.
    return level.aggregates._default_manager.filter(pk__in=keys.distinct())


def history(owners: "QuerySet[Any] | None", level: Level, span: Timeframe) -> "QuerySet[Any]":
    """The aggregates of ``span``, newest first; ``owners`` None: of everybody.

    Everybody is not joined: the rows are counted from an index alone.
    """
    rows = level.aggregates._default_manager.filter(span.condition())
    if owners is not None:
        rows = rows.filter(**{f"{level.name}__in": owners.order_by().values("pk")})
    return rows


def ordered(
    rows: "QuerySet[Any]", terms: Iterable[str], level: Level, span: Timeframe
) -> "QuerySet[Any]":
    """Sorted by ``name`` or ``-name`` each, with what is unknown at the end either way.

    ``rows`` are owners, which sort by their newest aggregate, or a history. In that only changes
    are NULL, and the rest must stay a plain sort, or no index serves it.
    """
    if rows.model is level.aggregates:
        return rows.order_by(*(_in_history(one, PATHS[rows.model]) for one in terms))
    return rows.order_by(*(_by_newest(one, level, span) for one in terms))


def _in_history(term: str, paths: Mapping[str, str]) -> Any:
    name = term.removeprefix("-")
    if name in NULLABLE:
        return _unknown_last(term, F(name))
    return term.replace(name, paths.get(name, name))


def _by_newest(term: str, level: Level, span: Timeframe) -> Any:
    name = term.removeprefix("-")
    if name not in SORTABLE:
        return term
    return _unknown_last(term, Subquery(newest(level, span).values(name)[:1]))


def _unknown_last(term: str, value: F | Subquery) -> Any:
    return value.desc(nulls_last=True) if term[0] == "-" else value.asc(nulls_last=True)


def size_rows(page: Sequence[Any], level: Level, span: Timeframe) -> list[SizeRow]:
    """A page of owners or of a ``history`` with all that is shown, in four queries at most."""
    is_history = bool(page) and isinstance(page[0], level.aggregates)
    keys = [getattr(one, f"{level.name}_id") if is_history else one.pk for one in page]
    owners = detailed(keys, level, span)
    shown = [one.pk for one in page] if is_history else [one.newest for one in owners.values()]
    aggregates = with_quality(shown, level)
    simulated = simulated_until({instance_of(one).pk for one in owners.values()})
    return [
        _row(owners[key], aggregates.get(one.pk if is_history else owners[key].newest), simulated)
        for key, one in zip(keys, page, strict=True)
    ]


def _row(owner: Any, aggregate: Any, simulated: dict[int, date]) -> SizeRow:
    instance = instance_of(owner)
    until = simulated.get(instance.pk)
    is_simulated = bool(aggregate and until and aggregate.period_start < until)
    return SizeRow(owner, instance, aggregate, is_simulated)


def instance_of(owner: Any) -> Instance:
    return owner.instance if isinstance(owner, Database) else owner


def detailed(keys: Iterable[int], level: Level, span: Timeframe) -> dict[int, Any]:
    """Owners with ``newest`` (the key of an aggregate), ``measured_on`` and, for an instance,
    ``told_limit_bytes``, the limit that the server itself tells."""
    sizes = level.sizes._default_manager.filter(**{level.name: OuterRef("pk")})
    latest = sizes.order_by("-measured_on")
    # Aggregates are kept longer than what they were made of.
    last_day = newest(level, Timeframe()).values("period_start")
    owners = level.owners._default_manager.filter(pk__in=set(keys)).annotate(
        newest=Subquery(newest(level, span).values("pk")[:1]),
        measured_on=Coalesce(Subquery(latest.values("measured_on")[:1]), Subquery(last_day[:1])),
    )
    if level is DATABASES:
        owners = owners.select_related("instance")
    else:
        owners = owners.annotate(told_limit_bytes=Subquery(latest.values("limit_bytes")[:1]))
    return {one.pk: one for one in owners}


def with_quality(keys: Iterable[int | None], level: Level) -> dict[int, Any]:
    """Aggregates; those of instances with what their daily totals say about themselves.

    ``unmeasured_count`` and ``database_count`` are of the period's last day, ``is_suspect`` of any;
    NULL where the daily totals are not kept any more.
    """
    rows = level.aggregates._default_manager.filter(pk__in={key for key in keys if key})
    if level is INSTANCES:
        sizes = InstanceSize.objects.filter(
            instance=OuterRef("instance"),
            measured_on__gte=OuterRef("period_start"),
            measured_on__lte=OuterRef("period_end"),
        )
        last = sizes.order_by("-measured_on")
        rows = rows.annotate(
            unmeasured_count=Subquery(last.values("unmeasured_count")[:1]),
            database_count=Subquery(last.values("database_count")[:1]),
            is_suspect=Subquery(sizes.order_by("-is_suspect").values("is_suspect")[:1]),
        )
    return {one.pk: one for one in rows}


def simulated_until(instances: Iterable[int]) -> dict[int, date]:
    """Instance → the first day that was really measured, for those with invented history."""
    rows = SimulatedHistory.objects.filter(instance__in=set(instances))
    return dict(rows.values_list("instance", "until"))


def tables() -> "QuerySet[TableSize]":
    """With ``read_at``: when the tables of its database were last read."""
    readings = Section.objects.filter(
        instance=OuterRef("database__instance"),
        category="tables",
        database=OuterRef("database__name"),
        read_at__isnull=False,
    )
    read_at = Subquery(readings.order_by("-read_at").values("read_at")[:1])
    return TableSize.objects.select_related("database__instance").annotate(read_at=read_at)


def open_tables() -> "QuerySet[TableSize]":
    """Those that are there, as far as the last reading knew."""
    present_database = {"database__removed_at": None, "database__instance__deleted_at": None}
    return tables().filter(valid_to=None, **present_database)
