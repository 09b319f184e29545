"""Sum measurements up by day, week, month and quarter.

Which periods are stale is tracked, not guessed: whoever changes measurements marks them in the
same transaction. A run takes the marks away in the transaction that computes, so that one which is
killed is continued by the next.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, models, transaction
from django.db.models import Max, Min
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from capacity.models import DatabaseAggregate, InstanceAggregate, InstanceSize, StalePeriod
from capacity.periods import PERIODS, Span, span_of, spans_between, spans_of
from capacity.querysets.aggregates import AggregateQuerySet
from sync_sessions.fleet import launch_for_fleet, run_for_fleet
from sync_sessions.models import SyncEvent, SyncRecord, SyncSession
from sync_sessions.outcomes import Cancelled, LeaseLost, Outcome
from sync_sessions.run import WRITE_LEASE
from whalefall.core.errors import InvalidRequest
from whalefall.core.fallbacks import FallbackReason, log_fallback

if TYPE_CHECKING:
    from whalefall.users.models import User


class Scope(models.TextChoices):
    INSTANCE = "instance", _("instances")
    DATABASE = "database", _("databases")
    ALL = "all", _("instances and databases")


Level = AggregateQuerySet[Any]
TASK = "capacity.tasks.aggregate_due"
CURRENT_TASKS = {
    Scope.INSTANCE: "capacity.tasks.aggregate_current_instances",
    Scope.DATABASE: "capacity.tasks.aggregate_current_databases",
    Scope.ALL: "capacity.tasks.aggregate_current",
}


@dataclass(frozen=True, slots=True)
class Aggregation:
    """What a run sums up: of ``periods``, all that is due, or only the current spans.

    Due is what is stale or stored as partial and over by now, besides the current spans and the
    last ones. ``rebuild``: first everything that was measured on these days (first, last) is
    marked as stale. Raises InvalidRequest when they are not in order.
    """

    periods: Collection[str] = PERIODS
    scope: Scope = Scope.ALL
    only_current: bool = False
    rebuild: tuple[date, date] | None = None

    def __post_init__(self) -> None:
        if self.rebuild and self.rebuild[0] > self.rebuild[1]:
            raise InvalidRequest(
                "A rebuild goes from its first day to its last; these are the other way round.",
                extra={"fields": {"rebuild": ["The last day is before the first."]}},
            )

    @property
    def levels(self) -> list[Level]:
        levels: dict[str, Level] = {
            Scope.INSTANCE: InstanceAggregate.objects.all(),
            Scope.DATABASE: DatabaseAggregate.objects.all(),
        }
        return list(levels.values()) if self.scope == Scope.ALL else [levels[self.scope]]

    def always(self, today: date) -> set[Span]:
        current = {span_of(period, today) for period in self.periods}
        return current if self.only_current else current | {span.previous for span in current}

    def overdue(self, today: date) -> set[Span]:
        if self.only_current:
            return set()
        found = set().union(*(level.overdue(today=today) for level in self.levels))
        return {span for span in found if span.period in self.periods}

    def stale(self) -> set[Span]:
        if self.only_current:
            return set()
        return StalePeriod.objects.filter(period__in=self.periods).spans()

    def run(self, record: SyncRecord) -> Outcome:
        """Do it, a month in each transaction, so that other writers get their turn.

        Raises LeaseLost when another worker has the record now, and Cancelled.
        """
        today = timezone.localdate()
        if self.rebuild:
            with transaction.atomic(durable=True):
                keep(record)
                StalePeriod.objects.lock_out_others()
                mark_measured(self.periods, *self.rebuild)
        always, overdue = self.always(today), self.overdue(today)
        counts = Counter(spans=0, instance_rows=0, database_rows=0)
        plan = sorted(always | overdue | self.stale(), key=lambda one: (one.start, one.end))
        for _month, spans in groupby(plan, key=lambda one: (one.start.year, one.start.month)):
            with transaction.atomic(durable=True):
                keep(record)
                counts.update(self.write(list(spans), always, overdue, today))
        return Outcome(dict(counts))

    def write(
        self, spans: list[Span], always: set[Span], overdue: set[Span], today: date
    ) -> Counter[str]:
        StalePeriod.objects.lock_out_others()
        # A mark is for both levels: who does one of them leaves it.
        taken = StalePeriod.objects.take(spans) if self.scope == Scope.ALL else {}
        counts, at = Counter(spans=len(spans)), timezone.now()
        for span in spans:
            instances = None if span in always else taken.get(span, [])
            for level in self.levels:
                rows = refresh(level, span, instances, today=today)
                if span in overdue:
                    rows += level.close(span, at=at)
                counts[f"{level.owner}_rows"] += rows
        return counts


def refresh(level: Level, span: Span, instances: Collection[int] | None, *, today: date) -> int:
    """Sum ``span`` up for ``instances`` (None: all); how many rows were written.

    Another average is another change of the span after it. Spans go in the order of time.
    """
    if instances is not None and not instances:
        return 0
    at = timezone.now()
    rows = level.compute(span, instances, today=today, at=at)
    return rows + level.compare(span.next, instances, at=at)


def keep(record: SyncRecord) -> None:
    """Renew the lease of ``record`` and lock it. Raises LeaseLost or Cancelled."""
    if not SyncRecord.objects.hold(record, lease_until=timezone.now() + WRITE_LEASE):
        raise LeaseLost("Another worker has taken this record over.")
    if SyncSession.objects.filter(pk=record.session_id).exclude(cancel_requested_at=None).exists():
        raise Cancelled("The session was cancelled; what was summed up until then stays.")


def mark_measured(periods: Iterable[str], first: date, last: date) -> None:
    """Mark what was measured from ``first`` to ``last`` as stale."""
    sizes = InstanceSize.objects.filter(measured_on__range=(first, last))
    bounds = sizes.aggregate(first=Min("measured_on"), last=Max("measured_on"))
    if bounds["first"] is None:
        return
    at = timezone.now()
    for period in sorted(periods):  # the order in which marks are locked
        for span in spans_between(period, bounds["first"], bounds["last"]):
            StalePeriod.objects.mark_all(span, first, last, at=at)


def aggregate_now(
    aggregation: Aggregation, *, trigger: str, requested_by: "User | None" = None
) -> SyncSession:
    """Run ``aggregation`` in this process; the finished session.

    Must not be called inside a transaction. Raises AlreadyRunning.
    """
    return run_for_fleet(
        SyncSession.Category.AGGREGATION,
        CURRENT_TASKS[aggregation.scope] if aggregation.only_current else TASK,
        aggregation.run,
        trigger=trigger,
        requested_by=requested_by,
    )


def launch_aggregation(
    scope: str | None, *, trigger: str, requested_by: "User | None" = None
) -> SyncSession:
    """Have the workers sum up the current spans of ``scope``; None: all that is due."""
    task = TASK if scope is None else CURRENT_TASKS[Scope(scope)]
    return launch_for_fleet(
        SyncSession.Category.AGGREGATION, task, trigger=trigger, requested_by=requested_by
    )


def refresh_after(session: SyncSession) -> None:
    """Refresh today's aggregates of what ``session`` has measured, as far as they are stale.

    Must not be called inside a transaction. It is a convenience: what fails here is logged, is an
    event of the session, and is done by the next aggregation.
    """
    try:
        refresh_stale(session)
    except Exception as error:  # noqa: BLE001 -- the session has measured well, whatever happens here
        reason, event = FallbackReason.AGGREGATES_NOT_REFRESHED, "aggregates_not_refreshed"
        log_fallback(event, reason, session_id=str(session.pk), exc_info=error)
        with suppress(DatabaseError):
            # It is in the log already, and our own database may be what failed.
            told = {"fallback_reason": reason.value, "error": type(error).__name__}
            SyncEvent.objects.record([event_of(session, event, told)])


def event_of(session: SyncSession, event: str, fields: dict[str, Any]) -> SyncEvent:
    return SyncEvent(
        session=session, level="warning", event=event, fields=fields, at=timezone.now()
    )


def refresh_stale(session: SyncSession) -> None:
    today = timezone.localdate()
    marks = StalePeriod.objects.filter(instance__in=session.records.values("instance"))
    if not marks.in_spans(spans_of(today)).exists():
        return
    with transaction.atomic(durable=True):
        StalePeriod.objects.lock_out_others()
        for span, instances in marks.take(spans_of(today)).items():
            for level in Aggregation().levels:
                refresh(level, span, instances, today=today)
