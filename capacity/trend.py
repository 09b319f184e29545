"""Where series of daily sizes are going: growth per day, and a band for the days to come.

Plain numpy, every series of a matrix at once. Rows are series, columns consecutive days of which
the last is the day of the forecast, and NaN is a day without a measurement.

What it assumes of the days since the last jump (``capacity.steps``):

* The size is a straight line, plus what the day of the week adds, plus noise. The noise is a
  random walk (what a database gains today it keeps), or such that comes back to the line (a
  temporary table), or independent from day to day, or a mixture of these. Which of them, and how
  strong, is not assumed but weighed by how well each explains the series.
* There is no other jump until the day that is predicted, and the growth keeps its speed. A curve,
  or a purge to come, is outside of the band.
* Single wild days count neither for the trend nor for the band.

The line is fitted by generalised least squares under each noise, so the slope has the least
variance under a random walk too, where Theil–Sen has not; that jumps and wild days are taken out
before is what makes it robust. The forecasts of all noises are averaged by their posterior
weights. The band is the middle 80 % of a Student distribution with the variance of that average:
within the noises, between them, of the line, and of the future noise.
"""

from dataclasses import dataclass

import numpy as np

from capacity.steps import WEEK, Counts, Flags, Floats, last_steps, row_median, spikes

HORIZON_DAYS = 28
WINDOW_DAYS = 120
LEAST_SAMPLES = 14
# Who was not measured for a week is not forecast: the last jump may lie in between.
FRESH_DAYS = 7
TEN_YEARS = 3653

# Noises that are weighed against each other, in units of the variance of the independent part:
# how much is left of the day before, the variance of what a day adds, and the prior weight. The
# extremes weigh most, or short series, which can't tell them apart, would get a band of neither.
KEPT = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.8, 0.8, 0.8])
ADDED = np.array([0.0, 0.003, 0.03, 0.3, 3.0, 1000.0, 0.3, 3.0, 1000.0])
NOISE_PRIOR = np.array([20.0, 0.3, 0.6, 3.0, 6.0, 40.0, 1.0, 1.0, 1.0])
# No weekly season, or one of this variance in units of a day's noise; and their prior weights.
SEASONS = ((0.0, 50.0), (30.0, 1.0))
# Of the noise on the first day: what comes back is steady, a random walk begins on the line.
FIRST_VARIANCE = np.divide(ADDED, 1 - KEPT**2, out=np.zeros_like(ADDED), where=KEPT < 1)
# What double precision leaves of a perfect line, as a sum of squares of numbers up to 1.
ROUNDING = 1e-13
BATCH = 256


@dataclass(frozen=True, slots=True)
class Trends:
    """One entry per series; NaN where it is not ``is_ready``.

    ``start`` is the column that the window begins with, ``samples`` the measured days in it.
    ``level`` is in bytes, on the day of the forecast; ``slope`` in bytes per day. The band's half
    width ``days`` from then is ``sqrt(spread_0 + spread_1·days + spread_2·days²)``.
    """

    start: Counts
    samples: Counts
    is_ready: Flags
    level: Floats
    slope: Floats
    spread_0: Floats
    spread_1: Floats
    spread_2: Floats

    def at(self, days: float = HORIZON_DAYS) -> tuple[Floats, Floats, Floats]:
        """The size predicted for ``days`` ahead, and the band's lower and upper edge."""
        size = self.level + self.slope * days
        half = np.sqrt(self.spread_0 + self.spread_1 * days + self.spread_2 * days**2)
        return size, size - half, size + half

    def slope_band(self) -> tuple[Floats, Floats]:
        half = np.sqrt(self.spread_2)
        return self.slope - half, self.slope + half

    def is_growing(self) -> Flags:
        """Whether the band of the slope leaves at least a byte a day."""
        growing: Flags = np.round(self.slope_band()[0]) >= 1
        return growing

    def full_after(self, limits: Floats) -> tuple[Floats, Floats, Floats]:
        """In how many days the band's upper edge, its middle and its lower edge reach ``limits``.

        Whole days from 0 up. NaN where that takes more than ten years, where the series does not
        grow, and where there is no limit (NaN).
        """
        limits = np.where(self.is_growing(), limits, np.nan)
        room = limits - self.level
        with np.errstate(invalid="ignore", divide="ignore"):
            # Both edges solve (slope·days - room)² = spread_0 + spread_1·days + spread_2·days².
            square = self.slope**2 - self.spread_2
            linear = 2 * self.slope * room + self.spread_1
            root = linear**2 - 4 * square * (room**2 - self.spread_0)
            # No solution: the lower edge has passed the limit already.
            reach = np.where(root < 0, -linear, np.sqrt(np.maximum(root, 0)))
            first = np.where(room > 0, (linear - reach) / (2 * square), 0.0 * room)
            middle = room / self.slope
            last = (linear + reach) / (2 * square)
        return whole_days(first), whole_days(middle), whole_days(last)


