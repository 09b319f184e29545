"""Random programs: templates whose fields are filled with what the server has at that moment.

Filled late, nearly every statement means something. A statement may still be refused; that the
server then did nothing is its own affair.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any

from hypothesis import note
from hypothesis import strategies as st

MOST_FIELDS = 8
NOTHING = ""
"""The first choice, which a failing example shrinks to."""

Pools = Mapping[str, Sequence[str]]
"""What may stand in a field, by its name."""


@dataclass(frozen=True)
class Step:
    """One statement to be; ``choices`` say which of the pool goes into each field, in order."""

    template: str
    choices: tuple[int, ...]
    actor: int | None = None
    """Which account runs it; None for the superuser."""

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text("·")  # what became of it is noted

    def filled(self, pools: Pools) -> str:
        """The statement; '' when a field's pool is empty."""
        choices = iter(self.choices)
        parts = []
        for before, field, _, _ in Formatter().parse(self.template):
            parts.append(before)
            if field is not None:
                pool = pools[field]
                if not pool:
                    return ""
                parts.append(pool[next(choices) % len(pool)])
        return "".join(parts)


def programs(
    templates: Sequence[str], *, bursts: int, steps: int, actors: int = 0
) -> st.SearchStrategy[list[list[Step]]]:
    """Bursts of steps; the mirror is synced after each. A template listed twice is twice as likely.

    With ``actors``, half of the steps are run by one of so many accounts.
    """
    nobody = st.none()
    step = st.builds(
        Step,
        st.sampled_from([NOTHING, *templates]),
        st.tuples(*[st.integers(0, 59)] * MOST_FIELDS),
        st.sampled_from([nobody, st.integers(0, actors - 1)]).flatmap(same) if actors else nobody,
    )
    burst = st.lists(step, min_size=steps // 2, max_size=steps)
    return st.lists(burst, min_size=1, max_size=bursts)


def same(strategy: st.SearchStrategy[int | None]) -> st.SearchStrategy[int | None]:
    return strategy


def run_burst(burst: Sequence[Step], pools: Callable[[], Pools], run: Callable[..., bool]) -> None:
    """Fill and ``run`` each step; a failing example shows the statements that were accepted."""
    for step in burst:
        sql = step.filled(pools())
        if sql and run(sql, step.actor):
            note(f"{sql};" if step.actor is None else f"{sql};  -- by account {step.actor}")
    note("-- sync")
