"""What the tests of keeping share: a clock, and whole tables to compare."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from capacity.maintain import maintain_now
from capacity.models import DatabaseSize, InstanceSize
from capacity.partitions import tables
from sync_sessions.models import SyncRecord


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], date]:
    """Make it noon of a day, local time."""

    def make(day: str) -> date:
        chosen = date.fromisoformat(day)
        noon = timezone.make_aware(datetime.combine(chosen, time(12)))
        monkeypatch.setattr(timezone, "now", lambda: noon)
        return chosen

    return make


@pytest.fixture
def _no_months_left(transactional_db: None) -> Iterator[None]:
    """DDL that was committed is undone after the test."""
    yield
    for rows in tables():
        for part in rows.parts():
            if not part.is_default:
                with connection.cursor() as cursor:
                    cursor.execute(f'DROP TABLE "{part.name}"')


def maintained() -> dict[str, int]:
    """The counts of a run."""
    return record_of(maintain_now(trigger="command")).counts  # type: ignore[no-any-return]


def record_of(session: Any) -> SyncRecord:
    return SyncRecord.objects.get(session=session)


def sizes() -> list[tuple[Any, ...]]:
    """Every row of both tables, whole."""
    return [
        row
        for model in (DatabaseSize, InstanceSize)
        for row in model.objects.order_by("measured_on", "pk").values_list()
    ]


def contents(table: str) -> set[Any]:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT * FROM "{table}"')
        return set(cursor.fetchall())
