"""What the schedules start: how each is doing, and starting one, which never runs twice at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import OuterRef, Subquery
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_q.models import Schedule, Task

from sync_sessions.cron import explain, next_runs
from sync_sessions.launch import reap
from sync_sessions.models import SyncSession
from sync_sessions.querysets import OPEN
from sync_sessions.schedules import PAUSED, problem_of_cron, unknown_schedule
from whalefall.core.audit import note
from whalefall.core.errors import WhalefallError

if TYPE_CHECKING:
    from whalefall.users.models import User

TITLES = {
    "sync_accounts": gettext_lazy("Sync accounts"),
    "calculate_account": gettext_lazy("Classify accounts"),
    "collect_database_sizes": gettext_lazy("Measure databases"),
    "collect_table_sizes": gettext_lazy("Measure tables"),
    "calculate_database_size_aggregations": gettext_lazy("Sum sizes up"),
    "forecast_capacity": gettext_lazy("Forecast capacity"),
    "maintain_partitions": gettext_lazy("Maintain partitions"),
    "clean_up": gettext_lazy("Clean up"),
    "reap_sessions": gettext_lazy("Rescue runs of dead workers"),
}
# Done in a moment by whoever starts them, without a session.
AT_ONCE = {"reap_sessions": reap}
# The scheduler looks twice a minute.
OVERDUE_AFTER = timedelta(minutes=3)


class StillRunning(WhalefallError):
    """The run before has not ended; ``extra["session_id"]`` says which that is."""

    code = "SYNC_ALREADY_RUNNING"
    http_status = 409
    category = "conflict"
    suggestions = ("Wait for that session, or cancel it.",)


@dataclass(frozen=True, slots=True)
class LastRun:
    """``outcome``: a session's status, or completed and failed for what keeps no session."""

    at: datetime
    outcome: str
    session_id: str | None


@dataclass(frozen=True, slots=True)
class Job:
    """A schedule and what it starts.

    ``running`` is None for what keeps no session. ``next_runs`` are in TIME_ZONE, and none while
    it is paused. ``problem`` says why its expression does not run; "" when it does.
    """

    name: str
    title: str
    cron: str
    explanation: str
    paused: bool
    running: bool | None
    overdue: bool
    problem: str
    last_run: LastRun | None
    next_runs: Sequence[datetime]


def jobs() -> list[Job]:
    """Every schedule of the settings that is set up, in a constant number of queries."""
    newest = SyncSession.objects.filter(schedule=OuterRef("name")).order_by("-created_at")
    rows = list(
        Schedule.objects.filter(name__in=settings.SCHEDULES)
        .annotate(session=Subquery(newest.values("pk")[:1]))
        .order_by("name")
    )
    sessions = SyncSession.objects.in_bulk([row.session for row in rows if row.session])
    tasks = Task.objects.defer("result").in_bulk([row.task for row in rows if row.task])
    order = list(settings.SCHEDULES)
    rows.sort(key=lambda row: order.index(row.name))
    return [job(row, sessions.get(row.session), tasks.get(row.task)) for row in rows]


def job(row: Any, session: SyncSession | None, task: Any) -> Job:
    now = timezone.localtime()
    problem = problem_of_cron(row.cron)
    is_paused = row.repeats == PAUSED
    return Job(
        name=row.name,
        title=str(TITLES.get(row.name, row.name)),
        cron=row.cron or "",
        explanation="" if problem else explain(row.cron),
        paused=is_paused,
        running=None if row.name in AT_ONCE else bool(session and session.status in OPEN),
        overdue=not is_paused and is_overdue(row.next_run, now),
        problem=problem,
        last_run=last_run(session, task),
        next_runs=[] if problem or is_paused else next_runs(row.cron, now),
    )


def is_overdue(due: datetime | None, now: datetime) -> bool:
    return due is not None and due < now - OVERDUE_AFTER


def last_run(session: SyncSession | None, task: Any) -> LastRun | None:
    """The newest session; or the start after it, where that failed or has no session."""
    if task is not None and (session is None or task.started > session.created_at):
        is_start_of_session = session is not None and task.success
        if not is_start_of_session:
            return LastRun(task.started, "completed" if task.success else "failed", None)
    return LastRun(session.created_at, session.status, str(session.pk)) if session else None


def job_named(name: str) -> Job:
    """Raises Http404."""
    for one in jobs():
        if one.name == name:
            return one
    raise unknown_schedule(name)


def start(name: str, *, trigger: str, requested_by: "User | None" = None) -> SyncSession | None:
    """Start what the schedule ``name`` starts; its session, None for what is done at once.

    Must not be called inside a transaction. Raises StillRunning, whoever else starts it at the
    same moment, and Http404.
    """
    if name in AT_ONCE:
        AT_ONCE[name]()
        # A session would say who started it.
        rows = Schedule.objects.filter(name=name) if requested_by else ()
        note((row, {"started": [None, str(timezone.now())]}) for row in rows)
        return None
    with transaction.atomic(durable=True):
        if not Schedule.objects.filter(name=name).exists():
            raise unknown_schedule(name)
        if SyncSession.objects.open_of(name).exists():
            raise still_running(name)
        launch = import_string(settings.SCHEDULES[name][0])
        session: SyncSession = launch(trigger=trigger, requested_by=requested_by)
        try:
            SyncSession.objects.tie(session, schedule=name)
        except IntegrityError:
            raise still_running(name) from None
    return session


def still_running(name: str) -> StillRunning:
    other = SyncSession.objects.open_of(name).first()
    place = _(" in session %(session)s") % {"session": other.pk} if other else ""
    return StillRunning(
        _("The run of %(name)s before still goes on%(place)s, so none was started.")
        % {"name": name, "place": place},
        extra={"session_id": str(other.pk) if other else None},
    )
