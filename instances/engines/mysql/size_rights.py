"""Which databases and sizes our own login may see, from its SHOW GRANTS.

information_schema leaves out what it may not show, without an error, so that only rights tell
whether a list is complete. What each right shows was tried on MySQL 9.7 and MariaDB 10.11.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from instances.engines.mysql.rights import GRANT, matches, unquoted

ALL = "ALL PRIVILEGES"
SHOWS_TABLES = frozenset(
    {
        ALL,
        "ALTER",
        "CREATE",
        "CREATE VIEW",
        "DELETE",
        "DROP",
        "INDEX",
        "INSERT",
        "REFERENCES",
        "SELECT",
        "SHOW VIEW",
        "TRIGGER",
        "UPDATE",
    }
)
"""Each of them makes a table's row of information_schema.TABLES visible, as one is enough."""

SHOWS_LOGS = frozenset({ALL, "BINLOG MONITOR", "REPLICATION CLIENT", "SUPER"})


@dataclass(slots=True)
class SizeRights:
    """``of_databases`` is by name or pattern, as granted; ``revoked`` are partial revokes."""

    everywhere: set[str] = field(default_factory=set)
    of_databases: list[tuple[str, set[str]]] = field(default_factory=list)
    revoked: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    has_patterns: bool = True

    @property
    def sees_databases(self) -> bool:
        return bool(self.everywhere & {ALL, "SHOW DATABASES"})

    @property
    def sees_files(self) -> bool:
        return bool(self.everywhere & {ALL, "PROCESS"})

    @property
    def sees_logs(self) -> bool:
        return bool(self.everywhere & SHOWS_LOGS)

    def sees_tables(self, database: str) -> bool:
        """Where several patterns fit, one alone applies: all must do, so that any one does."""
        holes = self.revoked.get(database, set())
        if (self.everywhere & SHOWS_TABLES) - holes:
            return True
        fitting = [rights for name, rights in self.of_databases if self.covers(name, database)]
        return bool(fitting) and all(rights & SHOWS_TABLES for rights in fitting)

    def covers(self, name: str, database: str) -> bool:
        return matches(name, database) if self.has_patterns else name == database


def size_rights(lines: Iterable[str], *, has_patterns: bool) -> SizeRights:
    """``has_patterns``: wildcards in a grant's database are wildcards."""
    rights = SizeRights(has_patterns=has_patterns)
    for line in lines:
        grant = GRANT.match(line)
        if not grant or grant["table"] != "*":
            continue
        words = {word.strip() for word in grant["privileges"].split(",")}
        database = unquoted(grant["database"])
        if grant["verb"] == "REVOKE":
            rights.revoked[database] |= words
        elif grant["database"] == "*":
            rights.everywhere |= words
        else:
            rights.of_databases.append((database, words))
    return rights
