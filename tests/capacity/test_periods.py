"""The calendar against itself and the standard library, over thirty years."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.models import Period
from capacity.periods import PERIODS, Span, span_of, spans_between, spans_of

FIRST, LAST = date(2010, 1, 1), date(2040, 12, 31)
DAY = timedelta(days=1)
days = st.dates(FIRST, LAST)
EVERY_DAY = [FIRST + n * DAY for n in range((LAST - FIRST).days + 1)]


def name_of(period: str, day: date) -> tuple[int, ...]:
    """What the calendar calls the period that ``day`` is in."""
    iso = day.isocalendar()
    return {
        "daily": (day.toordinal(),),
        "weekly": (iso.year, iso.week),
        "monthly": (day.year, day.month),
        "quarterly": (day.year, (day.month + 2) // 3),
    }[period]


def test_periods_are_those_of_the_model():
    assert list(PERIODS) == Period.values


@pytest.mark.parametrize("period", PERIODS)
def test_thirty_years_fall_into_the_spans_that_the_calendar_names(period):
    by_name: dict[tuple[int, ...], list[date]] = {}
    for day in EVERY_DAY:
        by_name.setdefault(name_of(period, day), []).append(day)

    whole = list(by_name.values())[1:-1]  # the first and the last may be cut off
    for group in whole:
        span = Span(period, group[0], group[-1])
        assert {span_of(period, day) for day in group} == {span}
        assert span.days == len(group)
    spans = [span_of(period, group[0]) for group in whole]
    assert [span.next for span in spans[:-1]] == spans[1:]
    assert [span.previous for span in spans[1:]] == spans[:-1]


@given(days)
def test_spans_of_a_day_are_one_of_each_and_hold_it(day):
    spans = spans_of(day)

    assert [span.period for span in spans] == list(PERIODS)
    assert all(span.start <= day <= span.end for span in spans)


@pytest.mark.parametrize("period", PERIODS)
@given(first=days, length=st.integers(-3, 400))
def test_spans_between_are_those_of_each_day(period, first, length):
    touched = {span_of(period, first + n * DAY) for n in range(length + 1)}

    spans = list(spans_between(period, first, first + length * DAY))

    assert spans == sorted(touched, key=lambda span: span.start)


@pytest.mark.parametrize(
    ("period", "day", "start", "end"),
    [
        ("weekly", "2021-01-03", "2020-12-28", "2021-01-03"),  # Sunday of week 53
        ("weekly", "2024-12-30", "2024-12-30", "2025-01-05"),  # week 1 of the next year
        ("monthly", "2024-02-29", "2024-02-01", "2024-02-29"),
        ("monthly", "2023-02-01", "2023-02-01", "2023-02-28"),
        ("monthly", "2023-12-31", "2023-12-01", "2023-12-31"),
        ("quarterly", "2024-02-29", "2024-01-01", "2024-03-31"),
        ("quarterly", "2023-12-31", "2023-10-01", "2023-12-31"),
    ],
)
def test_days_on_which_calendars_go_wrong(period, day, start, end):
    span = Span(period, date.fromisoformat(start), date.fromisoformat(end))

    assert span_of(period, date.fromisoformat(day)) == span


@pytest.mark.parametrize(
    ("quarter", "before"),
    [
        ("2024-01-01", ("2023-10-01", "2023-12-31")),
        ("2024-04-01", ("2024-01-01", "2024-03-31")),
        ("2024-07-01", ("2024-04-01", "2024-06-30")),
        ("2024-10-01", ("2024-07-01", "2024-09-30")),
    ],
)
def test_predecessor_of_a_quarter_is_the_whole_one_before(quarter, before):
    span = span_of("quarterly", date.fromisoformat(quarter))

    assert span.previous == Span("quarterly", *map(date.fromisoformat, before))
