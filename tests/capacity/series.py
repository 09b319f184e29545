"""Invented sizes whose truth is known: 120 days to forecast from, and the 28 that followed."""

from collections.abc import Callable

import numpy as np

from capacity.steps import Floats
from capacity.trend import HORIZON_DAYS, WINDOW_DAYS

Generator = np.random.Generator
DAYS = np.arange(WINDOW_DAYS + HORIZON_DAYS)
SERIES = 300


class World:
    """``SERIES`` databases of very different size, growth and noise, from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random = np.random.default_rng(seed)
        self.size = 1e11 * np.exp(random.normal(0, 2, (SERIES, 1)))
        self.slope = self.size * random.uniform(0, 0.006, (SERIES, 1))
        self.noise = self.size * random.uniform(0.0005, 0.01, (SERIES, 1))
        self.line = self.size + self.slope * DAYS

    def white(self) -> Floats:
        noise: Floats = self.noise * self.random.normal(size=(SERIES, len(DAYS)))
        return noise

    def walk(self) -> Floats:
        path: Floats = np.cumsum(self.white(), axis=1)
        return path

    def week(self) -> Floats:
        usual: Floats = 3 * self.noise * self.random.normal(size=(SERIES, 7))
        of_days: Floats = usual[:, DAYS % 7]
        return of_days

    def sunday(self) -> Floats:
        on_sundays: Floats = 20 * self.noise * (DAYS % 7 == 6)
        return on_sundays

    def jump(self, least: float, most: float) -> Floats:
        """Once, at least 14 days before the forecast; as a share of the size."""
        day = self.random.integers(10, WINDOW_DAYS - 14, (SERIES, 1))
        return self.size * self.random.uniform(least, most, (SERIES, 1)) * (day <= DAYS)

    def spikes(self) -> Floats:
        wild = self.random.random((SERIES, len(DAYS))) < 0.03
        return (DAYS < WINDOW_DAYS) * wild * self.noise * self.random.uniform(20, 100, wild.shape)


FAMILIES: dict[str, Callable[[World], Floats]] = {
    "white noise": lambda of: of.white(),
    "random walk": lambda of: of.walk(),
    "both": lambda of: of.white() + 0.3 * of.walk(),
    "week, white noise": lambda of: of.white() + of.week(),
    "week, random walk": lambda of: 0.5 * of.walk() + of.week(),
    "sundays": lambda of: of.white() + of.sunday(),
    "purge, white noise": lambda of: of.white() + of.jump(-0.7, -0.2),
    "purge, random walk": lambda of: 0.5 * of.walk() + of.jump(-0.7, -0.2),
    "bulk load, week": lambda of: of.white() + of.week() + of.jump(0.3, 2),
    "bulk load and purge": lambda of: (
        of.white() + 0.3 * of.walk() + of.jump(1, 2) + of.jump(-1, -0.3)
    ),
    "wild days": lambda of: of.white() + of.spikes(),
}


def bytes_of(sizes: Floats) -> Floats:
    """As a server would tell them."""
    return np.maximum(np.round(sizes), 0)
