"""The rows of the grant tables, put together again from the mirrored rights, and who decides."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from instances.engines.effective import Right, Way
from instances.engines.mysql.patterns import Rank
from instances.engines.mysql.words import GRANT_OPTION

CLIENT_HOST = "CLIENT HOST"
"""The account's host is a pattern, and another row decides for some of its clients."""

AMBIGUOUS = "AMBIGUOUS"
"""Two rows are equally specific; which one decides changes from one FLUSH to the next."""


@dataclass(slots=True)
class Row:
    """What one holder was given on one thing in one row; the columns of a table are part of it."""

    holder: int
    pattern: str = ""
    rights: dict[tuple[str, str], Right] = field(default_factory=dict)

    def right(self, privilege: str, column: str = "") -> Right | None:
        """The right that gives ``privilege`` on the whole thing, or else on ``column``."""
        if privilege == GRANT_OPTION:
            return next((one for one in self.rights.values() if one.grantable), None)
        return self.rights.get((privilege, "")) or self.rights.get((privilege, column))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row that may decide; ``is_sure`` unless it hangs on the client's host."""

    row: Row
    rank: Rank
    is_sure: bool


def rows_of(rights: Iterable[Right]) -> Sequence[Row]:
    rows: dict[tuple[int, str], Row] = {}
    for right in rights:
        key = right.holder, right.thing.database
        row = rows.get(key) or rows.setdefault(key, Row(*key))
        row.rights[right.privilege, right.thing.column.lower()] = right
    return list(rows.values())


def merged(holder: int, rights: Iterable[Right]) -> Row:
    """The row of one thing, with its columns."""
    row = Row(holder)
    for right in rights:
        row.rights[right.privilege, right.thing.column.lower()] = right
    return row


@dataclass(frozen=True, slots=True)
class Decision:
    """The rows of which one decides alone; with ``is_certain`` one of them does in any case."""

    rows: list[Row]
    is_certain: bool
    condition: str

    def ways(self, privilege: str, column: str = "") -> Iterator[Way]:
        found = [right for row in self.rows if (right := row.right(privilege, column))]
        held = self.is_certain and len(found) == len(self.rows)
        for right in found:
            yield Way(right=right, condition="" if held else self.condition)


def decide(candidates: Iterable[Candidate]) -> Decision:
    """Read from the most specific row on, up to the first that applies to every client."""
    possible: list[Row] = []
    hangs_on_host = False
    for _, group in groupby(sorted(candidates, key=rank_of), key=rank_of):
        equals = list(group)
        possible += [one.row for one in equals]
        hangs_on_host |= not all(one.is_sure for one in equals)
        if any(one.is_sure for one in equals):
            return Decision(possible, True, CLIENT_HOST if hangs_on_host else AMBIGUOUS)
    return Decision(possible, False, CLIENT_HOST)


def rank_of(candidate: Candidate) -> Rank:
    return candidate.rank
