"""The statements in ``sql/``, each with the catalogs that its header says it needs."""

import re
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

NEEDS = re.compile(r"^-- Needs: SELECT ON (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Query:
    """``catalogs`` is '' when every login may run it."""

    name: str
    text: str
    catalogs: str = ""

    def reading(self, catalog: str, *, instead_of: str) -> "Query":
        """The same question to another catalog with the same columns."""
        return replace(self, text=self.text.replace(f"FROM {instead_of} ", f"FROM {catalog} "))


@cache
def load(name: str) -> Query:
    text = resources.files(__package__).joinpath("sql", f"{name}.sql").read_text()
    needs = NEEDS.search(text)
    return Query(name, text, needs[1] if needs else "")
