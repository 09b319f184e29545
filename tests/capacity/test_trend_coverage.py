"""The band holds 80 % of what comes, whatever the noise: the promise, on series of known truth."""

import numpy as np
import pytest

from capacity.trend import WINDOW_DAYS, trends
from tests.capacity.series import FAMILIES, World, bytes_of

SEEDS = (101, 102)


@pytest.mark.parametrize("family", FAMILIES)
def test_band_holds_the_outcome_in_75_to_85_of_100_cases(family):
    held: list[bool] = []
    for seed in SEEDS:
        world = World(seed)
        sizes = bytes_of(world.line + FAMILIES[family](world))
        found = trends(sizes[:, :WINDOW_DAYS])
        _, low, high = found.at()
        outcome = sizes[:, -1]
        assert found.is_ready.mean() > 0.95
        held += list(((low <= outcome) & (outcome <= high))[found.is_ready])

    assert 0.75 <= np.mean(held) <= 0.85


@pytest.mark.parametrize(("family", "most"), [("white noise", 0.2), ("random walk", 2.0)])
def test_slope_is_near_the_truth_and_its_band_holds_it(family, most):
    world = World(7)
    sizes = bytes_of(world.line + FAMILIES[family](world))

    found = trends(sizes[:, :WINDOW_DAYS])

    low, high = found.slope_band()
    truth, noise = world.slope[:, 0], world.noise[:, 0]
    # In units of what is possible: noise · √(12/n³) for white noise, noise / √n for a walk.
    error = np.median(np.abs(found.slope - truth) / noise) * np.sqrt(WINDOW_DAYS)
    assert error < most
    assert np.mean((low <= truth) & (truth <= high)) > 0.75


def test_wild_days_do_not_move_the_slope():
    world = World(8)
    quiet = bytes_of(world.line + world.white())[:, :WINDOW_DAYS]
    wild = quiet + bytes_of(world.spikes())[:, :WINDOW_DAYS]
    # A wild day among the last may be a jump: nobody can tell yet.
    wild[:, -8:] = quiet[:, -8:]

    calm, found = trends(quiet), trends(wild)

    moved = np.abs(found.slope - calm.slope) / world.noise[:, 0]
    assert found.is_ready.all()
    assert np.quantile(moved, 0.98) < 0.02


@pytest.mark.parametrize("family", ["purge, white noise", "bulk load, week"])
def test_window_begins_with_the_jump(family):
    world = World(9)
    jumped = FAMILIES[family](world)
    sizes = bytes_of(world.line + jumped)[:, :WINDOW_DAYS]
    rise = np.abs(np.diff(jumped[:, :WINDOW_DAYS], axis=1, prepend=jumped[:, :1]))
    big = rise.max(axis=1) > 20 * world.noise[:, 0]

    found = trends(sizes)

    assert np.mean(found.start[big] == rise.argmax(axis=1)[big]) > 0.97


def test_series_without_a_jump_keeps_its_whole_window():
    for family in ("white noise", "random walk", "week, random walk", "sundays"):
        world = World(10)
        found = trends(bytes_of(world.line + FAMILIES[family](world))[:, :WINDOW_DAYS])
        assert np.mean(found.start == 0) > 0.99, family
