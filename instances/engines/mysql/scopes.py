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
DYNAMIC = (
    *("ALLOW_NONEXISTENT_DEFINER", "APPLICATION_PASSWORD_ADMIN", "AUDIT_ABORT_EXEMPT"),
    *("AUDIT_ADMIN", "AUTHENTICATION_POLICY_ADMIN", "BACKUP_ADMIN", "BINLOG_ADMIN"),
    *("BINLOG_ENCRYPTION_ADMIN", "CLONE_ADMIN", "CONNECTION_ADMIN"),
    *("CREATE_SPATIAL_REFERENCE_SYSTEM", "ENCRYPTION_KEY_ADMIN", "FIREWALL_ADMIN"),
    *("FIREWALL_EXEMPT", "FIREWALL_USER", "FLUSH_OPTIMIZER_COSTS", "FLUSH_PRIVILEGES"),
    *("FLUSH_STATUS", "FLUSH_TABLES", "FLUSH_USER_RESOURCES", "GROUP_REPLICATION_ADMIN"),
    *("GROUP_REPLICATION_STREAM", "INNODB_REDO_LOG_ARCHIVE", "INNODB_REDO_LOG_ENABLE"),
    *("MANAGE_DATA_MASKING_POLICY", "MASKING_DICTIONARIES_ADMIN", "NDB_STORED_USER"),
    *("OPTIMIZE_LOCAL_TABLE", "PASSWORDLESS_USER_ADMIN", "PERSIST_RO_VARIABLES_ADMIN"),
    *("REPLICATION_APPLIER", "REPLICATION_SLAVE_ADMIN", "RESOURCE_GROUP_ADMIN"),
    *("RESOURCE_GROUP_USER", "ROLE_ADMIN", "SENSITIVE_VARIABLES_OBSERVER"),
    *("SERVICE_CONNECTION_ADMIN", "SESSION_VARIABLES_ADMIN", "SET_ANY_DEFINER", "SET_USER_ID"),
    *("SHOW_ROUTINE", "SKIP_QUERY_REWRITE", "SYSTEM_USER", "SYSTEM_VARIABLES_ADMIN"),
    *("TABLE_ENCRYPTION_ADMIN", "TELEMETRY_LOG_ADMIN", "TP_CONNECTION_ADMIN"),
    *("TRANSACTION_GTID_TAG", "VERSION_TOKEN_ADMIN", "XA_RECOVER_ADMIN"),
)
"""MySQL's own dynamic privileges, of all versions from 8.0 on; any plugin may add to them."""

HISTORY = "DELETE HISTORY"
SHOW_ROUTINE = "SHOW CREATE ROUTINE"
SHOW_ROUTINE_SINCE = (11, 3)

WIDER = {"column": "table", "table": "database", "routine": "database", "database": "server"}
"""What is granted on the wider thing is held on everything in it."""


def words_of_scope(scope: str, *, is_mariadb: bool, version: tuple[int, ...]) -> Sequence[str]:
    words = SCOPES.get(scope, ())
    if not is_mariadb:
        is_global = scope == "server" and version >= (8,)
        return (*words, *MYSQL_8, *DYNAMIC) if is_global else words
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
