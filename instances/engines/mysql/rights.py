"""What our own login may read, from its SHOW GRANTS (which counts the active roles in).

Only rights decide whether a part of a reading is complete. The absence of an error says too
little: some servers and proxies filter what they show.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from instances.engines.mysql.queries import Query

NAME = r"`(?:[^`]|``)*`"
PRIVILEGE = rf"[A-Z_ ]+(?:\((?:{NAME}|[^`)])*\))?"
GRANT = re.compile(
    rf"(?P<verb>GRANT|REVOKE) (?P<privileges>{PRIVILEGE}(?:, ?{PRIVILEGE})*) "
    rf"ON (?P<database>\*|{NAME})\.(?P<table>\*|{NAME}) (?:TO|FROM) "
)
SELECTED = re.compile(r"(?:^|, ?)(?:SELECT(?: \((?P<columns>[^)]*)\))?|ALL PRIVILEGES) ?(?=,|$)")


@dataclass(slots=True)
class ReadRights:
    """Where in the schema ``mysql`` we may SELECT; a table's columns are None for all of them."""

    everywhere: bool = False
    revoked: bool = False
    tables: dict[str, set[str] | None] = field(default_factory=dict)

    def allow(self, query: Query) -> bool:
        if self.everywhere and not self.revoked:
            return True
        columns = self.tables.get(query.table, set())
        return columns is None or (bool(query.columns) and query.columns <= columns)


def read_rights(lines: Iterable[str]) -> ReadRights:
    rights = ReadRights()
    by_database = False
    for line in lines:
        grant = GRANT.match(line)
        selected = grant and SELECTED.search(grant["privileges"])
        if not grant or not selected:
            continue
        database, table = unquoted(grant["database"]), unquoted(grant["table"])
        if grant["verb"] == "REVOKE":
            rights.revoked |= database == "mysql"
        elif database == "*":
            rights.everywhere = True
        elif table == "*":
            by_database |= matches(database, "mysql")
        elif database == "mysql":
            add_table(rights, table, selected["columns"])
    if by_database:  # it beats a partial revoke, which is a hole in the global grant only
        rights.everywhere, rights.revoked = True, False
    return rights


def add_table(rights: ReadRights, table: str, columns: str | None) -> None:
    if columns is None:
        rights.tables[table] = None
        return
    known = rights.tables.setdefault(table, set())
    if known is not None:
        known.update(unquoted(column.strip()).lower() for column in columns.split(","))


def unquoted(name: str) -> str:
    return name[1:-1].replace("``", "`") if name.startswith("`") else name


def matches(pattern: str, database: str) -> bool:
    """Whether a database pattern with ``%``, ``_`` and backslashes covers ``database``."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    wildcards = {"%": ".*", "_": "."}
    expression = "".join(wildcards.get(part) or re.escape(part[-1]) for part in parts)
    return re.fullmatch(expression, database, re.DOTALL) is not None
