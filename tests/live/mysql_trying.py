"""What really happens when an account of MySQL or MariaDB connects and tries.

Denied is one of a few errors; any other error means that the privilege was there.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import MySQLdb

from instances.engines.effective import WHOLE_SERVER, Thing, World
from instances.engines.mysql.effective import MySQLEffective
from tests.engines.mysql.conftest import quote
from whalefall.demo.servers import Server

DENIED = {1044, 1142, 1143, 1227, 1370, 1045}
CLIENT = ("localhost", "127.0.0.1")
ON_TABLE = {
    "DELETE": "DELETE FROM {table} WHERE FALSE",
    "CREATE": "CREATE TABLE {table} (a int)",
    "ALTER": "ALTER TABLE {table} DROP COLUMN no_such",
}
ON_COLUMN = {
    "SELECT": "SELECT {column} FROM {table} WHERE FALSE",
    "UPDATE": "UPDATE {table} SET {column} = 1 WHERE FALSE",
    "INSERT": "INSERT INTO {table} ({column}) SELECT 1 FROM (SELECT 1) AS one WHERE FALSE",
}
ON_DATABASE = {
    "DROP": "DROP TABLE {database}.no_such",
    "INDEX": "CREATE INDEX i ON {database}.no_such (a)",
    "CREATE": "CREATE DATABASE {database}",
    "EVENT": "CREATE EVENT {database}.e ON SCHEDULE AT '2000-01-01' DISABLE DO SELECT 1",
    "CREATE ROUTINE": "CREATE PROCEDURE {database}.p() SELECT 1",
    "ALTER ROUTINE": "ALTER PROCEDURE {database}.no_such COMMENT ''",
    "EXECUTE": "CALL {database}.no_such()",
    "CREATE TEMPORARY TABLES": "CREATE TEMPORARY TABLE {database}.mine (a int)",
}
ON_ROUTINE = {
    "EXECUTE": "CALL {routine}()",
    "ALTER ROUTINE": "ALTER PROCEDURE {routine} COMMENT ''",
}
ON_SERVER = {"RELOAD": "FLUSH STATUS", "PROCESS": "SHOW ENGINE INNODB STATUS"}

Try = tuple[str, Thing, str]


def tries(databases: dict[str, list[str]]) -> Iterator[Try]:
    """Every privilege on everything in ``databases``, whose tables have columns ``a``, ``b``."""
    for word, sql in ON_SERVER.items():
        yield word, WHOLE_SERVER, sql
    for database, tables in databases.items():
        where = quote(database)
        for table in tables:
            yield from tries_on_table(database, table)
        for word, sql in ON_DATABASE.items():
            yield word, Thing("database", database), sql.format(database=where)
        for word, sql in ON_ROUTINE.items():
            routine = Thing("routine", database, "", "PROCEDURE p")
            yield word, routine, sql.format(routine=f"{where}.p")


def tries_on_table(database: str, table: str) -> Iterator[Try]:
    name = f"{quote(database)}.{quote(table)}"
    for word, sql in ON_TABLE.items():
        yield word, Thing("table", database, "", table), sql.format(table=name)
    for column in ("a", "b"):
        for word, sql in ON_COLUMN.items():
            thing = Thing("column", database, "", table, column)
            yield word, thing, sql.format(table=name, column=column)


def disagreements(
    server: Server, world: World, databases: dict[str, list[str]]
) -> tuple[int, list[Any]]:
    """How many answers were compared, and those that differ from what the mirror adds up to.

    What hangs on chance (equally specific rows) is not compared.
    """
    effective = MySQLEffective(world, CLIENT)
    compared, found = 0, []
    for key, one in world.principals.items():
        if not one.name.startswith("eff_"):
            continue
        user, _, host = one.name.rpartition("@")
        try:
            connection = server.connect(username=user, password="")
        except MySQLdb.Error:
            continue  # a role, or a host that is not ours
        with closing(connection):
            cursor = connection.cursor()
            cursor.execute("SELECT CURRENT_USER()")
            if cursor.fetchone() != (f"{user}@{host}",):
                continue  # a narrower account takes this client
            for word, thing, sql in tries(databases):
                ways = list(effective.ways(key, word, thing))
                ours = any(not way.condition for way in ways)
                if ways and not ours:
                    continue
                compared += 1
                if ours != (verdict := allowed(cursor, sql)):
                    found.append((one.name, word, thing, {"really": verdict, "ways": ways}))
    return compared, found


def allowed(cursor: Any, sql: str) -> bool:
    try:
        cursor.execute(sql)
    except MySQLdb.Error as error:
        return error.args[0] not in DENIED
    return True
