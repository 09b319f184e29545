"""Forecasts and their grades; and the writes of that table."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Self, TypedDict

from django.apps import apps
from django.db import models
from django.db.models import Avg, Count, Exists, F, FloatField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Abs, Cast, NullIf

if TYPE_CHECKING:
    from capacity.models import Forecast

BATCH = 500
COVERED = Q(actual_bytes__gte=F("low_bytes"), actual_bytes__lte=F("high_bytes"))
ERROR = Cast(Abs(F("actual_bytes") - F("predicted_bytes")), FloatField())
ERROR_PERCENT = 100 * ERROR / Cast(NullIf(F("actual_bytes"), 0), FloatField())


class Grades(TypedDict):
    """How forecasts did: how many have been graded, and of these how many held what came.

    ``coverage`` is ``covered / graded``. ``mean_error_percent`` is of what was measured. Both are
    None where there is nothing to tell from.
    """

    graded: int
    covered: int
    coverage: float | None
    mean_error_percent: float | None


class ForecastQuerySet(models.QuerySet["Forecast"]):
    def latest_run(self) -> Self:
        """What the newest run of the whole fleet said."""
        newest = self.model._default_manager.order_by("-made_on").values("made_on")
        return self.filter(made_on=newest[:1])

    def current(self) -> Self:
        """About what is still there."""
        there = Q(database=None) | Q(database__removed_at=None)
        return self.filter(there, instance__deleted_at=None)

    def with_origin(self) -> Self:
        """Adds ``is_simulated``: the trend was fitted to invented days too."""
        return self.annotate(is_simulated=Exists(_invented()))

    def of_targets_of(self, forecasts: Sequence["Forecast"]) -> Self:
        """Every forecast, of whatever day, of the targets that ``forecasts`` are about."""
        databases = [one.database_id for one in forecasts if one.database_id]
        instances = [one.instance_id for one in forecasts if not one.database_id]
        return self.filter(Q(database__in=databases) | Q(database=None, instance__in=instances))

    def graded(self) -> Self:
        return self.filter(actual_bytes__isnull=False)

    def grades(self) -> Grades:
        """Of all of these together."""
        return _grades(self.graded().aggregate(**_counted()))

    def grades_by_target(self) -> dict[tuple[int, int | None], Grades]:
        """Per ``(instance, database)``; the database is None for the instance as a whole."""
        targets: QuerySet[Any, Any] = self.graded().order_by().values("instance", "database")
        rows = targets.annotate(**_counted())
        return {(row["instance"], row["database"]): _grades(row) for row in rows}

    def replace(self, forecasts: Iterable["Forecast"], *, made_on: date) -> None:
        """Store ``forecasts``, all made on that day, in the place of the day's former ones.

        An upsert can't use the partial unique indexes. Call inside a transaction.
        """
        self.filter(made_on=made_on).delete()
        self.bulk_create(forecasts, batch_size=BATCH)

    def grade(self, *, on: date) -> int:
        """Store what was measured on the day that each forecast was for; how many were graded.

        A forecast whose day has no measurement stays ungraded, for any other day would be another
        question. One for today or yesterday is graded anew, since a day's last measurement counts.
        What was fitted to invented days is never graded. Of an instance, a total that misses more
        databases than the one it was made from says nothing about the forecast either.
        """
        is_open = Q(actual_bytes=None) | Q(due_on__gte=on - timedelta(days=1))
        due = self.filter(~Exists(_invented()), is_open, due_on__lte=on)
        graded = 0
        for level, sizes in (("database", _database_sizes()), ("instance", _instance_sizes())):
            ours = due.filter(database__isnull=level == "instance").filter(Exists(sizes))
            graded += ours.update(actual_bytes=Subquery(sizes.values("total_bytes")[:1]))
        return graded

    def forget_simulated(self, instances: Iterable[int]) -> None:
        """Delete what was fitted to invented days, before those and their label go."""
        self.filter(Exists(_invented()), instance__in=list(instances)).delete()


def _invented() -> "QuerySet[Any]":
    history = apps.get_model("capacity", "SimulatedHistory")._default_manager
    return history.filter(instance=OuterRef("instance"), until__gt=OuterRef("window_start"))


def _database_sizes() -> "QuerySet[Any]":
    sizes = apps.get_model("capacity", "DatabaseSize")._default_manager
    return sizes.filter(database=OuterRef("database"), measured_on=OuterRef("due_on"))


def _instance_sizes() -> "QuerySet[Any]":
    sizes = apps.get_model("capacity", "InstanceSize")._default_manager
    then = sizes.filter(
        instance=OuterRef("instance"), measured_on__lte=OuterRef(OuterRef("made_on"))
    )
    missed = Subquery(then.order_by("-measured_on").values("unmeasured_count")[:1])
    return sizes.filter(
        instance=OuterRef("instance"), measured_on=OuterRef("due_on"), unmeasured_count__lte=missed
    )


def _counted() -> dict[str, Any]:
    return {
        "graded": Count("pk"),
        "covered": Count("pk", filter=COVERED),
        "mean_error_percent": Avg(ERROR_PERCENT),
    }


def _grades(row: dict[str, Any]) -> Grades:
    graded, covered = row["graded"], row["covered"]
    return Grades(
        graded=graded,
        covered=covered,
        coverage=covered / graded if graded else None,
        mean_error_percent=row["mean_error_percent"],
    )
