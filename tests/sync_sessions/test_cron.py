"""Cron expressions: what is taken, when it runs, and how it reads."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_sessions.cron import check_cron, explain, next_runs
from whalefall.core.errors import InvalidRequest

ZONES = ("UTC", "Asia/Kathmandu", "America/St_Johns")


@pytest.mark.parametrize(
    ("cron", "why"),
    [
        ("", "five fields"),
        ("0 1 * *", "five fields"),
        ("*/5 * * * * *", "five fields"),
        ("@daily", "five fields"),
        ("61 * * * *", "out of range"),
        ("0 1 * * eight", "'eight' is not understood"),
        ("R 1 * * *", "'R' is not understood"),
        ("H 1 * * *", "'H' is not understood"),
        ("0 0 30 2 *", "failed to find next date"),
        ("5-1-3 * * * *", "is not acceptable"),
        ("0,,1 * * * *", "not acceptable"),
        ("*/0 * * * *", "not acceptable"),
        ("\0 * * * *", "is not understood"),
        (",".join(["1"] * 60) + " * * * *", "five fields"),
    ],
)
def test_what_never_runs_is_refused(cron: str, why: str):
    with pytest.raises(InvalidRequest, match=why) as caught:
        check_cron(cron)

    assert list(caught.value.extra["fields"]) == ["cron"]


@pytest.mark.parametrize(
    ("cron", "text"),
    [
        ("0 1 * * *", "At 01:00, every day."),
        ("30 3 * * 0", "At 03:30, on Sunday."),
        ("30 3 * * 7", "At 03:30, on Sunday."),
        ("* * * * *", "Every minute, every day."),
        ("*/15 * * * *", "At every minute that 15 divides, every day."),
        ("5,35 8-18 * * mon-fri", "At minute 5,35 of hour 8-18, on Monday–Friday."),
        ("0 4 1 jan,7 *", "At 04:00, on day 1 of the month, in January, July."),
        ("0 4 1 * 1", "At 04:00, on day 1 of the month and on Monday."),
        ("0 4 * * mon#1", "At 04:00, on mon#1."),
        ("0 4 L * *", "At 04:00, on day L of the month."),
        ("7 * * * *", "At minute 7, every day."),
    ],
)
def test_expression_in_words(cron: str, text: str):
    assert (check_cron(f"  {cron.replace(' ', '  ')} "), explain(cron)) == (cron, text)


def field(first: int, last: int) -> st.SearchStrategy[tuple[str, set[int]]]:
    """An expression's field, and the numbers that it stands for."""
    every = set(range(first, last + 1))
    numbers = st.sets(st.integers(first, last), min_size=1, max_size=4)
    steps = st.integers(1, 20)
    return st.one_of(
        st.just(("*", every)),
        numbers.map(lambda some: (",".join(map(str, sorted(some))), some)),
        steps.map(lambda step: (f"*/{step}", set(range(first, last + 1, step)))),
        st.sets(st.integers(first, last), min_size=2, max_size=2).map(
            lambda ends: (f"{min(ends)}-{max(ends)}", set(range(min(ends), max(ends) + 1)))
        ),
    )


@settings(max_examples=60, deadline=None)
@given(
    minute=field(0, 59),
    hour=field(0, 23),
    month=field(1, 12),
    weekday=field(0, 6),
    day=st.integers(0, 700),
    zone=st.sampled_from(ZONES),
)
def test_next_runs_are_those_that_walking_through_the_minutes_finds(
    minute, hour, month, weekday, day, zone
):
    cron = f"{minute[0]} {hour[0]} * {month[0]} {weekday[0]}"
    after = (datetime(2026, 1, 1, 12, 30, tzinfo=UTC) + timedelta(days=day)).astimezone(
        ZoneInfo(zone)
    )

    found = next_runs(cron, after, 3)

    expected = walked(after, 3, minute[1], hour[1], month[1], weekday[1])
    assert [one.astimezone(UTC) for one in found] == expected
    assert {one.tzinfo for one in found} == {after.tzinfo}


def walked(after: datetime, number: int, *sets: set[int]) -> list[datetime]:
    """The same by trying: day by day, then each minute on the wall clock of the zone.

    In UTC: of two moments with the same wall clock of one zone, Python says that they are equal.
    """
    minutes, hours, months, weekdays = sets
    found: list[datetime] = []
    day = after.date()
    while len(found) < number:
        if day.month in months and day.isoweekday() % 7 in weekdays:
            clock = [time(hour, minute) for hour in hours for minute in minutes]
            real = {
                moment
                for shown in clock
                for moment in moments(datetime.combine(day, shown), after.tzinfo)
                if moment.astimezone(after.tzinfo).hour == shown.hour or len(hours) < 24
            }
            found += sorted(one for one in real if one > after.astimezone(UTC))
        day += timedelta(days=1)
    return found[:number]


def moments(shown: datetime, zone: tzinfo | None) -> Iterator[datetime]:
    """When the wall clock shows it; if it is put forward over it, when that happens.

    What runs in every hour anyway does not run then as well.
    """
    for fold in (0, 1):
        moment = shown.replace(tzinfo=zone, fold=fold).astimezone(UTC)
        really = moment.astimezone(zone)
        if really.replace(tzinfo=None, fold=0) == shown:
            yield moment
        elif not fold:  # which Python reads on the clock of before, and so is after the change
            offset = really.utcoffset()
            while (moment - timedelta(minutes=1)).astimezone(zone).utcoffset() == offset:
                moment -= timedelta(minutes=1)
            yield moment


@pytest.mark.parametrize(
    ("day", "cron", "expected"),
    [
        ("2026-03-28", "30 2 * * *", ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"]),
        ("2026-10-24", "30 2 * * *", ["2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"]),
    ],
)
def test_when_the_clocks_change(day: str, cron: str, expected: list[str]):
    after = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=ZoneInfo("Europe/Berlin"))

    assert [one.isoformat() for one in next_runs(cron, after, 2)] == expected


def test_next_runs_are_those_that_the_scheduler_will_take():
    from django_q.models import Schedule  # noqa: PLC0415 -- needs the apps

    cron = "*/20 3 * * *"
    row = Schedule(cron=cron, schedule_type=Schedule.CRON)

    assert row.calculate_next_run() == next_runs(cron, timezone.localtime(), 1)[0]
