"""What really happens when an account of MySQL or MariaDB connects and tries.

Denied is one of a few errors; any other error means that the privilege was there.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import MySQLdb

from instances.engines.effective import WHOLE_SERVER, Thing, Way, World
from instances.engines.mysql.effective import MySQLEffective
from tests.engines.mysql.conftest import quote
from tests.live.mysql_worlds import SINK, quoted
from whalefall.demo.servers import Server

DENIED = {1044, 1045, 1142, 1143, 1227, 1370, 1401}
NOBODY = "eff_nobody"
CLIENT = ("localhost", "127.0.0.1")
ON_TABLE = {
    "DELETE": "DELETE FROM {table} WHERE FALSE",
    "CREATE": "CREATE TABLE {table} (a int)",
    "ALTER": "ALTER TABLE {table} DROP COLUMN no_such",
    "INDEX": "CREATE INDEX i ON {table} (a)",
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
    "CREATE VIEW": "CREATE VIEW {database}.v AS SELECT 1",
}
ON_ROUTINE = {
    "PROCEDURE": {"EXECUTE": "CALL {routine}()", "ALTER ROUTINE": "ALTER PROCEDURE {routine}"},
    "FUNCTION": {"EXECUTE": "SELECT {routine}()", "ALTER ROUTINE": "ALTER FUNCTION {routine}"},
}
SERVER = {"RELOAD": "FLUSH STATUS", "PROCESS": "SHOW ENGINE INNODB STATUS"}
ON_SERVER = {
    "mysql": {**SERVER, "XA_RECOVER_ADMIN": "XA RECOVER"},
    "mariadb": {
        **SERVER,
        "SLAVE MONITOR": "SHOW SLAVE STATUS",
        "BINLOG MONITOR": "SHOW MASTER STATUS",
    },
}
CATALOG = Thing("table", "information_schema", "", "TABLES")
ON_CATALOG = {
    "SELECT": "SELECT 1 FROM information_schema.TABLES WHERE FALSE",
    "DELETE": "DELETE FROM information_schema.TABLES WHERE FALSE",
}

Try = tuple[str, Thing, str]
Verdict = tuple[str, Thing, bool]


@dataclass
class Report:
    """How many answers were compared, by what became of them, and those that differ."""

    compared: Counter[str] = field(default_factory=Counter)
    different: list[Any] = field(default_factory=list)

    def compare(self, told: list[Way], really: bool, *about: Any) -> None:
        """Of what hangs on chance (equally specific rows) only that it may be either."""
        ours = any(not way.condition for way in told)
        if told and not ours:
            self.compared["either"] += 1
            return
        self.compared["held" if really else "not held"] += 1
        if ours != really:
            self.different.append((*about, {"really": really, "ways": told}))


def tries(kind: str, databases: dict[str, list[str]]) -> Iterator[Try]:
    """Every privilege on everything in ``databases``, whose tables have columns ``a``, ``b``."""
    for word, sql in ON_SERVER[kind].items():
        yield word, WHOLE_SERVER, sql
    for word, sql in ON_CATALOG.items():
        yield word, CATALOG, sql
    for database, tables in databases.items():
        where = quote(database)
        for table in tables:
            yield from tries_on_table(database, table)
        for word, sql in ON_DATABASE.items():
            yield word, Thing("database", database), sql.format(database=where)
        for routine_kind, words in ON_ROUTINE.items():
            for word, sql in words.items():
                routine = Thing("routine", database, "", f"{routine_kind} p")
                yield word, routine, sql.format(routine=f"{where}.p")


def tries_on_table(database: str, table: str) -> Iterator[Try]:
    name = f"{quote(database)}.{quote(table)}"
    for word, sql in ON_TABLE.items():
        yield word, Thing("table", database, "", table), sql.format(table=name)
    for column in ("a", "b"):
        for word, sql in ON_COLUMN.items():
            thing = Thing("column", database, "", table, column)
            yield word, thing, sql.format(table=name, column=column)


def compared(server: Server, world: World, databases: dict[str, list[str]]) -> Report:
    """What the mirror adds up to, with the client known and without, against what happens."""
    found, passing = Report(), []
    exact, general = MySQLEffective(world, CLIENT), MySQLEffective(world)
    for key, one in world.principals.items():
        if one.kind == "user" and one.name.startswith(("eff_", "@")):
            with logged_in(server, one.name) as cursor:
                if cursor is None:
                    continue
                everything = list(tries(server.kind, databases))
                compare_session(found, exact, general, (key, one.name), cursor, everything)
                compare_taken(found, exact, (key, one.name), cursor, everything)
                if one.name != SINK:
                    passing.append((key, one.name))
    for key, name in passing:  # the last, since a GRANT that succeeds changes the server
        with logged_in(server, name) as cursor:
            compare_passing_on(found, exact, (key, name), cursor, databases)
    return found


@contextmanager
def logged_in(server: Server, name: str) -> Iterator[Any]:
    """A cursor; None for a host that is not ours, or when another account takes this client."""
    user, _, _ = name.rpartition("@")
    try:
        connection = server.connect(username=user or NOBODY, password="")
    except MySQLdb.Error:
        yield None
        return
    with closing(connection):
        cursor = connection.cursor()
        cursor.execute("SELECT CURRENT_USER()")
        yield cursor if cursor.fetchone() == (name,) else None


Who = tuple[int, str]


def compare_session(
    found: Report,
    exact: MySQLEffective,
    general: MySQLEffective,
    who: Who,
    cursor: Any,
    everything: list[Try],
) -> None:
    key, name = who
    told = {way.right for _, _, way in exact.everything(key)}
    for word, thing, sql in everything:
        really = allowed(cursor, sql)
        ways = list(exact.ways(key, word, thing))
        found.compare(ways, really, name, word, thing)
        found.compare(list(general.ways(key, word, thing)), really, name, word, thing, "any client")
        untold = [way for way in ways if way.right and way.right not in told]
        if untold:
            found.different.append((name, word, thing, {"not in everything": untold}))


def compare_taken(
    found: Report, exact: MySQLEffective, who: Who, cursor: Any, everything: list[Try]
) -> None:
    """Each session that the account can make of its first by SET ROLE, then all of them."""
    key, name = who
    names = exact.world.principals
    opened: set[tuple[str, Thing]] = set()
    for role, session in exact.others(key):
        taken = "NONE" if role is None else role_name(names[role].name)
        cursor.execute(f"SET ROLE {taken}")
        for word, thing, sql in everything:
            really = allowed(cursor, sql)
            ways = list(exact.ways_in(session, word, thing))
            found.compare(ways, really, name, word, thing, f"SET ROLE {taken}")
            if any(not way.condition for way in ways):
                opened.add((word, thing))
    certain = ("", "SET ROLE NONE")
    for word, thing, _ in everything:
        ways = list(exact.ways_by_set_role(key, word, thing))
        if any(way.condition in certain for way in ways) != ((word, thing) in opened):
            found.different.append((name, word, thing, {"by SET ROLE": ways}))


def role_name(name: str) -> str:
    user, host = name.rpartition("@")[::2] if "@" in name else (name, "")
    return f"`{user}`@`{host}`" if host else f"`{user}`"


def compare_passing_on(
    found: Report, exact: MySQLEffective, who: Who, cursor: Any, databases: dict[str, list[str]]
) -> None:
    key, name = who
    for word, thing, sql in passings(databases):
        ways = list(exact.ways(key, word, thing))
        passed_on = [way for way in ways if way.grantable]
        if thing.scope == "routine" and not ways:
            continue  # who may not open the database may pass on all the same
        really = allowed(cursor, sql)
        found.compare(passed_on, really, name, word, thing, "WITH GRANT OPTION")


def passings(databases: dict[str, list[str]]) -> Iterator[Try]:
    for word in ("SELECT", "RELOAD"):
        yield word, WHOLE_SERVER, f"GRANT {word} ON *.* TO {quoted(SINK)}"
    for database in databases:
        for word in ("SELECT", "UPDATE", "EXECUTE", "CREATE"):
            if "_" in database:
                break  # GRANT would take the name for a pattern
            thing = Thing("database", database)
            yield word, thing, f"GRANT {word} ON `{database}`.* TO {quoted(SINK)}"
        for word in ("SELECT", "UPDATE", "DELETE"):
            thing = Thing("table", database, "", "t")
            yield word, thing, f"GRANT {word} ON `{database}`.t TO {quoted(SINK)}"
        for word in ("SELECT", "UPDATE"):
            thing = Thing("column", database, "", "t", "a")
            yield word, thing, f"GRANT {word} (a) ON `{database}`.t TO {quoted(SINK)}"
        thing = Thing("routine", database, "", "PROCEDURE p")
        yield "EXECUTE", thing, f"GRANT EXECUTE ON PROCEDURE `{database}`.p TO {quoted(SINK)}"


def allowed(cursor: Any, sql: str) -> bool:
    try:
        cursor.execute(sql)
        cursor.fetchall()
    except MySQLdb.Error as error:
        return error.args[0] not in DENIED
    return True
