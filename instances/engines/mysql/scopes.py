"""Which privileges can be granted on what. Source: SHOW PRIVILEGES, and the manuals' GRANT pages.

https://dev.mysql.com/doc/refman/8.4/en/grant.html, https://mariadb.com/kb/en/grant/
"""

from collections.abc import Mapping, Sequence

from instances.engines.mysql.words import GRANT_OPTION, MARIADB_BITS

COLUMN = ("SELECT", "INSERT", "UPDATE", "REFERENCES")
TABLE = (
    *("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "REFERENCES", "INDEX", "ALTER"),
    *("CREATE VIEW", "SHOW VIEW", "TRIGGER"),
)
ROUTINE = ("EXECUTE", "ALTER ROUTINE")
DATABASE = (
    *TABLE,
    *("CREATE TEMPORARY TABLES", "LOCK TABLES", "CREATE ROUTINE", *ROUTINE, "EVENT"),
)
SERVER = (
    *DATABASE,
    *("RELOAD", "SHUTDOWN", "PROCESS", "FILE", "SHOW DATABASES", "SUPER", "REPLICATION SLAVE"),
    *("REPLICATION CLIENT", "CREATE USER", "CREATE TABLESPACE"),
)
SCOPES: Mapping[str, Sequence[str]] = {
    "server": SERVER,
    "database": DATABASE,
    "table": TABLE,
    "column": COLUMN,
    "routine": ROUTINE,
    "proxy": ("PROXY",),
}
MYSQL_8 = ("CREATE ROLE", "DROP ROLE")
HISTORY = "DELETE HISTORY"
SHOW_ROUTINE = "SHOW CREATE ROUTINE"
SHOW_ROUTINE_SINCE = (11, 3)

WIDER = {"column": "table", "table": "database", "routine": "database", "database": "server"}
"""What is granted on the wider thing is held on everything in it."""


def words_of_scope(scope: str, *, is_mariadb: bool, version: tuple[int, ...]) -> Sequence[str]:
    """Without MySQL's dynamic privileges, which any plugin may add to."""
    words = SCOPES.get(scope, ())
    if not is_mariadb:
        return (*words, *MYSQL_8) if scope == "server" and version >= (8,) else words
    shows_routines = version >= SHOW_ROUTINE_SINCE
    if scope == "server":
        known = MARIADB_BITS if shows_routines else MARIADB_BITS[:-1]
        return tuple(word for word in known if word != GRANT_OPTION)
    if scope in ("database", "table"):
        words = (*words, HISTORY)
    if scope in ("database", "routine") and shows_routines:
        words = (*words, SHOW_ROUTINE)
    return words


def any_words(scope: str) -> Sequence[str]:
    """Every word that a right on a thing of this scope may have on some server."""
    return (*SCOPES.get(scope, ()), HISTORY, SHOW_ROUTINE, GRANT_OPTION)
