"""How long the property tests search: WHALEFALL_HYPOTHESIS=long for a long search."""

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, settings

LONG = os.environ.get("WHALEFALL_HYPOTHESIS") == "long"


def bounded(*, examples: int) -> Callable[[Any], Any]:
    """The same ``examples`` at each run; in a long search, ten times as many random ones."""
    return settings(
        max_examples=examples * 10 if LONG else examples,
        deadline=None,
        derandomize=not LONG,
        database=None,
        print_blob=True,
        report_multiple_bugs=False,
        # Shrinking takes minutes; what a short search finds, a long one makes small.
        phases=[Phase.generate, Phase.shrink] if LONG else [Phase.generate],
        # One server serves all examples, and each example cleans it first.
        suppress_health_check=list(HealthCheck),
    )
