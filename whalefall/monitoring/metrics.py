"""Numbers for Prometheus, counted from our own database: every process tells the same.

What can't be said has no sample: a coverage of nothing is neither 0 nor 1.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Avg, Count, FloatField, Max, Min, Q
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django_q.models import OrmQ, Task
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from instances.models import Instance, Section
from sync_sessions.jobs import jobs
from sync_sessions.models import SyncRecord, SyncSession
from sync_sessions.querysets import OPEN

WINDOW = timedelta(hours=24)
PHASES = ("read", "write", "total")
Sample = tuple[list[str], float]


class Metrics(Collector):
    """Counted anew at each ``collect``, in a constant number of queries."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for count in COUNTS:
            yield from count(self.now)


def gauge(name: str, about: str, labels: str, samples: Iterable[Sample]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"whalefall_{name}", about, labels=labels.split())
    for values, number in samples:
        family.add_metric(values, number)
    return family


def single(name: str, about: str, number: float | None) -> GaugeMetricFamily:
    return gauge(name, about, "", [] if number is None else [([], number)])


def sessions(now: datetime) -> Iterator[GaugeMetricFamily]:
    wanted = SyncSession.objects.filter(Q(created_at__gte=now - WINDOW) | Q(status__in=OPEN))
    rows = wanted.order_by().values_list("category", "status").annotate(number=Count("pk"))
    about = "Sessions that were asked for in the last 24 hours, and older ones that are open."
    yield gauge("sessions", about, "category status", labelled(rows))


def failures(now: datetime) -> Iterator[GaugeMetricFamily]:
    failed = SyncRecord.objects.filter(status="failed", session__created_at__gte=now - WINDOW)
    rows = failed.order_by().values_list("category", "error_code").annotate(number=Count("pk"))
    about = "Failed records of the sessions of the last 24 hours."
    yield gauge("records_failed", about, "category error_code", labelled(rows))


def labelled(rows: Iterable[Any]) -> Iterator[Sample]:
    return (([str(one) for one in labels], number) for *labels, number in rows)


def seconds(now: datetime) -> Iterator[GaugeMetricFamily]:
    done = SyncRecord.objects.filter(status="completed", session__created_at__gte=now - WINDOW)
    numbers: dict[str, Any] = {}
    for phase in PHASES:
        spent = Cast(KT(f"timings__{phase}"), FloatField())
        numbers |= {f"{phase}_mean": Avg(spent), f"{phase}_longest": Max(spent)}
    rows: Any = list(done.order_by().values("category").annotate(**numbers))
    for kind in ("mean", "longest"):
        yield gauge(
            f"record_seconds_{kind}",
            f"The {kind} time of a completed record of the last 24 hours' sessions, in seconds.",
            "category phase",
            (
                ([row["category"], phase], row[f"{phase}_{kind}"])
                for row in rows
                for phase in PHASES
                if row[f"{phase}_{kind}"] is not None
            ),
        )


def backlog(now: datetime) -> Iterator[GaugeMetricFamily]:
    records = SyncRecord.objects.order_by().aggregate(
        pending=Count("pk", filter=Q(status="pending")),
        running=Count("pk", filter=Q(status="running")),
        lost=Count("pk", filter=Q(status__in=OPEN, lease_until__lt=now)),
        regained=Count("pk", filter=Q(attempt__gt=1, session__created_at__gte=now - WINDOW)),
    )
    yield single("records_pending", "Records that wait for a worker.", records["pending"])
    yield single("records_running", "Records that a worker has claimed.", records["running"])
    yield single(
        "leases_expired", "Open records whose lease ran out, not yet rescued.", records["lost"]
    )
    yield single(
        "leases_lost_24h",
        "Records of the last 24 hours' sessions that a worker lost at least once.",
        records["regained"],
    )
    waiting = OrmQ.objects.filter(lock__lte=now).aggregate(number=Count("pk"), since=Min("lock"))
    yield single("queue_tasks", "Tasks in the queue that no worker has taken.", waiting["number"])
    since = waiting["since"]
    yield single(
        "queue_oldest_seconds",
        "How long the first of them has waited.",
        (now - since).total_seconds() if since else 0,
    )
    beat = Task.objects.aggregate(at=Max("stopped"))["at"]
    yield single(
        "worker_heartbeat_timestamp_seconds",
        "When a worker last ended a task.",
        beat and beat.timestamp(),
    )


def instances(_now: datetime) -> Iterator[GaugeMetricFamily]:
    reached = Q(last_error="")
    states = {
        "reachable": reached & Q(last_reached_at__isnull=False),
        "unreachable": ~reached,
        "unknown": reached & Q(last_reached_at=None),
    }
    found = (
        Instance.objects.active()
        .order_by()
        .aggregate(**{name: Count("pk", filter=which) for name, which in states.items()})
    )
    yield gauge(
        "instances",
        "Active instances by how the last attempt to reach them ended; unknown: none was made.",
        "state",
        (([name], found[name]) for name in states),
    )


def coverage(_now: datetime) -> Iterator[GaugeMetricFamily]:
    sections = Section.objects.filter(instance__in=Instance.objects.active())
    rows = list(
        sections.order_by()
        .values("category")
        .annotate(all=Count("pk"), known=Count("pk", filter=Q(state=Section.State.COMPLETE)))
    )
    yield gauge(
        "coverage_ratio",
        "Known sections of all that the last readings of active instances have.",
        "category",
        (([row["category"]], row["known"] / row["all"]) for row in rows),
    )
    read = sections.filter(category="accounts").values("instance")
    yield single(
        "instances_never_read",
        "Active instances whose accounts were never read; no coverage counts them.",
        Instance.objects.active().exclude(pk__in=read).count(),
    )


def schedules(_now: datetime) -> Iterator[GaugeMetricFamily]:
    found = jobs()
    yield single(
        "schedules_overdue",
        "Schedules that should have started.",
        sum(one.overdue for one in found),
    )
    yield single("schedules_paused", "Paused schedules.", sum(one.paused for one in found))


COUNTS: tuple[Callable[[datetime], Iterator[GaugeMetricFamily]], ...] = (
    sessions,
    failures,
    seconds,
    backlog,
    instances,
    coverage,
    schedules,
)
