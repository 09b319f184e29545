"""Days, ISO weeks, months and quarters: calendar arithmetic, no clock and no table."""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

DAY = timedelta(days=1)

DAILY, WEEKLY, MONTHLY, QUARTERLY = "daily", "weekly", "monthly", "quarterly"
PERIODS = (DAILY, WEEKLY, MONTHLY, QUARTERLY)
"""The values of ``capacity.models.Period``, the shortest first."""

MONTHS = {MONTHLY: 1, QUARTERLY: 3}


@dataclass(frozen=True, slots=True)
class Span:
    """One day, week, month or quarter. ``end`` is its last day."""

    period: str
    start: date
    end: date

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1

    @property
    def previous(self) -> "Span":
        """The whole span before this one; OverflowError before the first of the calendar."""
        return span_of(self.period, self.start - DAY)

    @property
    def next(self) -> "Span":
        """The whole span after this one; OverflowError after the last of the calendar."""
        return span_of(self.period, self.end + DAY)


def span_of(period: str, day: date) -> Span:
    """The span of ``period`` that ``day`` is in. Weeks are those of ISO 8601: from Monday on."""
    if period == DAILY:
        return Span(period, day, day)
    if period == WEEKLY:
        monday = day - day.weekday() * DAY
        return Span(period, monday, monday + 6 * DAY)
    months = MONTHS[period]
    first = (day.month - 1) // months * months + 1
    last = first + months - 1
    start, last_month = day.replace(month=first, day=1), day.replace(month=last, day=1)
    return Span(period, start, last_month.replace(day=monthrange(day.year, last)[1]))


def spans_of(day: date) -> tuple[Span, ...]:
    """The four spans that ``day`` is in, the shortest first."""
    return tuple(span_of(period, day) for period in PERIODS)


def spans_between(period: str, first: date, last: date) -> Iterator[Span]:
    """Every span of ``period`` that has a day from ``first`` to ``last``, in order of time."""
    if first > last:
        return
    span = span_of(period, first)
    yield span
    while span.end < last:
        span = span.next
        yield span
