"""What random programs may do to a MySQL or MariaDB server, and how it is cleaned afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import MySQLdb

from tests.engines.mysql.conftest import accounts_of, quote
from tests.live.programs import Pools
from whalefall.demo.servers import Server

USERS = [("ada", "%"), ("ada", "localhost"), ("we`ird", "%"), ("", "10.0.0.%")]
USERS += [("back\\slash 'ü", "%"), ("a@b", "db.example.org")]
ROLES = ["reader", "wri`ter", "Ro.le"]
DATABASES = ["wf_live", "wf%Live"]
NAMES = ["t", "we`ird.t", "t%"]  # SHOW GRANTS turns the names of routines to lower case
COLUMNS = ["a", "b`c"]

GLOBAL = ["ALL PRIVILEGES", "SELECT", "SELECT, INSERT", "PROCESS", "CREATE USER", "RELOAD, FILE"]
GLOBAL += ["REPLICATION SLAVE, SHOW DATABASES", "UPDATE, DELETE", "SUPER", "EVENT, TRIGGER"]
OWN_GLOBAL = {
    "mysql": [
        "BACKUP_ADMIN",
        "ROLE_ADMIN, SYSTEM_USER",
        "CREATE ROLE, DROP ROLE",
        "XA_RECOVER_ADMIN",
    ],
    "mariadb": ["BINLOG ADMIN", "SET USER, CONNECTION ADMIN", "DELETE HISTORY", "SLAVE MONITOR"],
}
ON_DATABASE = ["ALL PRIVILEGES", "SELECT", "INSERT, UPDATE", "CREATE TEMPORARY TABLES", "EXECUTE"]
ON_DATABASE += ["LOCK TABLES, SHOW VIEW", "CREATE ROUTINE, ALTER ROUTINE", "EVENT", "REFERENCES"]
ON_TABLE = ["ALL PRIVILEGES", "SELECT", "INSERT, DELETE", "CREATE VIEW", "TRIGGER, INDEX", "DROP"]
ON_COLUMN = ["SELECT", "INSERT", "UPDATE", "REFERENCES"]
ON_ROUTINE = ["EXECUTE", "ALTER ROUTINE", "EXECUTE, ALTER ROUTINE"]
NEW_LOGIN = ["", " IDENTIFIED BY 'hush-hush'", " ACCOUNT LOCK", " PASSWORD EXPIRE"]
LOGIN = [" ACCOUNT LOCK", " ACCOUNT UNLOCK", " PASSWORD EXPIRE", " PASSWORD EXPIRE NEVER"]
LOGIN += [" PASSWORD EXPIRE INTERVAL 30 DAY", " IDENTIFIED BY 'other-hush'"]

GRANTED = [
    ("{on_server} ON *.*", "account"),
    ("{on_database} ON {database}.*", "grantee"),
    ("{on_database} ON {pattern}.*", "grantee"),
    ("{on_table} ON {table}", "grantee"),
    ("{on_column} ({column}) ON {table}", "grantee"),
    ("{on_column} ({column}), {on_column} ON {table}", "grantee"),
    ("{on_routine} ON PROCEDURE {procedure}", "ascii_grantee"),
    ("{on_routine} ON FUNCTION {function}", "ascii_grantee"),
]
MADE = [
    "CREATE TABLE {database}.{name} (a int, `b``c` int)",
    "CREATE TABLE {database}.{name} (a int, `b``c` int)",
    "CREATE VIEW {database}.{name} AS SELECT 1 AS a",
    "CREATE PROCEDURE {database}.{name}() SELECT 1",
    "CREATE FUNCTION {database}.{name}() RETURNS int DETERMINISTIC RETURN 1",
    "DROP TABLE {table}",
    "RENAME TABLE {table} TO {database}.{name}",
    "DROP PROCEDURE {procedure}",
    "DROP FUNCTION {function}",
    "CREATE DATABASE {new_database}",
    "DROP DATABASE {database}",
]
OF_ACCOUNTS = [
    "CREATE USER {new_user}{new_login}",
    "CREATE USER {new_user}{new_login}",
    "ALTER USER {user}{login}",
    "ALTER USER {user}{login}",
    "RENAME USER {user} TO {new_user}",
    "DROP USER {user}",
    "CREATE ROLE {new_role}",
    "CREATE ROLE {new_role}",
    "DROP ROLE {role}",
    "REVOKE ALL PRIVILEGES, GRANT OPTION FROM {account}",
    "GRANT PROXY ON {user} TO {user}{option}",
    "REVOKE PROXY ON {user} FROM {user}",
    "GRANT {role} TO {account}{admin}",
    "GRANT {role} TO {account}{admin}",
    "GRANT {role} TO {account}{admin}",
    "REVOKE {role} FROM {account}",
]
OWN = {
    "mysql": [
        "SET DEFAULT ROLE {role} TO {user}",
        "SET DEFAULT ROLE ALL TO {user}",
        "SET DEFAULT ROLE NONE TO {user}",
        "GRANT {user} TO {account}",
        "REVOKE {user} FROM {account}",
        "REVOKE {on_database} ON mysql.* FROM {account}",
        "REVOKE {on_database} ON {database}.* FROM {account}",
    ],
    "mariadb": [
        "SET DEFAULT ROLE {role} FOR {user}",
        "SET DEFAULT ROLE {role} FOR {user}",
        "SET DEFAULT ROLE NONE FOR {user}",
        "REVOKE ADMIN OPTION FOR {role} FROM {account}",
        "GRANT {role} TO PUBLIC",
        "REVOKE {role} FROM PUBLIC",
    ],
}
FIRST = [
    "CREATE DATABASE wf_live",
    "CREATE TABLE wf_live.t (a int, `b``c` int)",
    "CREATE PROCEDURE wf_live.t() SELECT 1",
    *[f"CREATE USER {quote(*user)}" for user in USERS[:-1]],
    "CREATE ROLE reader, `wri``ter`",
    "GRANT reader TO `ada`@`%`",
    "GRANT SELECT, INSERT ON *.* TO `we``ird`@`%`",
    "GRANT SELECT (a) ON wf_live.t TO reader",
]


def templates(kind: str) -> list[str]:
    granted = [
        template
        for what, whom in GRANTED
        for template in (
            f"GRANT {what} TO {{{whom}}}{{option}}",
            f"GRANT {what} TO {{{whom}}}{{option}}",
            f"REVOKE {what} FROM {{{whom}}}",
            f"REVOKE GRANT OPTION ON{what.partition(' ON')[2]} FROM {{{whom}}}",
        )
    ]
    return [*granted, *MADE, *OF_ACCOUNTS * 2, *OWN[kind] * 2]


def pools(server: Server, connection: Any) -> Pools:
    """What may stand in each field now."""
    cursor = connection.cursor()

    def ask(sql: str) -> list[tuple[Any, ...]]:
        cursor.execute(sql)
        return list(cursor.fetchall())

    accounts = set(ask("SELECT User, Host FROM mysql.user"))
    users = [quote(*user) for user in USERS if user in accounts]
    role_host = "%" if server.kind == "mysql" else ""
    roles = [quote(role) for role in ROLES if (role, role_host) in accounts]
    present = {name for (name,) in ask("SHOW DATABASES")}
    databases = [quote(name) for name in DATABASES if name in present]
    things: dict[str, list[str]] = {"TABLE": [], "PROCEDURE": [], "FUNCTION": []}
    where = " OR ".join(f"{{0}} = '{name}'" for name in DATABASES)
    for kind, database, name in ask(
        "SELECT 'TABLE', TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES"
        f" WHERE {where.format('TABLE_SCHEMA')} UNION ALL"
        " SELECT ROUTINE_TYPE, ROUTINE_SCHEMA, ROUTINE_NAME FROM information_schema.ROUTINES"
        f" WHERE {where.format('ROUTINE_SCHEMA')} ORDER BY 1, 2, 3"
    ):
        things[kind].append(f"{quote(database)}.{quote(name)}")
    return {
        "user": users,
        "role": roles,
        "account": [*users, *roles],
        "grantee": [*users, *roles, *(["PUBLIC"] if server.kind == "mariadb" else [])],
        # Both servers write other letters into procs_priv in the wrong encoding, and do not find
        # the grant again after FLUSH PRIVILEGES (tried on MySQL 9.7.4 and MariaDB 10.11.19).
        "ascii_grantee": [name for name in (*users, *roles) if name.isascii()],
        "new_user": [quote(*user) for user in USERS if user not in accounts],
        "new_role": [quote(role) for role in ROLES if quote(role) not in roles],
        "database": databases,
        "new_database": [quote(name) for name in DATABASES if name not in present],
        "pattern": ["`wf\\_%`", "`%`", "`wf_live`"],
        "table": things["TABLE"],
        "procedure": things["PROCEDURE"],
        "function": things["FUNCTION"],
        "name": [quote(name) for name in NAMES],
        "column": [quote(name) for name in COLUMNS],
        "on_server": [*GLOBAL, *OWN_GLOBAL[server.kind]],
        "on_database": ON_DATABASE,
        "on_table": ON_TABLE,
        "on_column": ON_COLUMN,
        "on_routine": ON_ROUTINE,
        "new_login": NEW_LOGIN,
        "login": LOGIN,
        "option": ["", "", " WITH GRANT OPTION"],
        "admin": ["", " WITH ADMIN OPTION"],
    }


PARSE_ERROR = 1064


def run(connection: Any, sql: str, _actor: int | None) -> bool:
    """Whether the server accepted it; what it can't even parse is our own mistake."""
    try:
        connection.cursor().execute(sql)
    except MySQLdb.Error as error:
        if error.args[0] == PARSE_ERROR:
            raise
        return False
    return True


@contextmanager
def cleaned(server: Server) -> Iterator[Server]:
    reset(server)
    yield server
    reset(server)


def reset(server: Server) -> None:
    """Drop everything that a program can have made."""
    present = accounts_of(server)
    for user in present.intersection(USERS):
        server.execute(f"DROP USER {quote(*user)}")
    host = "%" if server.kind == "mysql" else ""
    for role in ROLES:
        if (role, host) in present:
            server.execute(f"DROP ROLE {quote(role)}")
    for database in DATABASES:
        server.execute(f"DROP DATABASE IF EXISTS {quote(database)}")
    if server.kind == "mariadb":
        for table in ("global_priv", "db", "tables_priv", "columns_priv", "procs_priv"):
            server.execute(f"DELETE FROM mysql.{table} WHERE User = 'PUBLIC'")
        server.execute("FLUSH PRIVILEGES")
