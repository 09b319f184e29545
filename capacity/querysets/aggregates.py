"""Sizes by period, which periods are stale; and the writes of those tables."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django.apps import apps
from django.db import connections, models
from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    DateField,
    DateTimeField,
    F,
    FilteredRelation,
    FloatField,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Cast, NullIf

from capacity.periods import DAILY, Span, span_of, spans_of
from capacity.querysets.upsert import upsert_from

if TYPE_CHECKING:
    from capacity.models import DatabaseAggregate, InstanceAggregate, StalePeriod  # noqa: F401 -- named in a quoted base class

Row = TypeVar("Row", bound=models.Model)

BATCH = 500
ALWAYS = Value(True)
# Only who holds it computes aggregates. Any number that nobody else locks.
ADVISORY_LOCK = 0x77686167

STATISTICS = (
    *("period_end", "avg_bytes", "min_bytes", "max_bytes", "first_bytes", "last_bytes"),
    *("samples", "expected_samples", "is_partial"),
    *("previous_avg_bytes", "change_bytes", "change_percent", "computed_at"),
)


class OfGroup(Subquery):
    """A subquery about the grouped column alone; Django would group by its result too."""

    def get_group_by_cols(self) -> list[Any]:
        return []


class AggregateQuerySet(models.QuerySet[Row]):
    """``owner`` is whose sizes are summed up, ``source`` the model that has them."""

    owner: ClassVar[str]
    source: ClassVar[str]
    instance: ClassVar[str]

    def compute(
        self,
        span: Span,
        instances: Collection[int] | None,
        *,
        today: date,
        at: datetime,
    ) -> int:
        """Sum up what ``instances`` (None: all) measured in ``span``; the rows written.

        An aggregate of more samples stays: clean-up drops measurements earlier than aggregates,
        and what is left of a period must not pass for the whole of it. The average is right up to
        50 PB. One statement, whatever the number of instances.
        """
        sizes = self._sizes(span, instances).alias(before=self._join_before(span))
        total, samples = Cast(Sum("total_bytes"), BigIntegerField()), Count("*")
        is_whole = ALWAYS if span.end < today else Q(new_samples__gte=span.days)
        # Integers only: an Avg is 1.5 on SQLite and 2 on PostgreSQL once it is stored.
        average = (2 * total + samples) / (2 * samples)
        columns = {
            self.owner: F(self.owner),
            "period": Value(span.period),
            "period_start": Value(span.start, DateField()),
            "period_end": Value(span.end, DateField()),
            "avg_bytes": average,
            "min_bytes": Min("total_bytes"),
            "max_bytes": Max("total_bytes"),
            "first_bytes": self._edge(span, "measured_on"),
            "last_bytes": self._edge(span, "-measured_on"),
            "samples": samples,
            "expected_samples": Value(span.days),
            # The average before is the same in each row of a group.
            **comparison(average, Max("before__avg_bytes"), is_whole),
            "computed_at": Value(at, DateTimeField()),
        }
        return self._store(sizes.order_by().values(self.owner), columns)

    def compare(self, span: Span, instances: Collection[int] | None, *, at: datetime) -> int:
        """Compare ``span`` anew where the average before it is another now; the rows written."""
        before = F("before__avg_bytes")
        is_other = Q(previous_avg_bytes__lt=before) | Q(previous_avg_bytes__gt=before)
        is_new = Q(previous_avg_bytes=None, before__avg_bytes__isnull=False)
        changed = self._of(span, instances).filter(is_other | is_new)
        return self._compare(changed, Q(is_partial=False), at)

    def close(self, span: Span, *, at: datetime) -> int:
        """``span`` is over: what is partial of it is now all there is. The rows written."""
        partial = self._of(span, None).filter(is_partial=True)
        return self._compare(partial, ALWAYS, at)

    def forget(self, *, before: date) -> int:
        """Delete the periods that begin before that day; how many."""
        deleted, _ = self.filter(period_start__lt=before).delete()
        return deleted

    def overdue(self, *, today: date) -> set[Span]:
        """The spans that are stored as partial and are over."""
        # A day is never partial, and most aggregates are of days.
        partial = self.filter(is_partial=True, period_end__lt=today).exclude(period=DAILY)
        return spans(partial)

    def _sizes(self, span: Span, instances: Collection[int] | None) -> QuerySet[Any]:
        sizes: QuerySet[Any] = apps.get_model("capacity", self.source)._default_manager.filter(
            measured_on__range=(span.start, span.end)
        )
        if instances is not None:
            sizes = sizes.filter(**{f"{self.instance}__in": instances})
        return sizes

    def _of(self, span: Span, instances: Collection[int] | None) -> QuerySet[Any]:
        """What is stored of ``span``, beside what is of the span before it."""
        stored: QuerySet[Any] = self.filter(period=span.period, period_start=span.start)
        if instances is not None:
            stored = stored.filter(**{f"{self.instance}__in": instances})
        compared: QuerySet[Any] = stored.alias(before=self._join_before(span))
        return compared

    def _join_before(self, span: Span) -> FilteredRelation:
        # A join: a new table without statistics has PostgreSQL look a subquery up by the wrong
        # index, for each row.
        path = f"{self.owner}__aggregates"
        condition = {f"{path}__period": span.period, f"{path}__period_start": span.previous.start}
        return FilteredRelation(path, condition=Q(**condition))

    def _edge(self, span: Span, order: str) -> Any:
        """The total of the first or last measured day."""
        if span.period == DAILY:
            return Min("total_bytes")  # of the only one
        sizes = self._sizes(span, None).filter(**{self.owner: OuterRef(self.owner)})
        return OfGroup(sizes.order_by(order).values("total_bytes")[:1])

    def _compare(self, stored: QuerySet[Any], is_whole: Any, at: datetime) -> int:
        kept = {name: F(name) for name in (self.owner, "period", "period_start", *STATISTICS)}
        new = comparison(F("avg_bytes"), F("before__avg_bytes"), is_whole)
        return self._store(stored, {**kept, **new, "computed_at": Value(at, DateTimeField())})

    def _store(self, rows: QuerySet[Any], columns: Mapping[str, Any]) -> int:
        unique = (self.owner, "period", "period_start")
        return upsert_from(self, rows, columns, unique=unique, unless_more="samples")


def comparison(average: Any, before: Any, is_whole: Any) -> dict[str, Any]:
    """The change from ``before`` to ``average``; none where the period is partial."""
    change = average - before
    percent = Cast(change, FloatField()) * 100.0 / Cast(NullIf(before, 0), FloatField())
    return {
        "is_partial": Case(When(is_whole, then=Value(False)), default=Value(True)),
        "previous_avg_bytes": before,
        "change_bytes": Case(When(is_whole, then=change)),
        "change_percent": Case(When(is_whole, then=percent)),
    }


class DatabaseAggregateQuerySet(AggregateQuerySet["DatabaseAggregate"]):
    owner, source, instance = "database", "DatabaseSize", "database__instance"


class InstanceAggregateQuerySet(AggregateQuerySet["InstanceAggregate"]):
    owner, source, instance = "instance", "InstanceSize", "instance"


class StalePeriodQuerySet(models.QuerySet["StalePeriod"]):
    def mark(self, instance: int, days: Iterable[date], *, at: datetime) -> None:
        """The measurements of ``instance`` on ``days`` have changed: so have their periods.

        Call it in the transaction that changes them, as its last write.
        """
        touched = {(span.period, span.start) for day in days for span in spans_of(day)}
        # An update, not an ignored conflict: it locks a mark that is there already, so that an
        # aggregation waits until what was measured can be read. In the order of ``take``, or each
        # would wait for the other.
        self.bulk_create(
            [
                self.model(instance_id=instance, period=period, period_start=start, marked_at=at)
                for period, start in sorted(touched)
            ],
            update_conflicts=True,
            unique_fields=["period", "period_start", "instance"],
            update_fields=["marked_at"],
            batch_size=BATCH,
        )

    def mark_all(self, span: Span, first: date, last: date, *, at: datetime) -> int:
        """``span`` is stale, of each instance measured in it from ``first`` to ``last``."""
        measured = apps.get_model("capacity", "InstanceSize")._default_manager.filter(
            measured_on__range=(max(first, span.start), min(last, span.end))
        )
        columns = {
            "period": Value(span.period),
            "period_start": Value(span.start, DateField()),
            "instance": F("instance"),
            "marked_at": Value(at, DateTimeField()),
        }
        rows = measured.values("instance").distinct()
        return upsert_from(self, rows, columns, unique=("period", "period_start", "instance"))

    def spans(self) -> set[Span]:
        return spans(self)

    def in_spans(self, wanted: Iterable[Span]) -> "StalePeriodQuerySet":
        among = Q(pk__in=[])
        for span in wanted:
            among |= Q(period=span.period, period_start=span.start)
        return self.filter(among)

    def take(self, wanted: Iterable[Span]) -> dict[Span, list[int]]:
        """Delete the marks of ``wanted``, and say of which instances each was.

        Call it before measurements are read: the rows are locked first, so that a measurement
        which commits after that marks its periods anew.
        """
        order = ("period", "period_start", "instance")
        marks = self.in_spans(wanted).select_for_update().order_by(*order)
        taken: dict[Span, list[int]] = defaultdict(list)
        keys: list[int] = []
        for key, period, start, instance in marks.values_list("pk", *order):
            keys.append(key)
            taken[span_of(period, start)].append(instance)
        for begin in range(0, len(keys), BATCH):
            self.model._default_manager.filter(pk__in=keys[begin : begin + BATCH]).delete()
        return taken

    def lock_out_others(self) -> None:
        """Have other aggregations wait until the transaction ends; on SQLite every writer does.

        Two that wrote the same aggregates could store the older one last, or wait for each other.
        """
        connection = connections[self.db]
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])


def spans(rows: QuerySet[Any]) -> set[Span]:
    """The different spans of ``rows``, which have a period and its start."""
    found = rows.order_by().values_list("period", "period_start").distinct()
    return {span_of(period, start) for period, start in found}
