"""PostgreSQL's own verdict, by ``has_*_privilege`` and ``pg_has_role``, against the mirror's edges.

Every account × object × privilege: an edge too many, one too few, or one in the wrong place shows.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from instances.engines.base import AccountsReading, GrantRecord, MembershipRecord
from whalefall.demo.servers import Server

PUBLIC = "public"
TABLE = "SELECT INSERT UPDATE DELETE TRUNCATE REFERENCES TRIGGER"
WRITES = {"INSERT", "UPDATE", "DELETE"}

Place = tuple[str, ...]
"""Scope, database, schema, name, column."""

ROLES = "(SELECT oid, rolname FROM pg_roles UNION ALL SELECT 0, 'public') AS role(oid, name)"
OURS = """
  n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND n.nspname !~ '^pg_temp'
"""
OBJECTS = {
    "database": (
        "has_database_privilege(role.oid, d.oid, {})",
        "d.datname, '', '', ''",
        "pg_database AS d",
        "CREATE CONNECT TEMPORARY",
    ),
    "tablespace": (
        "has_tablespace_privilege(role.oid, s.oid, {})",
        "'', '', s.spcname, ''",
        "pg_tablespace AS s",
        "CREATE",
    ),
    "schema": (
        "has_schema_privilege(role.oid, n.oid, {})",
        "current_database(), n.nspname, '', ''",
        f"(SELECT * FROM pg_namespace AS n WHERE {OURS}) AS n",
        "CREATE USAGE",
    ),
    "table": (
        "has_table_privilege(role.oid, c.oid, {})",
        "current_database(), n.nspname, c.relname, ''",
        "pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        f" AND c.relkind IN ('r', 'v', 'm', 'f', 'p') AND ({OURS} OR c.relname = 'pg_authid')",
        TABLE,
    ),
    "column": (
        "has_column_privilege(role.oid, c.oid, a.attnum, {})",
        "current_database(), n.nspname, c.relname, a.attname",
        "pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        f" AND c.relkind IN ('r', 'v', 'm', 'f', 'p') AND {OURS}"
        " JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped",
        "SELECT INSERT UPDATE REFERENCES",
    ),
    "sequence": (
        "has_sequence_privilege(role.oid, c.oid, {})",
        "current_database(), n.nspname, c.relname, ''",
        "pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        f" AND c.relkind = 'S' AND {OURS}",
        "SELECT UPDATE USAGE",
    ),
    "routine": (
        "has_function_privilege(role.oid, p.oid, {})",
        "current_database(), n.nspname,"
        " p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', ''",
        f"pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace AND {OURS}",
        "EXECUTE",
    ),
    "type": (
        "has_type_privilege(role.oid, t.oid, {})",
        "current_database(), n.nspname, t.typname, ''",
        "pg_type AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace"
        f" AND t.typtype IN ('e', 'd') AND {OURS}",
        "USAGE",
    ),
    "language": (
        "has_language_privilege(role.oid, l.oid, {})",
        "current_database(), '', l.lanname, ''",
        "pg_language AS l",
        "USAGE",
    ),
    "foreign_data_wrapper": (
        "has_foreign_data_wrapper_privilege(role.oid, w.oid, {})",
        "current_database(), '', w.fdwname, ''",
        "pg_foreign_data_wrapper AS w",
        "USAGE",
    ),
    "foreign_server": (
        "has_server_privilege(role.oid, s.oid, {})",
        "current_database(), '', s.srvname, ''",
        "pg_foreign_server AS s",
        "USAGE",
    ),
}
SINCE = {
    "large_object": (
        18,
        (
            "has_largeobject_privilege(role.oid, m.oid, {})",
            "current_database(), '', m.oid::text, ''",
            "pg_largeobject_metadata AS m",
            "SELECT UPDATE",
        ),
    ),
    "parameter": (
        15,
        (
            "has_parameter_privilege(role.oid, p.parname, {})",
            "'', '', p.parname, ''",
            "pg_parameter_acl AS p",
            "'SET', 'ALTER SYSTEM'",
        ),
    ),
}
HAS_ROLE = """
  SELECT m.rolname, r.rolname, pg_has_role(m.oid, r.oid, 'USAGE'),
    pg_has_role(m.oid, r.oid, 'MEMBER'), pg_has_role(m.oid, r.oid, '{set}'),
    m.oid <> r.oid AND pg_has_role(m.oid, r.oid, 'MEMBER WITH ADMIN OPTION')
  FROM pg_roles AS m, pg_roles AS r
