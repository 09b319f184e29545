"""The schedules, as django-q2 keeps them: made from the settings, edited, paused, and guarded.

A paused one has no repeats left: the scheduler passes it over.
"""

import ast
from datetime import datetime
from typing import Any

import structlog
from auditlog.models import LogEntry
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db.models.signals import pre_save
from django.dispatch import receiver
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from django_q.models import Schedule

from sync_sessions.cron import check_cron, next_runs
from whalefall.core.errors import InvalidRequest

log = structlog.get_logger(__name__)

START = "sync_sessions.tasks.run_schedule"
FOR_EVER, PAUSED = -1, 0


def setup_schedules() -> list[str]:
    """Create the schedules of ``settings.SCHEDULES`` that are missing; their names.

    Of those that exist, when they run and whether they are paused stay as an operator left them.
    Raises InvalidRequest on a wrong cron expression. Call inside a transaction.
    """
    crons = {name: default_cron(name) for name in settings.SCHEDULES}
    ours = Schedule.objects.filter(name__in=crons)
    for row in ours.exclude(func=START):
        row.func, row.args = START, arguments(str(row.name))
        row.save(update_fields=["func", "args"])
    there = set(ours.values_list("name", flat=True))
    missing = {name: cron for name, cron in crons.items() if name not in there}
    Schedule.objects.bulk_create(
        Schedule(
            name=name,
            func=START,
            args=arguments(name),
            schedule_type=Schedule.CRON,
            cron=cron,
            next_run=next_run(cron),  # django-q2's own default is at once
        )
        for name, cron in missing.items()
    )
    return list(missing)


def missing_schedules() -> list[str]:
    """Those of the settings that ``setup_schedules`` would create."""
    there = set(Schedule.objects.values_list("name", flat=True))
    return [name for name in settings.SCHEDULES if name not in there]


def default_cron(name: str) -> str:
    cron = settings.SCHEDULES[name][1]
    try:
        return check_cron(cron)
    except InvalidRequest as error:
        raise InvalidRequest(f"SCHEDULES, {name}: {error}") from None


def arguments(name: str) -> str:
    return repr((name,))


def next_run(cron: str) -> datetime:
    return next_runs(cron, timezone.localtime(), 1)[0]


# --- edited by people: call inside a transaction -------------------------------------------------


def change_cron(name: str, cron: str) -> None:
    """Raises Http404, and InvalidRequest for an expression that never runs."""
    _edit(locked(name), cron=check_cron(cron))


def pause(name: str) -> None:
    """What runs goes on. Raises Http404."""
    _edit(locked(name), repeats=PAUSED)


def resume(name: str) -> None:
    """From the next moment on; what was missed stays missed. Raises Http404, InvalidRequest."""
    row = locked(name)
    _edit(row, cron=check_cron(row.cron or ""), repeats=FOR_EVER)


def locked(name: str) -> Any:
    """The row, which the scheduler does not touch until the transaction ends. Raises Http404."""
    rows = Schedule.objects.select_for_update().filter(name__in=settings.SCHEDULES)
    row = rows.filter(name=name).first()
    if row is None:
        raise unknown_schedule(name)
    return row


def unknown_schedule(name: str) -> Http404:
    return Http404(_("There is no schedule %(name)s.") % {"name": name})


def _edit(row: Any, **fields: Any) -> None:
    for field, value in fields.items():
        setattr(row, field, value)
    if "cron" in fields:
        row.next_run = next_run(row.cron)
    row.save(update_fields=[*fields, "next_run"])


@receiver(pre_save, sender=LogEntry, dispatch_uid="sync_sessions.schedules")
def name_in_audit_log(instance: LogEntry, **_: Any) -> None:
    """An entry about a schedule names it, and says whether it is paused: django-q2 says neither."""
    if instance.content_type != ContentType.objects.get_for_model(Schedule):
        return
    name = Schedule.objects.filter(pk=instance.object_id).values_list("name", flat=True).first()
    instance.object_repr = name or instance.object_repr
    if isinstance(instance.changes, dict) and "repeats" in instance.changes:
        before, after = (str(one) for one in instance.changes.pop("repeats"))
        was, now = (None if one == "None" else one == str(PAUSED) for one in (before, after))
        instance.changes["paused"] = [was, now]


# --- guarded ------------------------------------------------------------------------------------


def pause_broken_schedules() -> list[str]:
    """Pause each row that the scheduler can't compute; their names. Call inside a transaction.

    It computes all due rows in one go, so that a single broken one, written past our checks,
    would stop every schedule.
    """
    broken = []
    for row in Schedule.objects.exclude(repeats=PAUSED):
        error = defect(row)
        if error is not None:
            Schedule.objects.filter(pk=row.pk).update(repeats=PAUSED)
            broken.append(str(row.name or row.pk))
            log.error("schedule_paused", schedule=broken[-1], cron=row.cron, exc_info=error)
    return broken


def defect(row: Any) -> Exception | None:
    """What would stop the scheduler at ``row``."""
    try:
        row.calculate_next_run(row.next_run or timezone.now())
        ast.literal_eval(row.args or "()")
    except Exception as error:  # noqa: BLE001 -- whatever it is, the scheduler would end with it
        return error
    return None


def problem_of_cron(cron: str | None) -> str:
    """Why a stored expression runs no schedule; "" when it does."""
    try:
        check_cron(cron or "")
    except InvalidRequest as error:
        return str(error)
    return ""
