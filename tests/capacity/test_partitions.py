"""Retention and months, where both own databases must agree; the rest is PostgreSQL's alone."""

import random
from datetime import date, timedelta

import pytest
from django.core.management import call_command
from django.db import connection

from capacity.maintain import apply_retention
from capacity.models import DatabaseSize, InstanceSize
from capacity.partitions import first_kept, months_back, partition_status, partitions, wanted_months
from capacity.querysets.partitions import month_after, month_of
from sync_sessions.fleet import run_for_fleet
from tests.capacity.keeping import maintained, record_of, sizes, today  # noqa: F401 -- a fixture
from tests.factories import (
    DatabaseAggregateFactory,
    DatabaseFactory,
    DatabaseSizeFactory,
    InstanceFactory,
    InstanceSizeFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def test_month_arithmetic_agrees_with_counting_days():
    day = date(1999, 1, 1)
    for _ in range(30 * 12):
        following = day + timedelta(days=31)
        assert month_after(day) == following.replace(day=1) == month_of(following)
        assert month_after(month_after(day, 7), -7) == day
        day = month_after(day)


def test_wanted_are_the_current_month_and_three_more_over_the_year_end():
    assert wanted_months(date(2026, 11, 23)) == [
        date(2026, 11, 1),
        date(2026, 12, 1),
        date(2027, 1, 1),
        date(2027, 2, 1),
    ]


def test_zero_months_are_kept_for_ever(settings):
    settings.SIZE_RETENTION_MONTHS = 0
    assert first_kept(date(2026, 11, 23)) is None
    assert months_back(date(2026, 1, 31), 2) == date(2025, 11, 1)


def test_retention_drops_whole_months_only_and_aggregates_stay(settings, today):  # noqa: F811
    today("2026-11-23")
    settings.SIZE_RETENTION_MONTHS = 2
    database = DatabaseFactory()
    days = [date(2026, 6, 30), date(2026, 8, 1), date(2026, 8, 31), date(2026, 9, 1)]
    for day in [*days, date(2026, 11, 23)]:
        DatabaseSizeFactory(database=database, measured_on=day)
        InstanceSizeFactory(instance=database.instance, measured_on=day)
        DatabaseAggregateFactory(database=database, period_start=day)
    connection.check_constraints()

    counts = maintained()

    kept = [date(2026, 9, 1), date(2026, 11, 23)]
    for model in (DatabaseSize, InstanceSize):
        assert (
            list(model.objects.order_by("measured_on").values_list("measured_on", flat=True))
            == kept
        )
    assert counts["deleted"] == 6
    assert database.aggregates.count() == 5
    assert maintained() == {"created": 0, "moved": 0, "dropped": 0, "deleted": 0}


def test_months_that_have_a_part_are_dropped_with_it(settings, today):  # noqa: F811
    today("2026-08-10")
    database = DatabaseFactory()
    for day in (date(2026, 8, 10), date(2026, 9, 1)):
        DatabaseSizeFactory(database=database, measured_on=day)
    connection.check_constraints()
    maintained()
    settings.SIZE_RETENTION_MONTHS = 2
    today("2026-11-01")

    session = run_for_fleet("partitions", "some.task", apply_retention, trigger="command")

    assert [one[1] for one in sizes()] == [date(2026, 9, 1)]
    on_postgresql = {"dropped": 2, "deleted": 0}
    on_sqlite = {"dropped": 0, "deleted": 1}
    assert record_of(session).counts == (on_postgresql if is_postgresql() else on_sqlite)


@pytest.mark.parametrize("seed", range(4))
def test_rows_are_what_was_measured_and_not_past_its_time(settings, today, seed):  # noqa: F811
    """Against a model: any sequence of measuring, correcting, waiting, maintaining, importing."""
    chance = random.Random(seed)
    databases = DatabaseFactory.create_batch(3, instance=InstanceFactory())
    now, model = today("2026-01-15"), {}
    for _ in range(25):
        act = chance.choice(["measure", "measure", "import", "wait", "maintain", "retain"])
        if act in ("measure", "import"):
            day = now - timedelta(days=chance.randrange(150) if act == "import" else 0)
            one, total = chance.choice(databases), chance.randrange(10**12)
            size = DatabaseSizeFactory.build(database=one, measured_on=day, total_bytes=total)
            DatabaseSize.objects.record([size])
            model[one.pk, day] = total
        elif act == "wait":
            now = today(str(now + timedelta(days=chance.randrange(1, 70))))
        elif act == "retain":
            settings.SIZE_RETENTION_MONTHS = chance.choice([0, 1, 3, 24])
        else:
            connection.check_constraints()
            maintained()
            kept = first_kept(now)
            model = {key: size for key, size in model.items() if kept is None or key[1] >= kept}
            assert partition_status().is_healthy
        found = DatabaseSize.objects.values_list("database", "measured_on", "total_bytes")
        assert {(key, day): total for key, day, total in found} == model
    assert model


def test_status_says_what_is_missing_until_it_is_maintained(today):  # noqa: F811
    today("2026-11-23")
    DatabaseSizeFactory(measured_on=date(2026, 11, 20))
    connection.check_constraints()
    before = partition_status()
    maintained()
    after = partition_status()

    table = after.tables[0]
    assert (table.table, table.oldest_on) == ("capacity_databasesize", date(2026, 11, 20))
    assert after.is_healthy
    if is_postgresql():
        assert not before.is_healthy
        assert before.tables[0].missing_months == wanted_months(date(2026, 11, 23))
        assert [one.default_rows for one in before.tables] == [1, 0]
        assert (table.missing_months, table.default_rows, table.has_next_month) == ([], 0, True)
    else:
        assert before == after
        assert not after.is_partitioned
        assert partitions() == []
        assert (table.missing_months, table.default_rows, table.has_next_month) == (None,) * 3


def test_days_past_their_time_are_not_healthy(settings, today):  # noqa: F811
    today("2026-11-23")
    maintained()
    settings.SIZE_RETENTION_MONTHS = 2
    InstanceSizeFactory(measured_on=date(2026, 8, 31))
    assert not partition_status().is_healthy


def test_command_says_what_it_did(capsys, today):  # noqa: F811
    today("2026-11-23")
    call_command("maintain_partitions")
    said = capsys.readouterr().out
    if is_postgresql():
        assert "8 created" in said
        assert "SQLite" not in said
    else:
        assert "0 created" in said
        assert "its tables have no partitions" in said


def is_postgresql() -> bool:
    return connection.vendor == "postgresql"