@dataclass(frozen=True, slots=True)
class Lines:
    """What ``fit`` tells of the line, in units of the series and of ``HORIZON_DAYS``.

    ``size`` is the prediction for the horizon, less the slope's part.
    """

    weight: Floats
    size: Floats
    slope: Floats
    spread_0: Floats
    spread_1: Floats
    spread_2: Floats


def trends(sizes: Floats) -> Trends:
    """The trend of each series. ``sizes``: bytes, at least two weeks of columns."""
    parts = [trends_of(sizes[i : i + BATCH]) for i in range(0, max(len(sizes), 1), BATCH)]
    names = Trends.__dataclass_fields__
    return Trends(**{name: np.concatenate([getattr(one, name) for one in parts]) for name in names})


def trends_of(sizes: Floats) -> Trends:
    width = sizes.shape[1]
    start = last_steps(sizes)
    inside = np.where(np.arange(width) >= start[:, None], sizes, np.nan)
    seen = ~np.isnan(inside)
    samples = np.sum(seen, axis=1)
    start = np.maximum(start, np.argmax(seen, axis=1))
    is_ready = (samples >= LEAST_SAMPLES) & seen[:, -FRESH_DAYS:].any(axis=1)
    numbers = np.full((5, len(sizes)), np.nan)
    if is_ready.any():
        numbers[:, is_ready] = lines(np.where(spikes(inside), np.nan, inside)[is_ready])
    return Trends(start, samples, is_ready, *numbers)


def lines(sizes: Floats) -> Floats:
    """Level, slope and the three spreads, in bytes and days: five rows."""
    shift = row_median(sizes)
    unit = np.nanmax(np.abs(sizes - shift), axis=1)
    unit = np.where(unit > 0, unit, 1.0)
    seen = ~np.isnan(sizes)
    values = np.where(seen, (sizes - shift) / unit[:, None], 0.0)
    level, slope, *spreads = average(fit(values, seen), freedom=np.sum(seen, axis=1) - 2)
    spread_0, spread_1, spread_2 = (spread * unit**2 for spread in spreads)
    return np.stack(
        [
            shift[:, 0] + unit * level,
            unit * slope / HORIZON_DAYS,
            spread_0,
            spread_1 / HORIZON_DAYS,
            spread_2 / HORIZON_DAYS**2,
        ]
    )


def average(found: Lines, *, freedom: Counts) -> list[Floats]:
    """Level, slope and the band's spreads over all noises, by their weights."""
    weight = np.exp(found.weight - found.weight.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)

    def mean(values: Floats) -> Floats:
        averaged: Floats = np.sum(weight * values, axis=1)
        return averaged

    size, slope = mean(found.size), mean(found.slope)
    off, tilt = found.size - size[:, None], found.slope - slope[:, None]
    spreads = (found.spread_0 + off**2, found.spread_1 + 2 * off * tilt, found.spread_2 + tilt**2)
    return [size, slope, *(student_80(freedom) ** 2 * mean(spread) for spread in spreads)]


