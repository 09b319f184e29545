"""Names with ``%`` and ``_``: what they match, and which of two the servers look at first."""

import re
from functools import cache, lru_cache

LITERAL, EMPTY = 128, 0
MOST_WILDCARDS = 31
WILDCARDS = {"%": ".*", "_": "."}
PART = re.compile(r"\\.|.", re.DOTALL)


@lru_cache(maxsize=8192)
def expression(pattern: str) -> re.Pattern[str]:
    parts = PART.findall(pattern)
    return re.compile("".join(WILDCARDS.get(one) or re.escape(one[-1]) for one in parts), re.DOTALL)


def fits(pattern: str, name: str) -> bool:
    """Whether ``pattern``, where a backslash makes the next character a plain one, is ``name``."""
    return expression(pattern).fullmatch(name) is not None


def plain(pattern: str) -> str:
    """The pattern without its backslashes: a name that it matches, and the most general one."""
    return "".join(part[-1] for part in PART.findall(pattern))


def samples(pattern: str) -> list[str]:
    """Names that it matches: the most general one, a short one and a longer one."""
    parts = PART.findall(pattern)
    filled = [
        "".join(fill.get(part, part[-1]) for part in parts)
        for fill in ({"%": "", "_": "~"}, {"%": "~~~", "_": "~"})
    ]
    return [plain(pattern), *filled]


Rank = tuple[int, ...]
"""The order in which rows are looked at, the smallest first."""


@lru_cache(maxsize=8192)
def rank_in_mysql(pattern: str) -> Rank:
    """Names before patterns, a late first wildcard before an early one, then ``%``, and '' last.

    Source: get_sort in sql/auth/sql_auth_cache.cc.
    """
    position = 0
    for part in PART.findall(pattern):
        position += 1
        if part in WILDCARDS:
            return (-1,) if pattern == "%" else (-min(position + 1, 127),)
        position += len(part) - 1
    return (-LITERAL,) if pattern else (EMPTY,)


@lru_cache(maxsize=8192)
def rank_in_mariadb(pattern: str, longest: int) -> Rank:
    """Fewer possible names before more, where no name has more than ``longest`` bytes.

    What ``%`` leaves free tells most, unless there are more ``_``; among equals, a long beginning
    without wildcards comes *last*. Source: get_magic_sort in sql/sql_acl_getsort.ic.
    """
    parts = PART.findall(pattern)
    plain_bytes = sum(len(part[-1].encode()) for part in parts if part not in WILDCARDS)
    runs = sum(
        part == "%" and before != "%" for before, part in zip(["", *parts], parts, strict=False)
    )
    runs, singles = min(runs, MOST_WILDCARDS), min(parts.count("_"), MOST_WILDCARDS)
    first = next((at for at, part in enumerate(parts) if part in WILDCARDS), 0)
    beginning = sum(len(part[-1].encode()) for part in parts[:first])
    free = longest - plain_bytes - singles if runs else 0
    if free > singles:
        return 2 * free + 1, runs, singles, beginning
    return 2 * singles, free, runs, beginning


def covers(wide: str, narrow: str) -> bool:
    """Whether everything that ``narrow`` matches is surely matched by ``wide``."""

    @cache
    def from_here(left: int, right: int) -> bool:
        if left == len(wide):
            return right == len(narrow)
        if wide[left] == "%":
            return from_here(left + 1, right) or (
                right < len(narrow) and from_here(left, right + 1)
            )
        if right == len(narrow) or narrow[right] == "%":
            return False
        same = wide[left] in ("_", narrow[right])
        return same and from_here(left + 1, right + 1)

    return from_here(0, 0)


def overlaps(one: str, other: str) -> bool:
    """Whether some name is matched by both."""

    @cache
    def from_here(left: int, right: int) -> bool:
        ends = left == len(one), right == len(other)
        if all(ends):
            return True
        if not ends[0] and one[left] == "%":
            return from_here(left + 1, right) or (not ends[1] and from_here(left, right + 1))
        if not ends[1] and other[right] == "%":
            return from_here(left, right + 1) or (not ends[0] and from_here(left + 1, right))
        if any(ends):
            return False
        same = one[left] == other[right] or "_" in (one[left], other[right])
        return same and from_here(left + 1, right + 1)

    return from_here(0, 0)
