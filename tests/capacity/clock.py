"""A clock that a test sets."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from unittest import mock

START = date(2026, 3, 28)


@contextmanager
def clock_at(moment: datetime) -> Iterator[None]:
    with mock.patch("django.utils.timezone.now", return_value=moment):
        yield


def noon(day: date, minutes: int = 0) -> datetime:
    return datetime.combine(day, time(12), UTC) + timedelta(minutes=minutes)
