"""A selection of databases or instances in a few numbers, and who in it stands out."""

from dataclasses import dataclass
from datetime import date, timedelta
from heapq import nlargest
from operator import attrgetter
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, QuerySet

from capacity.listing import (
    INSTANCES,
    STALE_DAYS,
    Level,
    SizeRow,
    Timeframe,
    newest_of,
    present,
    size_rows,
)
from capacity.models import InstanceSize

SHOWN = 5


NUMBERS = ("last_bytes", "change_bytes", "previous_avg_bytes")


class Numbers(NamedTuple):
    """Of one aggregate."""

    pk: int
    owner: int
    last: int
    change: int | None
    before: int | None

    @property
    def grown(self) -> int:
        return self.change or 0


@dataclass(frozen=True, slots=True)
class Summary:
    """``total_bytes`` is the sum of the newest known sizes of the ``measured`` of ``count``.

    NULL where nothing was measured. ``change_bytes`` is the sum over the ``compared``: those with a
    whole period that had one before. ``stale``: measured once, but not in the last days;
    ``unmeasured``: never. ``suspect``: instances whose newest total is less than half of the one
    before.
    """

    count: int
    measured: int
    compared: int
    stale: int
    unmeasured: int
    suspect: int
    total_bytes: int | None
    change_bytes: int | None
    change_percent: float | None
    biggest: list[SizeRow]
    fastest_growing: list[SizeRow]

    @property
    def is_complete(self) -> bool:
        """Everything counts that is there, with a size of today or nearly so."""
        return not (self.stale or self.unmeasured or self.suspect)


def summarize(owners: "QuerySet[Any]", level: Level, span: Timeframe, *, today: date) -> Summary:
    """Of ``owners`` that are there, by the newest periods of ``span``."""
    owners = present(owners, level)
    # Read once and summed up here: a database would look everything up again for each of these.
    newest = newest_of(owners, level, span).values_list("pk", f"{level.name}_id", *NUMBERS)
    found = [Numbers(*row) for row in newest]
    uncompared = owners.filter(pk__in=[one.owner for one in found if one.change is None])
    whole = newest_of(uncompared, level, span, whole=True)
    earlier = whole.values_list("pk", f"{level.name}_id", *NUMBERS)
    compared = [one for one in found if one.change is not None]
    compared += [Numbers(*row) for row in earlier]
    biggest = nlargest(SHOWN, found, key=attrgetter("last"))
    growing = nlargest(SHOWN, (one for one in compared if one.grown > 0), key=attrgetter("grown"))
    rows = rows_by_key({one.pk for one in (*biggest, *growing)}, level, span)
    change = sum(one.grown for one in compared)
    before = sum(one.before or 0 for one in compared)
    return Summary(
        **presence(owners, level, today),
        measured=len(found),
        compared=len(compared),
        suspect=suspects(owners, level).count(),
        total_bytes=sum(one.last for one in found) if found else None,
        change_bytes=change if compared else None,
        change_percent=100 * change / before if before else None,
        biggest=[rows[one.pk] for one in biggest],
        fastest_growing=[rows[one.pk] for one in growing],
    )


def rows_by_key(keys: set[int], level: Level, span: Timeframe) -> dict[int, SizeRow]:
    aggregates = list(level.aggregates._default_manager.filter(pk__in=keys))
    return {row.aggregate.pk: row for row in size_rows(aggregates, level, span)}


def presence(owners: "QuerySet[Any]", level: Level, today: date) -> dict[str, int]:
    """How many there are, how many were never measured, and how many not lately."""
    ours = {level.name: OuterRef("pk")}
    sizes = level.sizes._default_manager.filter(**ours)
    fresh = sizes.filter(measured_on__gte=today - timedelta(days=STALE_DAYS))
    # Aggregates are kept longer than what they were made of.
    known = Exists(sizes) | Exists(level.aggregates._default_manager.filter(**ours))
    behind = owners.exclude(Exists(fresh)).order_by()
    unmeasured = behind.exclude(known).count()
    return {
        "count": owners.count(),
        "unmeasured": unmeasured,
        "stale": behind.count() - unmeasured,
    }


def suspects(owners: "QuerySet[Any]", level: Level) -> "QuerySet[Any]":
    """Instances, of databases those they are on, whose newest total has collapsed."""
    key = "pk" if level is INSTANCES else "instance"
    instances = owners.order_by().values(key)
    newest_size = InstanceSize.objects.filter(instance=OuterRef("instance")).order_by(
        "-measured_on"
    )
    return InstanceSize.objects.filter(
        instance__in=instances, is_suspect=True, measured_on=newest_size.values("measured_on")[:1]
    )
