"""Which sessions and records; and every write of a status, each a conditional UPDATE.

Nobody else writes ``status``: the row count says who won a race, and a final status stays.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.apps import apps
from django.db import models, transaction
from django.db.models import Case, Count, Exists, F, OuterRef, Q, Value, When

if TYPE_CHECKING:
    from instances.models import Instance
    from instances.querysets import InstanceQuerySet
    from sync_sessions.models import SyncEvent, SyncRecord, SyncSession

OPEN = ("pending", "running")
MOST_ATTEMPTS = 2


class SyncSessionQuerySet(models.QuerySet["SyncSession"]):
    def with_progress(self) -> Self:
        """Adds ``total``, ``completed``, ``failed``, ``cancelled`` and ``open`` record counts."""
        return self.annotate(
            total=Count("records"),
            completed=Count("records", filter=Q(records__status="completed")),
            failed=Count("records", filter=Q(records__status="failed")),
            cancelled=Count("records", filter=Q(records__status="cancelled")),
            open=Count("records", filter=Q(records__status__in=OPEN)),
        )

    def counted(self, sessions: "Iterable[SyncSession]") -> "list[SyncSession]":
        """The same in the same order, as they are now, with their progress."""
        keys = [session.pk for session in sessions]
        rows = self.filter(pk__in=keys).with_progress().select_related("requested_by")
        found = {session.pk: session for session in rows}
        return [found[key] for key in keys if key in found]

    def begin(self, *, at: datetime, **what: Any) -> "SyncSession":
        """A new session of ``what``: category, task, trigger and who asked for it."""
        return self.create(created_at=at, **what)

    def tie(self, session: "SyncSession", *, schedule: str) -> None:
        """Say of which schedule ``session`` is a run.

        Raises IntegrityError when it is open, and so is another run of that schedule.
        """
        with transaction.atomic():
            self.filter(pk=session.pk).update(schedule=schedule)
        session.schedule = schedule

    def open_of(self, schedule: str) -> Self:
        """The run of ``schedule`` that has not ended; there is one at most."""
        return self.filter(schedule=schedule, status__in=OPEN)

    def start(self, session: UUID, *, at: datetime) -> None:
        self.filter(pk=session, status="pending").update(status="running", started_at=at)

    def request_cancel(self, session: UUID, *, at: datetime) -> bool:
        """Whether the session was still open, and is now asked to stop."""
        asked = self.filter(pk=session, status__in=OPEN, cancel_requested_at=None)
        return bool(asked.update(cancel_requested_at=at))

    def finish(self, *, at: datetime, session: UUID) -> bool:
        """Give the session its final status if no record is open; True for the one who did it."""
        records = self._records()
        return bool(
            self.filter(~Exists(records.filter(status__in=OPEN)), pk=session, status__in=OPEN)
            .order_by()
            .update(
                finished_at=at,
                started_at=Case(When(started_at=None, then=Value(at)), default=F("started_at")),
                status=Case(
                    When(
                        Exists(records.filter(status="cancelled")),
                        then=Value("cancelled"),
                    ),
                    When(
                        ~Exists(records.exclude(status="completed")),
                        then=Value("completed"),
                    ),
                    When(
                        ~Exists(records.filter(status="completed")),
                        then=Value("failed"),
                    ),
                    default=Value("partial"),
                ),
            )
        )

    def unfinished(self) -> Self:
        """Open sessions whose records are all final: their last worker died before saying so."""
        return self.filter(~Exists(self._records().filter(status__in=OPEN)), status__in=OPEN)

    def over(self, *, before: datetime) -> Self:
        """Those with a final status that were launched before that moment."""
        return self.filter(created_at__lt=before).exclude(status__in=OPEN)

    def with_events(self) -> Self:
        event = apps.get_model("sync_sessions", "SyncEvent")
        return self.filter(Exists(event.objects.filter(session=OuterRef("pk"))))

    def forget_of(self, instances: "InstanceQuerySet") -> None:
        """Delete the sessions that had a record of one of ``instances``."""
        self.filter(pk__in=self.filter(records__instance__in=instances).values("pk")).delete()

    def _records(self) -> "SyncRecordQuerySet":
        record = apps.get_model("sync_sessions", "SyncRecord")  # our own models import this module
        return SyncRecordQuerySet(record).filter(session=OuterRef("pk"))


class SyncRecordQuerySet(models.QuerySet["SyncRecord"]):
    def chunk(self, session: UUID, first: int, last: int) -> Self:
        return self.filter(session=session, pk__range=(first, last))

    def begin(
        self,
        session: "SyncSession",
        instances: Iterable["Instance | None"],
        *,
        lease_until: datetime,
    ) -> int:
        """One pending record per instance (None: the whole fleet); how many there are."""
        return len(
            self.bulk_create(
                self.model(
                    session=session,
                    instance=instance,
                    category=session.category,
                    lease_until=lease_until,
                )
                for instance in instances
            )
        )

    def pending(self) -> Self:
        return self.filter(status="pending")

    def claim(self, record: "SyncRecord", *, at: datetime, lease_until: datetime) -> bool:
        """Make ``record`` running, if it is pending and its session not cancelled.

        Raises IntegrityError when the same work already runs on that instance.
        """
        # The conditions stand on the row itself: a join would become ``pk IN (SELECT …)``, which
        # PostgreSQL does not look at again after waiting for another worker's claim.
        wanted = self.filter(session__cancel_requested_at=None).values("pk")
        with transaction.atomic():
            won = self.filter(pk=record.pk, status="pending", pk__in=wanted).update(
                status="running",
                attempt=F("attempt") + 1,
                lease_until=lease_until,
                started_at=at,
            )
        if won:
            record.refresh_from_db(fields=["status", "attempt", "lease_until", "started_at"])
        return bool(won)

    def hold(self, record: "SyncRecord", *, lease_until: datetime) -> bool:
        """Whether ``record`` is still this attempt's; locks its row until the transaction ends."""
        return bool(self._attempt(record).update(lease_until=lease_until))

    def renew(self, chunk: Self, running: Collection[int], *, lease_until: datetime) -> None:
        """Keep what a worker runs, and what waits in its chunk, from being given to another."""
        waiting = Q(pk__in=chunk.pending().values("pk"), status="pending")
        ours = Q(pk__in=running, status="running")
        self.filter(waiting | ours).update(lease_until=lease_until)

    def note(self, record: "SyncRecord", **counts: int) -> None:
        """Put ``counts`` on a running record already, whatever becomes of its run."""
        record.counts = {**record.counts, **counts}
        self._attempt(record).update(counts=record.counts)

    def end(self, record: "SyncRecord", *, status: str, at: datetime, **result: Any) -> bool:
        """Give a running record its final status; False when another one got there first."""
        ended = self._attempt(record).update(
            status=status, finished_at=at, lease_until=None, **result
        )
        if ended:
            for name, value in (
                ("status", status),
                ("finished_at", at),
                *result.items(),
            ):
                setattr(record, name, value)
        return bool(ended)

    def refuse(self, record: "SyncRecord", *, at: datetime, code: str, message: str) -> bool:
        """Fail a record that could not start."""
        refused = self.filter(pk=record.pk, status="pending").update(
            status="failed",
            started_at=at,
            finished_at=at,
            lease_until=None,
            error_code=code,
            error_message=message,
        )
        record.refresh_from_db()
        return bool(refused)

    def cancel_pending(self, *, at: datetime) -> int:
        return self.pending().update(status="cancelled", finished_at=at, lease_until=None)

    def expired(self, *, at: datetime) -> Self:
        """Open records that no worker has kept: it died, or nobody was ever told of them."""
        return self.filter(status__in=OPEN, lease_until__lt=at)

    def give_back(self, *, at: datetime, grace: timedelta) -> Self:
        """Make lost records pending again, once; then fail them. Those to queue anew."""
        expired = self.expired(at=at)
        if not expired.exists():  # as almost always, and every run asks
            return self.none()
        unwanted = self.filter(session__cancel_requested_at__isnull=False).values("pk")
        expired.filter(pk__in=unwanted).update(status="cancelled", finished_at=at, lease_until=None)
        expired.filter(status="running", attempt__gte=MOST_ATTEMPTS).update(
            status="failed",
            finished_at=at,
            lease_until=None,
            error_code="WORKER_LOST",
            error_message=(
                "The worker died twice while it worked on this instance. Look at the worker's "
                "log, then run it again."
            ),
        )
        lost = list(expired.values_list("pk", flat=True))
        self.filter(pk__in=lost, lease_until__lt=at).update(
            status="pending", lease_until=at + grace
        )
        return self.pending().filter(pk__in=lost)

    def _attempt(self, record: "SyncRecord") -> Self:
        return self.filter(pk=record.pk, status="running", attempt=record.attempt)


class SyncEventQuerySet(models.QuerySet["SyncEvent"]):
    def record(self, events: Iterable["SyncEvent"]) -> None:
        self.bulk_create(events)

    def forget_of(self, sessions: Collection[UUID]) -> int:
        """Delete what was said in ``sessions``; how many events that were."""
        return self.filter(session__in=sessions).delete()[0]
