"""What was read of the grant tables, and what we were not allowed to read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from instances.engines.base import Section

Row = Sequence[Any]
Tables = Mapping[str, tuple[str, ...]]
"""The queries that a section rests on; the first is the one it is named after."""


@dataclass(frozen=True, slots=True)
class Refusal:
    reason: str
    needed_grant: str


@dataclass(slots=True)
class Catalogue:
    """The rows of each query by its name; a refused query has none."""

    version: tuple[int, ...]
    current_user: str
    variables: Mapping[str, str]
    rows: dict[str, Sequence[Row]] = field(default_factory=dict)
    columns: dict[str, list[str]] = field(default_factory=dict)
    refusals: dict[str, Refusal] = field(default_factory=dict)

    def of(self, query: str) -> Sequence[Row]:
        return self.rows.get(query, ())

    def knows(self, *queries: str) -> bool:
        return not any(query in self.refusals for query in queries)

    def is_on(self, variable: str) -> bool:
        return self.variables.get(variable, "").upper() in ("ON", "1")

    def section(self, name: str, queries: Sequence[str]) -> Section:
        for query in queries:
            refusal = self.refusals.get(query)
            if refusal:
                return Section(name, reason=refusal.reason, needed_grant=refusal.needed_grant)
        return Section(name)
