"""Random accounts, roles and grants of a MySQL or MariaDB server, one world for each seed."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from random import Random
from typing import Any

import MySQLdb

from accounts.worlds import world_of
from instances.engines.effective import World
from tests.engines.mysql.conftest import cleaned
from tests.live.mirrored import Mirrored
from tests.live.mysql_programs import PARSE_ERROR
from whalefall.demo.servers import Server

DATABASES = {"wfe_one": ["t", "u"], "wfextwo": ["t"]}
USERS = ["eff_ann@localhost", "eff_ann@%", "eff_bob@%", "eff_cat@localhost", "eff_cat@127.0.0.1"]
NAMESAKE, ANONYMOUS, SINK = "eff_r1@%", "@localhost", "eff_sink@localhost"
ROLES = ["eff_r1", "eff_r2", "eff_r3"]
HOSTS = ["localhost", "127.0.0.1", "%", "", "_ocalhost", "127.0.0.0/255.0.0.0", "127.0.0.%", "l%"]
HOSTS += ["127.%", "%.0.0.1", "1%7.0.0.1", "loc_lhost", "lo%ho_t", "127.0.0.0/255.255.0.0"]
OWN_HOSTS = {"mysql": ["127.0.0.0/8", "127.0.0.1/32"], "mariadb": []}
PATTERNS = ["wfe_one", "wfe\\_one", "wfe\\_%", "wfe%", "%", "wfextwo", "wfe_o%", "wfe_on_"]
PATTERNS += ["_fe_one", "w%e%", "%one", "%o%", "wfe____", "wfe%%", "__e\\_one"]
ON_DATABASE = ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "INDEX", "ALTER", "EVENT"]
ON_DATABASE += ["EXECUTE", "ALTER ROUTINE", "CREATE ROUTINE", "CREATE TEMPORARY TABLES"]
ON_DATABASE += ["CREATE VIEW"]
ON_SERVER = {
    "mysql": ["RELOAD", "PROCESS", "CREATE USER", "XA_RECOVER_ADMIN", "ROLE_ADMIN"],
    "mariadb": ["RELOAD", "PROCESS", "CREATE USER", "SLAVE MONITOR", "BINLOG MONITOR"],
}
ON_TABLE = ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "INDEX"]
SETTINGS = {"mandatory_roles": "''", "activate_all_roles_on_login": "OFF"}
PLANTED = ("db", "tables_priv", "procs_priv")
OF_PUBLIC = ("global_priv", "roles_mapping", *PLANTED, "columns_priv")


@contextmanager
def world(server: Server, seed: int, **settings: str) -> Iterator[World]:
    """The mirror of a server that has what ``seed`` makes."""
    mirrored = Mirrored(server)
    with cleaned(server), closing(server.connect()) as root:
        try:
            for name, value in settings.items():
                run(root, f"SET GLOBAL {name} = {value}")
            for statement in statements(server.kind, Random(seed)):
                run(root, statement)
            run(root, "FLUSH PRIVILEGES")
            mirrored.complete_sync()
            mirrored.instance.refresh_from_db()
            yield world_of(mirrored.instance)
        finally:
            restore(server, root)
    mirrored.forget()


def restore(server: Server, root: Any) -> None:
    """Settings, and the rows without an account, which stay when the accounts are dropped."""
    if server.kind == "mysql":
        for name, value in {**SETTINGS, "partial_revokes": "OFF"}.items():
            run(root, f"SET GLOBAL {name} = {value}")
    for table in PLANTED:
        run(root, f"DELETE FROM mysql.{table} WHERE User LIKE 'eff%' OR User = ''")
    for table in OF_PUBLIC if server.kind == "mariadb" else ():
        run(root, f"DELETE FROM mysql.{table} WHERE User = 'PUBLIC'")
    run(root, "FLUSH PRIVILEGES")
    run(root, "DROP USER IF EXISTS ''@'localhost'")


def statements(kind: str, random: Random) -> Iterator[str]:
    for user in [*USERS, SINK]:
        yield f"CREATE USER {quoted(user)}"
    for database, tables in DATABASES.items():
        yield from filled(database, tables)
    for role in ROLES:
        yield f"CREATE ROLE {role}"
    if random.random() < 0.2:
        yield f"CREATE USER {quoted(ANONYMOUS)}"
    if kind == "mariadb" and random.random() < 0.3:
        yield f"CREATE USER {quoted(NAMESAKE)}"
    yield from granted(kind, random)
    yield from activated(kind, random)
    for _ in range(random.randint(0, 4)):
        words = random.sample(ON_DATABASE[:4], 2)
        yield f"REVOKE {', '.join(words)} ON wfextwo.* FROM {random.choice(grantees(kind, random))}"
    for _ in range(random.randint(0, 5)):
        yield planted(kind, random)


def filled(database: str, tables: list[str]) -> Iterator[str]:
    yield f"CREATE DATABASE {database}"
    # Nobody without SYSTEM_USER may alter what belongs to somebody with it.
    definer = "DEFINER = `eff_bob`@`%`"
    yield f"CREATE {definer} PROCEDURE {database}.p() SQL SECURITY INVOKER DO 1"
    yield (
        f"CREATE {definer} FUNCTION {database}.p() RETURNS int DETERMINISTIC"
        " SQL SECURITY INVOKER RETURN 1"
    )
    yield f"CREATE EVENT {database}.e ON SCHEDULE AT '2099-01-01' DISABLE DO SELECT 1"
    for table in tables:
        yield f"CREATE TABLE {database}.{table} (a int, b int, KEY i (a))"
    yield f"CREATE VIEW {database}.v AS SELECT 1"


def grantees(kind: str, random: Random) -> list[str]:
    found = [quoted(user) for user in USERS] * 2 + ROLES + [quoted(ANONYMOUS), quoted(NAMESAKE)]
    return found + (["PUBLIC"] * 2 if kind == "mariadb" and random.random() < 0.3 else [])


def granted(kind: str, random: Random) -> Iterator[str]:
    for _ in range(random.randint(8, 25)):
        yield grant(kind, random, random.choice(grantees(kind, random)))
    for _ in range(random.randint(0, 7)):
        yield f"GRANT {random.choice(ROLES)} TO {random.choice(grantees(kind, random))}"


def activated(kind: str, random: Random) -> Iterator[str]:
    for user in [*USERS, ANONYMOUS]:
        if random.random() < 0.5:
            word = "FOR" if kind == "mariadb" else "TO"
            yield f"SET DEFAULT ROLE {random.choice(ROLES)} {word} {quoted(user)}"
    if kind == "mysql" and random.random() < 0.2:
        yield f"SET GLOBAL mandatory_roles = '{random.choice(ROLES)}'"
    if kind == "mysql" and random.random() < 0.2:
        yield "SET GLOBAL activate_all_roles_on_login = ON"


def grant(kind: str, random: Random, grantee: str) -> str:
    what = random.randrange(9)
    database = random.choice(list(DATABASES))
    option = " WITH GRANT OPTION" if random.random() < 0.15 else ""
    if what <= 1:
        place = "*.*"
        words = random.sample([*ON_DATABASE, *ON_SERVER[kind] * 2], 2)
    elif what <= 3:
        words, place = random.sample(ON_DATABASE, 4), f"`{random.choice(PATTERNS)}`.*"
    elif what <= 5:
        words, place = random.sample(ON_TABLE, 2), f"{database}.t"
    elif what == 6:
        words, place = [f"{random.choice(['SELECT', 'INSERT', 'UPDATE'])} (a)"], f"{database}.t"
    else:
        kind_of_routine = random.choice(["PROCEDURE", "FUNCTION"])
        words = [random.choice(["EXECUTE", "ALTER ROUTINE"])]
        place = f"{kind_of_routine} {database}.p"
    return f"GRANT {', '.join(words)} ON {place} TO {grantee}{option}"


def planted(kind: str, random: Random) -> str:
    """A row of an account that may not be there, the anonymous one among them."""
    user = random.choice(["eff_ann", "eff_bob", "eff_cat", "eff_r1", ""])
    host = random.choice([*HOSTS, *OWN_HOSTS[kind]])
    table = random.choice(["db", "db", "db", "tables_priv", "procs_priv"])
    if table == "db":
        pattern = random.choice(PATTERNS).replace("\\", "\\\\")
        column = random.choice(["Select_priv", "Insert_priv", "Update_priv", "Grant_priv"])
        columns, values = f"Db, {column}", f"'{pattern}', 'Y'"
    elif table == "tables_priv":
        words = random.choice(["Select", "Insert,Delete", "Update,Grant"])
        columns, values = "Db, Table_name, Table_priv", f"'wfe_one', 't', '{words}'"
    else:
        word = random.choice(["Execute", "Alter Routine"])
        columns = "Db, Routine_name, Routine_type, Proc_priv, Grantor"
        values = f"'wfe_one', 'p', 'PROCEDURE', '{word}', ''"
    return (
        f"INSERT INTO mysql.{table} (Host, User, {columns}) VALUES ('{host}', '{user}', {values})"
    )


def quoted(account: str) -> str:
    user, _, host = account.rpartition("@")
    return f"`{user}`@`{host}`"


def run(connection: Any, sql: str) -> None:
    """Some are refused, such as a circle of roles or a revoke of what nobody has."""
    try:
        connection.cursor().execute(sql)
    except MySQLdb.Error as error:
        if error.args[0] == PARSE_ERROR:
            raise