def student_80(freedom: Counts) -> Floats:
    """How many scales the middle 80 % of Student's distribution reach (Abramowitz, Stegun 26.7.5).

    Right to 0.1 % from 8 degrees of freedom up.
    """
    z = 1.2815515655446004
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return np.asarray(z + first / freedom + second / freedom**2, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Whitened:
    """The regressors and the series once the correlation of each noise is taken off.

    Series × noises: ``gram``, the products of their columns, of which the last is the series;
    ``state``, what the noise of each column is on the last day, and its ``variance``;
    ``log_det`` of the noise's covariance.
    """

    gram: Floats
    state: Floats
    variance: Floats
    log_det: Floats


def fit(values: Floats, seen: Flags) -> Lines:
    """The line under each noise, with and without a season: series × (seasons · noises)."""
    design = regressors(values.shape[1])
    white = whiten(values, seen, design)
    freedom = np.sum(seen, axis=1)[:, None] - 2
    weekday = design[-1 - (-HORIZON_DAYS % WEEK), 2:]
    kinds = [under(white, season, prior, weekday, freedom) for season, prior in SEASONS]
    return Lines(*(np.concatenate(parts, axis=1) for parts in zip(*kinds, strict=True)))


def regressors(width: int) -> Floats:
    """Per day: 1, the time (0 is the last day, in horizons), and which day of the week it is."""
    day = np.arange(width)
    time = (day - width + 1) / HORIZON_DAYS
    return np.column_stack([np.ones(width), time, np.eye(WEEK)[day % WEEK]])


def whiten(values: Floats, seen: Flags, design: Floats) -> Whitened:
    """One pass of a Kalman filter over the days, for all series and noises at once."""
    (series, width), columns = values.shape, design.shape[1] + 1
    state = np.zeros((series, len(KEPT), columns))
    variance = np.tile(FIRST_VARIANCE, (series, 1))
    log_det = np.zeros((series, len(KEPT)))
    white = np.zeros((series, len(KEPT), width, columns))
    row = np.zeros((series, 1, columns))
    for day in range(width):
        if day:
            state *= KEPT[:, None]
            variance = KEPT**2 * variance + ADDED
        row[:, 0, :-1], row[:, 0, -1] = design[day], values[:, day]
        is_seen = seen[:, day, None]
        surprise = row - state
        white[:, :, day] = surprise * (is_seen / np.sqrt(variance + 1))[..., None]
        gain = is_seen * variance / (variance + 1)
        state += gain[..., None] * surprise
        log_det += is_seen * np.log(variance + 1)
        variance = variance * (1 - gain)
    return Whitened(np.swapaxes(white, 2, 3) @ white, state, variance, log_det)


def under(
    white: Whitened, season: float, prior: float, weekday: Floats, freedom: Counts
) -> tuple[Floats, ...]:
    """The fields of ``Lines`` for one season: Bayesian least squares, whose line has a flat prior.

    ``weekday``: the regressors of the day that is predicted.
    """
    used = 2 + len(weekday) * (season > 0)
    ridge = np.zeros((len(KEPT), used))
    ridge[:, 2:] = 1 / ((season or 1.0) * (1 + ADDED[:, None]))
    matrix = white.gram[..., :used, :used] + ridge[..., None] * np.eye(used)
    inverse, right = np.linalg.inv(matrix), white.gram[..., :used, -1]
    beta = times(inverse, right)
    squares = np.maximum(white.gram[..., -1, -1] - np.sum(beta * right, axis=-1), ROUNDING)
    evidence = np.log(NOISE_PRIOR * prior) - 0.5 * (
        white.log_det
        + np.linalg.slogdet(matrix)[1]
        - np.sum(np.log(ridge[:, 2:]), axis=1)
        + freedom * np.log(squares)
    )
    kept = KEPT**HORIZON_DAYS
    ahead = np.concatenate([[1.0, 0.0], weekday])[:used] - kept[:, None] * white.state[..., :used]
    reach = times(inverse, ahead)
    noise = 1 + kept**2 * white.variance + FIRST_VARIANCE * (1 - kept**2)
    walk = np.where(KEPT == 1, ADDED * HORIZON_DAYS, 0.0)
    unit = squares / freedom
    return (
        evidence,
        np.sum(ahead * beta, axis=-1) + kept * white.state[..., -1],
        beta[..., 1],
        unit * (np.sum(ahead * reach, axis=-1) + noise),
        unit * (2 * reach[..., 1] + walk),
        unit * inverse[..., 1, 1],
    )


def times(matrix: Floats, vector: Floats) -> Floats:
    product: Floats = (matrix @ vector[..., None])[..., 0]
    return product


def whole_days(days: Floats) -> Floats:
    """Rounded up, none below 0; NaN beyond ten years."""
    with np.errstate(invalid="ignore"):
        return np.where(days <= TEN_YEARS, np.maximum(np.ceil(days), 0.0), np.nan)
