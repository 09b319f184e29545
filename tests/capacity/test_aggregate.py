"""Aggregates against an independent computation, whatever the order of what happens."""

import random
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capacity.models import (
    DatabaseAggregate,
    DatabaseSize,
    InstanceAggregate,
    InstanceSize,
    StalePeriod,
)
from capacity.periods import span_of
from tests.capacity.aggregating import aggregate, expected, measure, stored
from tests.capacity.clock import clock_at, noon
from tests.factories import DatabaseFactory, InstanceFactory

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

DAY = timedelta(days=1)
START = date(2024, 2, 20)  # a leap year; a quarter, two months and a year's week 53 are near


@pytest.fixture
def databases(db):
    """Three databases of one instance."""
    return DatabaseFactory.create_batch(3, instance=InstanceFactory())


def one_row(**which):
    return DatabaseAggregate.objects.get(**which)


@pytest.mark.parametrize("first", [date(2024, 2, 20), date(2020, 12, 1)])
def test_random_history_with_gaps_is_summed_up_as_duckdb_does(first):
    chance = random.Random(first.toordinal())
    fleet = [DatabaseFactory.create_batch(3, instance=InstanceFactory()) for _ in range(2)]
    days = [first + n * DAY for n in range(100)]
    for databases in fleet:
        for day in chance.sample(days, 70):
            sizes = {n: chance.choice([0, 1, 2, 3, chance.randrange(2**50)]) for n in range(3)}
            sizes.pop(chance.randrange(4), None)
            measure(databases, sizes, day)

    record = aggregate(days[-1])

    assert stored() == expected(days[-1])
    assert not StalePeriod.objects.exists()
    assert record.counts["database_rows"] >= DatabaseAggregate.objects.count()
    assert record.counts["instance_rows"] >= InstanceAggregate.objects.count()


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("measure"), st.integers(0, 60), st.integers(0, 1), st.integers(0, 9)),
        st.tuples(st.just("wait"), st.integers(1, 12)),
        st.tuples(st.just("due")),
        st.tuples(st.just("current")),
        st.tuples(st.just("current of"), st.sampled_from(["instance", "database"])),
        st.tuples(st.just("only"), st.sampled_from(["weekly", "quarterly"])),
    ),
    max_size=10,
)


@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(events=EVENTS)
def test_any_order_of_measuring_and_aggregating_ends_as_one_rebuild(databases, events):
    for model in (DatabaseSize, InstanceSize, StalePeriod):
        model.objects.all().delete()
    empty()
    today = START
    for event, *what in events:
        if event == "measure":
            age, which, size = what
            measure(databases, {which: size * 10**11, 2: 7}, today - age * DAY)
        elif event == "wait":
            today += what[0] * DAY
        elif event == "due":
            aggregate(today)
        elif event == "only":
            aggregate(today, periods=what)
        else:
            aggregate(today, only_current=True, scope=what[0] if what else "all")

    aggregate(today)
    maintained = stored()

    assert maintained == expected(today)
    empty()
    aggregate(today, rebuild=(date(2000, 1, 1), today))
    assert stored() == maintained


def empty():
    DatabaseAggregate.objects.all().delete()
    InstanceAggregate.objects.all().delete()


def test_period_that_is_not_over_is_partial_and_compared_with_nothing(databases):
    for n in range(10):
        measure(databases, {0: 100 + n}, date(2024, 3, 4) + n * DAY)

    aggregate(date(2024, 3, 13))

    week = one_row(period="weekly", period_start=date(2024, 3, 11), database=databases[0])
    assert (week.samples, week.expected_samples, week.is_partial) == (3, 7, True)
    assert (week.previous_avg_bytes, week.change_bytes, week.change_percent) == (103, None, None)
    aggregate(date(2024, 3, 18))
    week.refresh_from_db()
    assert (week.samples, week.expected_samples, week.is_partial) == (3, 7, False)
    assert (week.previous_avg_bytes, week.change_bytes) == (103, 5)
    assert week.change_percent == 5 * 100 / 103


def test_week_with_every_day_measured_is_whole_on_its_last_day(databases):
    for n in range(7):
        measure(databases, {0: 100}, date(2024, 3, 4) + n * DAY)

    aggregate(date(2024, 3, 10))

    assert not one_row(period="weekly", database=databases[0]).is_partial
    assert one_row(period="monthly", database=databases[0]).is_partial


def test_period_after_nothing_changes_by_an_unknown_percentage(databases):
    measure(databases, {0: 0}, START)
    measure(databases, {0: 10}, START + DAY)

    aggregate(START + DAY)

    day = one_row(period="daily", period_start=START + DAY, database=databases[0])
    assert (day.previous_avg_bytes, day.change_bytes, day.change_percent) == (0, 10, None)


def test_late_measurement_changes_the_comparison_of_the_next_period(databases):
    for n in (0, 7):
        measure(databases, {0: 100}, START + n * DAY)
    aggregate(START + 60 * DAY)
    measure(databases, {0: 50}, START)

    aggregate(START + 60 * DAY)

    later = one_row(
        period="weekly",
        period_start=span_of("weekly", START).next.start,
        database=databases[0],
    )
    assert (later.previous_avg_bytes, later.change_bytes, later.change_percent) == (50, 50, 100.0)
    assert stored() == expected(START + 60 * DAY)


def test_what_clean_up_left_of_a_period_does_not_replace_the_whole(databases):
    for n in range(20):
        measure(databases, {0: 100 + n}, date(2024, 3, 1) + n * DAY)
    aggregate(date(2024, 3, 20))
    before = stored()[0]
    DatabaseSize.objects.filter(measured_on__lt=date(2024, 3, 15)).delete()
    StalePeriod.objects.mark(databases[0].instance_id, [date(2024, 3, 15)], at=noon(START))

    aggregate(date(2024, 3, 20))

    assert stored()[0] == before
    aggregate(date(2024, 5, 1))
    month = one_row(period="monthly", database=databases[0])
    assert (month.samples, month.is_partial, month.first_bytes) == (20, False, 100)


def test_run_that_was_missed_for_months_closes_what_was_partial(databases):
    measure(databases, {0: 100, 1: 3}, START)
    aggregate(START)
    assert DatabaseAggregate.objects.filter(is_partial=True).exists()

    aggregate(START + 400 * DAY)

    assert stored() == expected(START + 400 * DAY)
    assert not DatabaseAggregate.objects.filter(is_partial=True).exists()


def test_corrected_day_is_replaced(databases):
    measure(databases, {0: 100}, START)
    aggregate(START)
    measure(databases, {0: 90}, START)

    with clock_at(noon(START)):
        aggregate(START)

    assert stored() == expected(START)
    assert one_row(period="daily", database=databases[0]).last_bytes == 90


def test_one_level_leaves_the_marks_for_the_other(databases):
    measure(databases, {0: 100}, START)

    record = aggregate(START, only_current=True, scope="instance")

    assert record.counts == {"spans": 4, "instance_rows": 4, "database_rows": 0}
    assert not DatabaseAggregate.objects.exists()
    assert StalePeriod.objects.count() == 4