"""


def verdicts(server: Server, database: str) -> Iterator[tuple[str, Place, str, bool, bool]]:
    """(account, place, privilege, held, may be granted on) as the server decides."""
    objects = dict(OBJECTS)
    objects |= {name: one for name, (major, one) in SINCE.items() if server.build.major >= major}
    parts = []
    for scope, (check, place, source, privileges) in objects.items():
        words = privileges if "'" in privileges else str(privileges.split())[1:-1]
        if scope == "table" and server.build.major >= 17:
            words += ", 'MAINTAIN'"
        held, option = check.format("word"), check.format("word || ' WITH GRANT OPTION'")
        parts.append(
            f"SELECT role.name, '{scope}', {place}, word, {held}, {option}"
            f" FROM {ROLES}, unnest(ARRAY[{words}]) AS word, {source}"
        )
    for row in server.execute(" UNION ALL ".join(parts), database):
        yield row[0], row[1:6], row[6], row[7], row[8]


@dataclass
class Rights:
    """What the edges of a reading add up to, for those who are connected to ``database``."""

    reading: AccountsReading
    major: int
    database: str

    @cached_property
    def superusers(self) -> set[str]:
        return {account.name for account in self.reading.accounts if account.is_superuser}

    @cached_property
    def holders(self) -> dict[tuple[Place, str], set[str]]:
        return self.by_place(grant for grant in self.reading.grants)

    @cached_property
    def grantors(self) -> dict[tuple[Place, str], set[str]]:
        return self.by_place(grant for grant in self.reading.grants if grant.grantable)

    @staticmethod
    def by_place(grants: Iterable[GrantRecord]) -> dict[tuple[Place, str], set[str]]:
        found: dict[tuple[Place, str], set[str]] = defaultdict(set)
        for grant in grants:
            found[place_of(grant), grant.privilege].add(grant.account)
        return found

    def closure(self, account: str, option: str = "") -> set[str]:
        """``account`` and every role that it reaches over memberships with ``option``."""
        edges: dict[str, set[str]] = defaultdict(set)
        for edge in self.reading.memberships:
            if not option or getattr(edge, option):
                edges[edge.member].add(edge.role)
        owners = self.holders.get((("database", self.database, "", "", ""), "OWNER"), set())
        for owner in owners:
            edges[owner].add("pg_database_owner")
        found, new = {account}, [account]
        while new:
            reached = edges[new.pop()] - found
            found |= reached
            new += reached
        return found

    @cached_property
    def inherited(self) -> dict[str, set[str]]:
        names = [account.name for account in self.reading.accounts]
        return {name: self.closure(name, "inherits") for name in names}

    def holds(self, account: str, place: Place, privilege: str) -> bool:
        roles = self.inherited[account]
        if account in self.superusers or self.predefined(roles, place, privilege):
            return True
        holders = self.holders.get((place, privilege), set())
        if place[0] == "column":
            holders = holders | self.holders.get((table_of(place), privilege), set())
        return bool(holders & {*roles, PUBLIC})

    def may_grant(self, account: str, place: Place, privilege: str) -> bool:
        roles = self.inherited[account]
        places = [place, table_of(place)] if place[0] == "column" else [place]
        return account in self.superusers or any(
            roles & (self.grantors.get((one, privilege), set()) | self.owners(one))
            for one in places
        )

    def owners(self, place: Place) -> set[str]:
        return self.holders.get((place, "OWNER"), set())

    def predefined(self, roles: set[str], place: Place, privilege: str) -> bool:
        """What the server grants to its own roles without an access list."""
        scope, is_catalog = place[0], place[2] == "pg_catalog"
        reads, writes = "pg_read_all_data" in roles, "pg_write_all_data" in roles
        if scope == "schema":
            return privilege == "USAGE" and (reads or writes)
        if scope == "sequence":
            return (privilege == "SELECT" and reads) or (privilege == "UPDATE" and writes)
        if scope not in {"table", "column"}:
            return False
        return (
            (privilege == "SELECT" and reads)
            or (privilege in WRITES and writes and not is_catalog)
            or (privilege == "MAINTAIN" and "pg_maintain" in roles)
        )


def place_of(grant: GrantRecord) -> Place:
    return (str(grant.scope), grant.database, grant.schema, grant.name, grant.column)


def table_of(place: Place) -> Place:
    return ("table", *place[1:4], "")


def disagreements(server: Server, database: str, reading: AccountsReading) -> list[Any]:
    """Where the edges of the mirror and the server's verdict differ."""
    rights = Rights(reading, server.build.major, database)
    return [
        (account, place, privilege, {"held": held, "grantable": option})
        for account, place, privilege, held, option in verdicts(server, database)
        if held != rights.holds(account, place, privilege)
        or option != rights.may_grant(account, place, privilege)
    ]


def role_disagreements(server: Server, database: str, reading: AccountsReading) -> list[Any]:
    rights = Rights(reading, server.build.major, database)
    sets = "SET" if server.build.major >= 16 else "MEMBER"
    rows = server.execute(HAS_ROLE.format(set=sets), database)
    names = [account.name for account in reading.accounts]
    closures = [{name: rights.closure(name, word) for name in names} for word in OPTIONS]
    told = []
    for member, role, *verdict in rows:
        administers = admins(reading.memberships, role) & closures[1][member]
        expected = [member in rights.superusers or role in closure[member] for closure in closures]
        expected.append(
            member != role and (member in rights.superusers or bool(administers - {role}))
        )
        if verdict != expected:
            told.append((member, role, verdict, expected))
    return told


OPTIONS = ("inherits", "", "can_set")


def admins(memberships: Iterable[MembershipRecord], role: str) -> set[str]:
    return {edge.member for edge in memberships if edge.role == role and edge.admin_option}
