"""Whether Whalefall itself works: each part by itself, with what to do where it does not."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, Max, Min
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django_q.models import OrmQ, Task

from capacity.partitions import partition_status
from sync_sessions.jobs import jobs
from sync_sessions.models import SyncRecord
from sync_sessions.schedules import missing_schedules
from whalefall.core.fallbacks import FallbackReason, log_fallback

OK, WARNING, FAILED, UNKNOWN = "ok", "warning", "failed", "unknown"
STATUSES = (OK, UNKNOWN, WARNING, FAILED)
"""From good to bad."""
STATUS_CHOICES = [(status, status) for status in STATUSES]
# A beat is queued whenever the queue is empty, twice a minute.
SILENT_AFTER = timedelta(minutes=3)
WAITING_TOO_LONG = timedelta(minutes=5)
# Somebody looks for dead workers' records every minute.
UNRESCUED_AFTER = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class Check:
    """``suggestion``: what to do; "" when all is well."""

    name: str
    status: str
    message: str
    suggestion: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    status: str
    checked_at: datetime
    checks: list[Check]


def health(now: datetime) -> Health:
    """Every check; as a whole it is as well as the worst of them."""
    checks = [run(name, check, now) for name, check in CHECKS.items()]
    worst = max(checks, key=lambda one: STATUSES.index(one.status))
    return Health(worst.status, now, checks)


def run(name: str, check: Callable[[datetime], tuple[str, ...]], now: datetime) -> Check:
    try:
        return Check(name, *check(now))
    except DatabaseError as error:
        log_fallback(
            "health_check_failed", FallbackReason.HEALTH_UNKNOWN, check=name, exc_info=error
        )
        return Check(
            name,
            UNKNOWN,
            _("Our own database did not answer this question."),
            _("Look for health_check_failed in the log."),
        )


# --- the checks: (status, message, suggestion) ---------------------------------------------------


def database(_now: datetime) -> tuple[str, ...]:
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if waiting:
        text = ngettext(
            "%(number)s migration is not applied.",
            "%(number)s migrations are not applied.",
            len(waiting),
        )
        return FAILED, text % {"number": len(waiting)}, _("Run manage.py migrate.")
    return OK, _("It answers, and its tables are those of this version.")


def queue(now: datetime) -> tuple[str, ...]:
    waiting = OrmQ.objects.filter(lock__lte=now).aggregate(number=Count("pk"), since=Min("lock"))
    if not waiting["number"]:
        return OK, _("Nothing waits.")
    text = ngettext(
        "%(number)s task waits, since %(since)s.",
        "%(number)s tasks wait, the first since %(since)s.",
        waiting["number"],
    )
    message = text % {"number": waiting["number"], "since": clock(waiting["since"])}
    if now - waiting["since"] < WAITING_TOO_LONG:
        return OK, message
    return WARNING, message, _("Start workers (manage.py worker), or more of them.")


def workers(now: datetime) -> tuple[str, ...]:
    """By what came out of the queue last: workers with nothing else to do prove themselves."""
    last = Task.objects.aggregate(at=Max("stopped"))["at"]
    start = _("Start one: manage.py worker.")
    if last is None:
        return UNKNOWN, _("No worker has ever done anything."), start
    message = _("A worker has ended a task at %(time)s.") % {"time": clock(last)}
    if now - last < SILENT_AFTER:
        return OK, message
    running = SyncRecord.objects.filter(status="running", lease_until__gt=now).count()
    if not running:
        return FAILED, _("%(last)s Nothing since.") % {"last": message}, start
    text = ngettext(
        "%(last)s Nothing since, and %(number)s record is running.",
        "%(last)s Nothing since, and %(number)s records are running.",
        running,
    )
    return (
        WARNING,
        text % {"last": message, "number": running},
        _("If every worker is busy, wait or start more; else start one: manage.py worker."),
    )


def schedules(_now: datetime) -> tuple[str, ...]:
    missing, found = missing_schedules(), jobs()
    broken = [one.name for one in found if one.problem]
    overdue = [one.name for one in found if one.overdue]
    paused = [one.name for one in found if one.paused]
    for status, names, message, suggestion in (
        (FAILED, broken, _("Have no valid cron expression, so never run"), _("Correct them.")),
        (FAILED, overdue, _("Are overdue"), _("Start a worker: manage.py worker.")),
        (WARNING, missing, _("Are not set up"), _("Run manage.py setup_schedules.")),
        (WARNING, paused, _("Are paused"), _("Resume them when they are wanted again.")),
    ):
        if names:
            return status, f"{message}: {', '.join(names)}.", suggestion
    return OK, _("All are set up, and none is overdue.")


def runs(now: datetime) -> tuple[str, ...]:
    lost = SyncRecord.objects.expired(at=now - UNRESCUED_AFTER).count()
    if not lost:
        return OK, _("No record waits for a dead worker.")
    text = ngettext(
        "%(number)s record was left behind by a worker, and nobody has rescued it.",
        "%(number)s records were left behind by workers, and nobody has rescued them.",
        lost,
    )
    return WARNING, text % {"number": lost}, _("See that reap_sessions is scheduled, or run it.")


def partitions(_now: datetime) -> tuple[str, ...]:
    status = partition_status()
    if status.is_healthy:
        return OK, _("Every month that is needed is there, and no more.")
    tables = ", ".join(one.table for one in status.tables if not one.is_healthy)
    message = _("Months are missing, have stray rows or should be dropped: %(tables)s.")
    return (
        WARNING,
        message % {"tables": tables or _("old months")},
        _("Run manage.py maintain_partitions, and see that it is scheduled."),
    )


def clock(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S %Z}"


CHECKS: dict[str, Callable[[datetime], tuple[str, ...]]] = {
    "database": database,
    "queue": queue,
    "workers": workers,
    "schedules": schedules,
    "runs": runs,
    "partitions": partitions,
}
