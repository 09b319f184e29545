"""Shell-style patterns, and the parts of a name, in SQL that both own databases understand.

The databases match patterns by backtracking over ``*`` only to the last one, so that no pattern is
slow; a regular expression made from the same pattern could be.
"""

import re
from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import F, Func, Lookup, Q, TextField
from django.db.models.expressions import Combinable

TOKEN = re.compile(r"\*+|\\.|.", re.DOTALL)
GLOB_SPECIAL, LIKE_SPECIAL = "*?[", "\\%_"


def tokens(pattern: str) -> list[tuple[bool, str]]:
    """Whether it is a wildcard, and the character, for each part of ``pattern``."""
    found = (match.group() for match in TOKEN.finditer(pattern))
    return [
        (True, one[0]) if one[0] in "*?" else (False, one[-1])  # \x is x, and a last \ itself
        for one in found
    ]


def as_glob(pattern: str) -> str:
    return "".join(
        f"[{one}]" if not wild and one in GLOB_SPECIAL else one for wild, one in tokens(pattern)
    )


def as_like(pattern: str) -> str:
    return "".join(
        {"*": "%", "?": "_"}[one] if wild else f"\\{one}" if one in LIKE_SPECIAL else one
        for wild, one in tokens(pattern)
    )


def fits(pattern: str, text: str) -> bool:
    """As ``Matches`` decides it."""
    ends = {0}
    for is_wild, one in tokens(pattern):
        if is_wild and one == "*":
            ends = set(range(min(ends, default=len(text) + 1), len(text) + 1))
        else:
            ends = {at + 1 for at in ends if is_wild or text[at : at + 1] == one}
    return len(text) in ends


class Matches(Lookup):
    """``Matches(text, pattern)``: the whole text has the pattern; capitals count."""

    lookup_name = "matches"

    def get_prep_lookup(self) -> str:
        return str(self.rhs)

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        lhs, parameters = self.process_lhs(compiler, connection)
        return f"{lhs} GLOB %s", [*parameters, as_glob(self.rhs)]

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        lhs, parameters = self.process_lhs(compiler, connection)
        return f"{lhs} LIKE %s", [*parameters, as_like(self.rhs)]


def matches(text: str | Combinable, patterns: Sequence[str]) -> Q:
    lhs = F(text) if isinstance(text, str) else text
    return reduce(or_, (Q(Matches(lhs, pattern)) for pattern in patterns))


# What is left when all but the last @ is cut from the end: nothing where there is no @.
UNTIL_LAST_AT = "RTRIM(%(expressions)s, REPLACE(%(expressions)s, '@', ''))"


class UserPart(Func):
    """What stands before the last ``@`` of a name that has one."""

    template = f"SUBSTR({UNTIL_LAST_AT}, 1, LENGTH({UNTIL_LAST_AT}) - 1)"
    output_field = TextField()


class HostPart(Func):
    """What stands after the last ``@`` of a name that has one."""

    template = f"SUBSTR(%(expressions)s, LENGTH({UNTIL_LAST_AT}) + 1)"
    output_field = TextField()
