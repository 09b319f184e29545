"""The statements in ``sql/``, each with the right that its header says it needs."""

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

NEEDS = re.compile(
    r"^-- Needs: (SELECT(?: \((?P<columns>[^)]*)\))? ON mysql\.(?P<table>\w+))$", re.MULTILINE
)

WARNING = re.compile(r"^-- Warning:( .+)$", re.MULTILINE)
GLOBAL = re.compile(r"^-- Needs: ([A-Z ]+ ON \*\.\*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Query:
    """``columns`` is empty when the whole table is needed, ``table`` when nothing is.

    ``warning`` is what else the right lets one see: empty, or a sentence with a space before it.
    """

    name: str
    text: str
    right: str = ""
    table: str = ""
    columns: frozenset[str] = frozenset()
    warning: str = ""


@cache
def load(name: str) -> Query:
    text = resources.files(__package__).joinpath("sql", f"{name}.sql").read_text()
    needs = NEEDS.search(text)
    if needs is None:
        everywhere = GLOBAL.search(text)
        return Query(name, text, everywhere[1] if everywhere else "")
    columns = frozenset((needs["columns"] or "").lower().split(", ")) - {""}
    warning = WARNING.search(text)
    return Query(
        name, text, needs[1], needs["table"], columns, warning=warning[1] if warning else ""
    )
