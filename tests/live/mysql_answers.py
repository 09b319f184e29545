"""MySQL and MariaDB in their own words: SHOW GRANTS and SHOW CREATE USER for every account."""

import re
from dataclasses import dataclass, field
from typing import Any

import MySQLdb

from instances.engines.base import GrantRecord
from tests.engines.mysql.conftest import quote
from tests.engines.mysql.show_grants import NAME, grants_in, roles_in, spelled
from tests.engines.mysql.test_grants import all_of, own_lines
from whalefall.demo.servers import Server

ACCOUNT = rf"{NAME}(?:@{NAME})?"
DEFAULT_ROLES = re.compile(rf" DEFAULT ROLE ({ACCOUNT}(?:,{ACCOUNT})*) ")
DEFAULT_ROLE = re.compile(rf"SET DEFAULT ROLE ({ACCOUNT}) FOR ({ACCOUNT})")
EXPIRED = re.compile(r" PASSWORD EXPIRE(?! (DEFAULT|NEVER|INTERVAL))")
NO_SUCH_GRANT = 1141


@dataclass
class Answers:
    """``memberships`` are (member, role, admin option), ``defaults`` (member, role)."""

    accounts: set[str] = field(default_factory=set)
    grants: set[GrantRecord] = field(default_factory=set)
    memberships: set[tuple[str, str, bool]] = field(default_factory=set)
    defaults: set[tuple[str, str]] = field(default_factory=set)
    locked: set[str] = field(default_factory=set)
    expired: set[str] = field(default_factory=set)


def answers(server: Server) -> Answers:
    found, everything = Answers(), all_of(server)
    connection = server.connect()
    try:
        cursor = connection.cursor()
        table = "user" if server.kind == "mysql" else "global_priv"
        cursor.execute(f"SELECT User, Host FROM mysql.{table}")
        for user, host in cursor.fetchall():
            is_role = not host
            grantee = user if user == "PUBLIC" and is_role else quote(user, host or None)
            name = "public" if grantee == "PUBLIC" else spelled(grantee)
            found.accounts.add(name)
            lines = shown(cursor, f"SHOW GRANTS FOR {grantee}")
            own = of_public(lines) if name == "public" else own_lines(lines, name)
            found.grants |= grants_in(own, name, everything)
            found.memberships |= {(name, role, admin) for member, role, admin in roles_in(own)}
            if not is_role:
                read_login(found, name, lines, shown(cursor, f"SHOW CREATE USER {grantee}"))
    finally:
        connection.close()
    return found


def of_public(lines: list[str]) -> list[str]:
    return [line for line in lines if " TO PUBLIC" in line]


def shown(cursor: Any, sql: str) -> list[str]:
    try:
        cursor.execute(sql)
    except MySQLdb.Error as error:
        if error.args[0] == NO_SUCH_GRANT:
            return []
        raise
    return [line for (line,) in cursor.fetchall()]


def read_login(found: Answers, name: str, lines: list[str], created: list[str]) -> None:
    text = created[0] + " "
    if " ACCOUNT LOCK " in text:
        found.locked.add(name)
    if EXPIRED.search(text):
        found.expired.add(name)
    default = DEFAULT_ROLES.search(text)
    if default:
        found.defaults |= {(name, spelled(role)) for role in re.findall(ACCOUNT, default[1])}
    for line in lines:
        default = DEFAULT_ROLE.match(line)
        if default:
            found.defaults.add((name, spelled(default[1])))
