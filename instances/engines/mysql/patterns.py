"""Names with ``%`` and ``_``: what they match, and which of two the servers look at first."""

import re
from functools import cache, lru_cache

LITERAL, EMPTY = 128, 0
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


@lru_cache(maxsize=8192)
def weight(pattern: str) -> int:
    """How specific the servers hold a pattern to be; the greatest is looked at first.

    Names before patterns, a late first wildcard before an early one, then ``%``, and '' last.
    Source: sql/sql_acl.cc of MariaDB, sql/auth/sql_auth_cache.cc of MySQL, get_sort.
    """
    position = 0
    for part in PART.findall(pattern):
        position += 1
        if part in WILDCARDS:
            return 1 if pattern == "%" else min(position + 1, 127)
        position += len(part) - 1
    return LITERAL if pattern else EMPTY


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
