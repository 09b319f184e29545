"""Cron expressions: which are taken, when they run, and what they say in words."""

import re
from collections.abc import Callable
from datetime import datetime

from croniter import croniter
from django.utils import timezone
from django.utils.dates import MONTHS, WEEKDAYS
from django.utils.translation import gettext as _

from whalefall.core.errors import InvalidRequest

FIELDS = 5
LONGEST = 100
SHOWN = 5
# Five fields of numbers and names. croniter knows more: with seconds, which would run at each look
# of the scheduler, and with R, whose moment is another one each time it is asked.
MONTH_NAMES = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
DAY_NAMES = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
FIELD = re.compile(rf"(?:[\d*/,#-]|L|{'|'.join(MONTH_NAMES + DAY_NAMES)})+", re.I | re.ASCII)
ITEMS = re.compile(r"(?:\d+|[a-z]{3})(?:[,-](?:\d+|[a-z]{3}))*", re.I | re.ASCII)


def check_cron(cron: str) -> str:
    """``cron`` with single spaces, if it has five fields and a moment to run at.

    Raises InvalidRequest: one row that the scheduler can't compute stops every schedule.
    """
    text = " ".join(cron.split())
    try:
        next_runs(text, timezone.localtime())
    except ValueError as error:
        raise InvalidRequest(
            _("%(cron)r is no cron expression that ever runs: %(why)s.")
            % {"cron": cron[:LONGEST], "why": str(error)[:200].rstrip(".")},
            extra={"fields": {"cron": [str(error)[:200]]}},
        ) from None
    return text


def next_runs(cron: str, after: datetime, number: int = SHOWN) -> list[datetime]:
    """The next moments after ``after``, on the clock of its time zone.

    A time of day that a change of the clocks leaves out runs when it is over, one that comes twice
    runs twice. Raises ValueError.
    """
    fields = cron.split()
    if len(fields) != FIELDS or len(cron) > LONGEST:
        raise ValueError(_("five fields are needed: minute, hour, day, month, day of the week"))
    for field in fields:
        if not FIELD.fullmatch(field):
            raise ValueError(_("%(field)r is not understood") % {"field": field})
    runs = croniter(cron, after)
    return [runs.get_next(datetime) for _number in range(number)]


# --- in words -----------------------------------------------------------------------------------


def explain(cron: str) -> str:
    """A valid ``cron`` as a sentence: ``At 01:00, every day.``"""
    minute, hour, *days = cron.split()
    return f"{times_text(minute, hour)}, {days_text(*days)}."


def times_text(minute: str, hour: str) -> str:
    if minute.isdecimal() and hour.isdecimal():
        return _("At %(time)s") % {"time": f"{int(hour):02}:{int(minute):02}"}
    minutes = minutes_text(minute)
    if hour == "*":
        return minutes
    return _("%(minutes)s of hour %(hours)s") % {"minutes": minutes, "hours": hour}


def minutes_text(minute: str) -> str:
    if minute == "*":
        return _("Every minute")
    if minute.startswith("*/"):
        return _("At every minute that %(step)s divides") % {"step": minute[2:]}
    return _("At minute %(minutes)s") % {"minutes": minute}


def days_text(day: str, month: str, weekday: str) -> str:
    """Where both a day of the month and one of the week are given, cron takes either."""
    given = [
        _("on day %(days)s of the month") % {"days": day} if day != "*" else "",
        _("on %(days)s") % {"days": weekdays(weekday)} if weekday != "*" else "",
    ]
    text = _(" and ").join(filter(None, given)) or _("every day")
    if month == "*":
        return text
    return _("%(days)s, in %(months)s") % {"days": text, "months": months(month)}


def weekdays(field: str) -> str:
    return named(field, lambda text: str(WEEKDAYS[(number_of(text, DAY_NAMES, 0) - 1) % 7]))


def months(field: str) -> str:
    return named(field, lambda text: str(MONTHS[number_of(text, MONTH_NAMES, 1)]))


def named(field: str, name_of: Callable[[str], str]) -> str:
    """``mon-fri,0`` in full names; steps and the like stay as they are."""
    if not ITEMS.fullmatch(field):
        return field
    ranges = [item.split("-") for item in field.split(",")]
    return ", ".join("–".join(name_of(end) for end in ends) for ends in ranges)


def number_of(text: str, names: list[str], first: int) -> int:
    return int(text) if text.isdecimal() else names.index(text.lower()) + first
