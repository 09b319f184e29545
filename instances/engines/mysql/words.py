"""The servers' own words for privileges."""

from collections.abc import Callable, Sequence
from functools import lru_cache

GRANT_OPTION = "GRANT OPTION"

COLUMN_WORDS = {
    "create_tmp_table_priv": "CREATE TEMPORARY TABLES",
    "grant_priv": GRANT_OPTION,
    "repl_client_priv": "REPLICATION CLIENT",
    "repl_slave_priv": "REPLICATION SLAVE",
    "show_db_priv": "SHOW DATABASES",
}
SET_WORDS = {"DELETE VERSIONING ROWS": "DELETE HISTORY", "GRANT": GRANT_OPTION}

# MariaDB: the position of a word is its bit in ``access``. Source: sql/privilege.h
MARIADB_BITS = (
    *("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "RELOAD", "SHUTDOWN", "PROCESS"),
    *("FILE", GRANT_OPTION, "REFERENCES", "INDEX", "ALTER", "SHOW DATABASES", "SUPER"),
    *("CREATE TEMPORARY TABLES", "LOCK TABLES", "EXECUTE", "REPLICATION SLAVE", "BINLOG MONITOR"),
    *("CREATE VIEW", "SHOW VIEW", "CREATE ROUTINE", "ALTER ROUTINE", "CREATE USER", "EVENT"),
    *("TRIGGER", "CREATE TABLESPACE", "DELETE HISTORY", "SET USER", "FEDERATED ADMIN"),
    *("CONNECTION ADMIN", "READ_ONLY ADMIN", "REPLICATION SLAVE ADMIN"),
    *("REPLICATION MASTER ADMIN", "BINLOG ADMIN", "BINLOG REPLAY", "SLAVE MONITOR"),
    "SHOW CREATE ROUTINE",
)
STATIC_WORDS = frozenset({*MARIADB_BITS, "REPLICATION CLIENT", "CREATE ROLE", "DROP ROLE"})
"""Every global privilege that is no MySQL dynamic one; those may be invented by any plugin."""

Words = tuple[tuple[str, ...], bool]
"""The privileges of a row, and whether they may be granted on."""


def word_of_column(column: str) -> str:
    """``Create_view_priv`` -> ``CREATE VIEW``."""
    column = column.lower()
    return COLUMN_WORDS.get(column) or column.removesuffix("_priv").replace("_", " ").upper()


def split_grant_option(words: Sequence[str]) -> Words:
    """The privileges of a row, and whether they may be granted on.

    A row of nothing but GRANT OPTION is a right too: it lets the account hand out what it holds
    below. It is kept under that word.
    """
    grantable = GRANT_OPTION in words
    others = tuple(word for word in words if word != GRANT_OPTION)
    return (others or (GRANT_OPTION,) if grantable else others), grantable


@lru_cache(maxsize=1024)
def words_of_set(text: str) -> Words:
    """``Select,Create View,Grant`` -> ``("SELECT", "CREATE VIEW"), True``."""
    words = [SET_WORDS.get(word, word) for word in text.upper().split(",") if word]
    return split_grant_option(words)


def flag_reader(columns: Sequence[str]) -> Callable[[tuple[str, ...]], Words]:
    """A function from the Y and N of these columns to words; a server has few distinct rows."""
    words = [word_of_column(column) for column in columns]

    @lru_cache(maxsize=4096)
    def read(flags: tuple[str, ...]) -> Words:
        held = [word for word, flag in zip(words, flags, strict=True) if flag == "Y"]
        return split_grant_option(held)

    return read
