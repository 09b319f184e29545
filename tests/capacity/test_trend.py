"""Trends of single series, and what must hold of any."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from capacity.steps import Floats
from capacity.trend import HORIZON_DAYS, LEAST_SAMPLES, TEN_YEARS, WINDOW_DAYS, Trends, trends

DAYS = np.arange(WINDOW_DAYS, dtype=float)
GB, PB = 1e9, 1e15


def one(sizes: Floats) -> Trends:
    return trends(np.asarray(sizes, dtype=float)[None, :])


def full_after(found: Trends, limit: float) -> list[float | None]:
    """First, middle, last."""
    days = (float(part[0]) for part in found.full_after(np.array([limit])))
    return [None if np.isnan(day) else day for day in days]


@pytest.mark.parametrize("size", [0, 5, 7 * GB, 3 * PB, 2.0**62])
def test_constant_size_does_not_grow_and_is_predicted_as_it_is(size):
    found = one(np.full(WINDOW_DAYS, size))

    assert [float(part[0]) for part in found.at()] == pytest.approx([size] * 3, abs=0.1)
    assert [float(part[0]) for part in found.slope_band()] == pytest.approx([0, 0], abs=0.1)
    assert not found.is_growing()[0]
    assert full_after(found, 2 * size + 1) == [None, None, None]


@pytest.mark.parametrize("slope", [10.0, 3 * GB, 40e12])
def test_perfect_line_goes_on(slope):
    found = one(PB + slope * DAYS)

    last = PB + slope * DAYS[-1]
    size, low, high = (float(part[0]) for part in found.at())
    assert size == pytest.approx(last + HORIZON_DAYS * slope, rel=1e-6)
    assert high - low < 0.001 * slope * WINDOW_DAYS
    assert found.is_growing()[0]
    assert full_after(found, last + 99.5 * slope) == [100, 100, 100]


def test_shrinking_is_not_growing():
    found = one(1000 * GB - GB * DAYS)

    assert float(found.slope_band()[1][0]) < 0
    assert full_after(found, 2000 * GB) == [None, None, None]
    assert full_after(found, 500 * GB) == [None, None, None]


@pytest.mark.parametrize("purged_before", [14, 15, 20, 60, 100])
@pytest.mark.parametrize("part", [0.03, 0.3, 0.9])
def test_purge_gives_no_fill_date_in_the_past(purged_before, part):
    noise = np.random.default_rng(purged_before).normal(0, 0.02 * GB, WINDOW_DAYS)
    sizes = 500 * GB + GB * DAYS + noise
    sizes[-purged_before:] -= part * 500 * GB

    found = one(sizes)

    first, middle, last = full_after(found, 1000 * GB)
    room = 1000 * GB - sizes[-1]
    assert found.start[0] == WINDOW_DAYS - purged_before
    assert first is not None
    assert middle is not None
    assert 0 < first <= middle
    assert last is None or last >= middle
    assert middle == pytest.approx(room / GB, rel=0.2)


@pytest.mark.parametrize("days", range(1, 14))
def test_shortly_after_a_purge_there_is_not_enough_data(days):
    sizes = 500 * GB + GB * DAYS
    sizes[-days:] -= 200 * GB

    found = one(sizes)

    assert (int(found.start[0]), int(found.samples[0])) == (WINDOW_DAYS - days, days)
    assert not found.is_ready[0]
    assert np.isnan(found.slope[0])


@pytest.mark.parametrize(("samples", "is_ready"), [(0, False), (13, False), (14, True), (15, True)])
def test_fourteen_samples_are_enough(samples, is_ready):
    sizes = np.full(WINDOW_DAYS, np.nan)
    sizes[WINDOW_DAYS - samples :] = GB * np.arange(samples)

    found = one(sizes)

    assert (int(found.samples[0]), bool(found.is_ready[0])) == (samples, is_ready)


def test_who_was_not_measured_for_a_week_is_not_forecast():
    sizes = GB * DAYS
    sizes[-6:] = np.nan
    assert one(sizes).is_ready[0]

    sizes[-7:] = np.nan
    assert not one(sizes).is_ready[0]


@pytest.mark.parametrize("kept", [(0, 1, 2, 3, 4), (1,), (0, 3)])
def test_days_of_the_week_that_are_never_measured_do_no_harm(kept):
    sizes = 500 * GB + GB * DAYS
    sizes[~np.isin(DAYS[::-1] % 7, kept)] = np.nan

    found = one(sizes)

    expected = 500 * GB + GB * (WINDOW_DAYS - 1 + HORIZON_DAYS)
    assert float(found.at()[0][0]) == pytest.approx(expected, rel=1e-3)


def test_growth_in_regular_jumps_is_growth():
    sizes = 500 * GB + 20 * GB * (DAYS // 10)

    found = one(sizes)

    assert int(found.start[0]) == 0
    assert found.is_growing()[0]
    assert float(found.slope[0]) == pytest.approx(2 * GB, rel=0.15)


def test_tiny_change_of_an_idle_database_is_no_jump():
    sizes = np.full(WINDOW_DAYS, 500 * GB)
    sizes[-5:] += 8192

    assert one(sizes).is_ready[0]


def test_band_of_the_fill_date_is_where_the_band_meets_the_limit():
    noise = np.random.default_rng(3).normal(0, 3 * GB, WINDOW_DAYS)
    found = one(500 * GB + GB * DAYS + noise)
    limit = 900 * GB

    first, middle, last = full_after(found, limit)

    edges = np.array([[float(part[0]) for part in found.at(day)] for day in range(TEN_YEARS)])
    assert [first, middle, last] == [
        int(np.argmax(edges[:, column] >= limit)) for column in (2, 0, 1)
    ]


def test_batches_do_not_mix_series():
    many = trends(np.arange(1, 601)[:, None] * GB + np.arange(600)[:, None] * 1e6 * DAYS)

    assert_allclose(many.slope, np.arange(600) * 1e6, atol=1e3)


# A series alone takes as long as two hundred: few examples, and no deadline on a busy machine.
QUICK = settings(max_examples=40, deadline=None)


# --- of any series ----------------------------------------------------------------------------

WHOLE = st.integers(0, 2**53)
ANY = st.lists(st.one_of(st.none(), WHOLE, st.just(0)), min_size=WINDOW_DAYS, max_size=WINDOW_DAYS)


@QUICK
@given(sizes=ANY, limit=st.integers(0, 2**62))
def test_nothing_is_wild_whatever_the_sizes(sizes, limit):
    found = one(np.array([np.nan if size is None else size for size in sizes]))

    numbers = np.array([*found.at(), *found.slope_band(), found.slope])
    assert np.isfinite(numbers).all() == bool(found.is_ready[0])
    assert found.is_ready[0] or np.isnan(numbers).all()
    assert found.samples[0] <= sum(size is not None for size in sizes)
    days = full_after(found, limit)
    known = [day for day in days if day is not None]
    assert known == sorted(known)
    assert all(0 <= day <= TEN_YEARS for day in known)
    assert [day is None for day in days] == sorted(day is None for day in days)
    assert not known or found.is_growing()[0]


NOISE = st.integers(0, 1000).map(
    lambda seed: 500 * GB + GB * DAYS + np.random.default_rng(seed).normal(0, GB, WINDOW_DAYS)
)


@QUICK
@given(sizes=NOISE, more=st.integers(1, 10**12))
def test_bigger_by_a_constant_is_predicted_bigger_by_it(sizes, more):
    found = trends(np.stack([sizes, sizes + more]))

    (before, after), (slope, same_slope) = (
        np.transpose(found.at()),
        np.transpose(found.slope_band()),
    )
    assert_allclose(after - more, before, rtol=1e-6)
    assert_allclose(same_slope, slope, rtol=1e-6)


@QUICK
@given(sizes=NOISE, factor=st.floats(1e-3, 1e3))
def test_other_units_change_nothing(sizes, factor):
    found = trends(np.stack([sizes, sizes * factor]))

    (before, after), (slope, new_slope) = np.transpose(found.at()), np.transpose(found.slope_band())
    assert_allclose(after, before * factor, rtol=1e-6)
    assert_allclose(new_slope, slope * factor, rtol=1e-6)


@QUICK
@given(sizes=NOISE, days=st.integers(LEAST_SAMPLES, 60))
def test_days_before_the_first_measurement_do_not_count(sizes, days):
    """They are as if the series began there, wherever its weeks begin."""
    young = np.where(WINDOW_DAYS - days <= DAYS, sizes, np.nan)

    found = one(young)

    assert (int(found.start[0]), int(found.samples[0])) == (WINDOW_DAYS - days, days)
