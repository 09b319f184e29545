"""Random grants on a real MySQL and MariaDB: the mirror's answer is what happens on trying."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from random import Random
from typing import Any

import MySQLdb
import pytest

from accounts.worlds import world_of
from tests.engines.mysql.conftest import cleaned
from tests.live.mirrored import Mirrored
from tests.live.mysql_programs import PARSE_ERROR
from tests.live.mysql_trying import disagreements
from tests.live.profiles import LONG
from whalefall.demo.servers import Server

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_believe_everything")]

DATABASES = {"wfe_one": ["t", "u"], "wfextwo": ["t"]}
USERS = ["eff_ann@localhost", "eff_ann@%", "eff_bob@%", "eff_cat@localhost", "eff_cat@127.0.0.1"]
ROLES = ["eff_r1", "eff_r2", "eff_r3"]
HOSTS = ["localhost", "127.0.0.1", "%", "_ocalhost", "127.0.0.0/255.0.0.0"]
PATTERNS = ["wfe_one", "wfe\\_one", "wfe\\_%", "wfe%", "%", "wfextwo", "wfe_o%"]
ON_DATABASE = ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "INDEX", "ALTER", "EVENT"]
ON_DATABASE += ["EXECUTE", "ALTER ROUTINE", "CREATE ROUTINE", "CREATE TEMPORARY TABLES"]
ON_TABLE = ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER"]
SEEDS = range(200, 260) if LONG else range(5)


@pytest.mark.parametrize("partial_revokes", ["OFF", "ON"])
def test_mysql_does_what_the_mirror_says(mysql: Server, partial_revokes: str):
    with cleaned(mysql), closing(mysql.connect()) as root:
        run(root, f"SET GLOBAL partial_revokes = {partial_revokes}")
        try:
            assert compared(mysql) > 500
        finally:
            run(root, "SET GLOBAL partial_revokes = OFF")


@pytest.mark.xfail(
    reason="Seed 1: MariaDB prefers an anonymous row of a network where ours takes the account's. "
    "These rules answer nobody yet, so nothing that is shown is wrong."
)
def test_mariadb_does_what_the_mirror_says(mariadb: Server):
    with cleaned(mariadb):
        assert compared(mariadb) > 500


def compared(server: Server) -> int:
    total = 0
    for seed in SEEDS:
        with world(server, Random(seed)) as found:
            number, different = disagreements(server, found, DATABASES)
        assert not different, f"seed {seed}: " + "\n".join(map(str, different))
        total += number
    return total


@contextmanager
def world(server: Server, random: Random) -> Iterator[Any]:
    mirrored = Mirrored(server)
    with cleaned(server), closing(server.connect()) as root:
        for statement in statements(server.kind, random):
            run(root, statement)
        run(root, "FLUSH PRIVILEGES")
        mirrored.complete_sync()
        mirrored.instance.refresh_from_db()
        try:
            yield world_of(mirrored.instance)
        finally:
            # Rows without an account stay when the accounts are dropped.
            run(root, "DELETE FROM mysql.db WHERE User LIKE 'eff%' OR User = ''")
    mirrored.forget()


def statements(kind: str, random: Random) -> Iterator[str]:
    for user in USERS:
        yield f"CREATE USER {quoted(user)}"
    for database, tables in DATABASES.items():
        yield f"CREATE DATABASE {database}"
        # Nobody without SYSTEM_USER may alter what belongs to somebody with it.
        yield f"CREATE DEFINER = `eff_bob`@`%` PROCEDURE {database}.p() SQL SECURITY INVOKER DO 1"
        yield f"CREATE EVENT {database}.e ON SCHEDULE AT '2099-01-01' DISABLE DO SELECT 1"
        for table in tables:
            yield f"CREATE TABLE {database}.{table} (a int, b int)"
    for role in ROLES:
        yield f"CREATE ROLE {role}"
    yield from granted(kind, random)


def granted(kind: str, random: Random) -> Iterator[str]:
    grantees = [quoted(user) for user in USERS] * 2 + ROLES
    grantees += ["PUBLIC"] if kind == "mariadb" and random.random() < 0.5 else []
    for _ in range(random.randint(8, 25)):
        yield grant(random, random.choice(grantees))
    for _ in range(random.randint(0, 6)):
        yield f"GRANT {random.choice(ROLES)} TO {random.choice(grantees)}"
    for user in USERS:
        if random.random() < 0.6:
            word = "FOR" if kind == "mariadb" else "TO"
            yield f"SET DEFAULT ROLE {random.choice(ROLES)} {word} {quoted(user)}"
    for _ in range(random.randint(0, 4)):
        words = random.sample(ON_DATABASE[:4], 2)
        yield f"REVOKE {', '.join(words)} ON wfextwo.* FROM {random.choice(grantees)}"
    for _ in range(random.randint(0, 4)):
        yield planted(random)


def grant(random: Random, grantee: str) -> str:
    kind = random.randrange(8)
    database = random.choice(list(DATABASES))
    if kind == 0:
        words, place = random.sample([*ON_DATABASE, "RELOAD", "PROCESS"], 2), "*.*"
    elif kind <= 3:
        words, place = random.sample(ON_DATABASE, 4), f"`{random.choice(PATTERNS)}`.*"
    elif kind <= 5:
        words, place = random.sample(ON_TABLE, 2), f"{database}.t"
    elif kind == 6:
        words, place = [f"{random.choice(['SELECT', 'INSERT', 'UPDATE'])} (a)"], f"{database}.t"
    else:
        words, place = [random.choice(["EXECUTE", "ALTER ROUTINE"])], f"PROCEDURE {database}.p"
    return f"GRANT {', '.join(words)} ON {place} TO {grantee}"


def planted(random: Random) -> str:
    """A row of an account that is not there, the anonymous one among them."""
    user = random.choice(["eff_ann", "eff_bob", "eff_cat", ""])
    pattern = random.choice(PATTERNS).replace("\\", "\\\\")
    column = random.choice(["Select_priv", "Insert_priv", "Update_priv"])
    return (
        f"INSERT INTO mysql.db (Host, Db, User, {column})"
        f" VALUES ('{random.choice(HOSTS)}', '{pattern}', '{user}', 'Y')"
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
