"""Where a series of sizes jumped: purges, bulk loads, and days that are an exception.

Plain numpy, every series of a matrix at once. Rows are series, columns consecutive days, NaN is a
day without a measurement.
"""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Flags = NDArray[np.bool_]
Counts = NDArray[np.int64]

WEEK = 7
# In robust standard deviations. A week's median of a random walk strays three of them by chance.
STEP_SCALES = 8.0
SPIKE_SCALES = 6.0
# What is less than this share of the size matters to nobody, however quiet the series is.
MATERIAL_SHARE = 0.01
# A jump that has two more of its kind, at other times, is how the series grows.
RHYTHM = 3


def last_steps(sizes: Floats) -> Counts:
    """The column from which each series has not jumped any more; 0 where it never did.

    A jump is a lasting change of the level between two weeks that stands out of the changes
    between all other weeks, once the weekly season is taken off, and that is at least
    ``MATERIAL_SHARE`` of the size.
    """
    # The columns of the samples, packed to the right; -1 in front of them.
    order = np.sort(np.where(np.isnan(sizes), -1, np.arange(sizes.shape[1])), axis=1)
    days = np.where(order >= 0, order, np.nan)
    values = np.where(order >= 0, np.take_along_axis(sizes, order, axis=1), np.nan)
    level = np.abs(row_median(values))
    values = values - season(values, order)
    contrasts = week_contrasts(values, days)
    scale = 1.4826 * row_median(np.abs(contrasts[:, : -WEEK + 1]))
    after = np.minimum(np.arange(values.shape[1], 0, -1), WEEK)
    wider = np.sqrt((1 / after + 1 / WEEK) / (2 / WEEK))
    stands_out = np.abs(contrasts) > np.maximum(STEP_SCALES * scale * wider, MATERIAL_SHARE * level)
    return first_days(values, order, stands_out)


def season(values: Floats, order: Counts) -> Floats:
    """What the day of the week usually adds; zero for series of less than four weeks."""
    middle = np.full_like(values, np.nan)
    windows = sliding_window_view(values, WEEK, axis=1)
    middle[:, WEEK // 2 : -(WEEK // 2)] = np.median(windows, axis=2)
    residual = values - middle
    added = np.zeros_like(values)
    for weekday in range(WEEK):
        today = (order % WEEK == weekday) & (order >= 0)
        usual = row_median(np.where(today, residual, np.nan))
        added += np.where(today, usual, 0.0)
    enough = np.sum(order >= 0, axis=1, keepdims=True) >= 4 * WEEK
    return np.where(enough, added, 0.0)


def week_contrasts(values: Floats, days: Floats) -> Floats:
    """By how much the week from each sample on lies above the week before it, trend taken off.

    Near the end the week after is what there is of it. NaN where there is no full week before.
    """
    contrasts = np.full_like(values, np.nan)
    medians = np.median(sliding_window_view(values, WEEK, axis=1), axis=2)
    centres = np.median(sliding_window_view(days, WEEK, axis=1), axis=2)
    rise = medians[:, WEEK:] - medians[:, :-WEEK]
    time = centres[:, WEEK:] - centres[:, :-WEEK]
    slope = row_median(rise / time)
    contrasts[:, WEEK : -WEEK + 1] = rise - slope * time
    for left in range(1, WEEK):
        rise_left = np.median(values[:, -left:], axis=1) - medians[:, -left - 1]
        time_left = np.median(days[:, -left:], axis=1) - centres[:, -left - 1]
        contrasts[:, -left] = rise_left - slope[:, 0] * time_left
    return contrasts


def first_days(values: Floats, order: Counts, stands_out: Flags) -> Counts:
    """The day of the jump behind the last sample that stands out; 0 where there is none."""
    series = np.arange(len(values))
    width = values.shape[1]
    last = width - 1 - np.argmax(stands_out[:, ::-1], axis=1)
    jumps = np.diff(values, axis=1, prepend=np.nan)
    position = np.arange(width)
    near = (position <= last[:, None]) & (position > last[:, None] - WEEK)
    size = np.where(near & ~np.isnan(jumps), np.abs(jumps), -1.0)
    biggest = size.max(axis=1, keepdims=True)
    # A purge in several parts is over with its last part.
    start = width - 1 - np.argmax((size >= 0.3 * biggest)[:, ::-1], axis=1)
    peak = np.argmax(size, axis=1)
    alike = jumps * np.sign(jumps[series, peak])[:, None] >= 0.5 * biggest
    elsewhere = np.abs(position - peak[:, None]) > WEEK
    is_rhythm = np.sum(alike & elsewhere, axis=1) >= RHYTHM - 1
    return np.where(stands_out.any(axis=1) & ~is_rhythm, order[series, start], 0)


def spikes(sizes: Floats) -> Flags:
    """Single days that lie far off the days around them.

    None in a series that has many of them, for then they are its season, and none among the last
    three days, of which nobody can tell yet.
    """
    around = np.pad(sizes, ((0, 0), (3, 3)), constant_values=np.nan)
    middle = row_median(sliding_window_view(around, WEEK, axis=1))[..., 0]
    off = np.abs(sizes - middle)
    scale = 1.4826 * row_median(off)
    level = np.abs(row_median(sizes))
    found: Flags = off > np.maximum(SPIKE_SCALES * scale, MATERIAL_SHARE * level)
    found[:, -3:] = False
    known = np.sum(~np.isnan(sizes), axis=1)
    rare: Flags = np.sum(found, axis=1) <= 0.1 * known
    return found & rare[:, None]


def row_median(values: Floats) -> Floats:
    """The median along the last axis without NaN, as a column; NaN for rows of nothing else."""
    ordered = np.sort(values, axis=-1)  # NaN last
    count = np.sum(~np.isnan(values), axis=-1, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum((count - 1) // 2, 0), -1)
    high = np.take_along_axis(ordered, np.maximum(count // 2, 0) * (count > 0), -1)
    return np.where(count > 0, (low + high) / 2, np.nan)
