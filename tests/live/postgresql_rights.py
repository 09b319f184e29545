"""PostgreSQL's own verdict, by ``has_*_privilege`` and ``pg_has_role``, against Whalefall's.

Every account × object × privilege: an edge too many, one too few, or one in the wrong place shows.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from instances.engines.effective import Thing, World
from instances.engines.postgresql.effective import PostgreSQLEffective
from whalefall.demo.servers import Server

TABLE = "SELECT INSERT UPDATE DELETE TRUNCATE REFERENCES TRIGGER"

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


def disagreements(server: Server, database: str, world: World) -> list[Any]:
    """Where what the edges of the mirror add up to and the server's verdict differ."""
    effective = PostgreSQLEffective(world)
    found = []
    for account, place, privilege, held, option in verdicts(server, database):
        key, thing = world.by_name[account], Thing(*place)
        ours = any(effective.ways(key, privilege, thing))
        if (held, option) != (ours, effective.may_grant(key, privilege, thing)):
            found.append((account, place, privilege, {"held": held, "grantable": option}))
    return found


def role_disagreements(server: Server, database: str, world: World) -> list[Any]:
    """Likewise for who has which role: by inheriting it, at all, by SET ROLE, and as its admin."""
    effective = PostgreSQLEffective(world)
    superusers = {key for key, one in world.principals.items() if one.is_superuser}
    member = {key: closure(world, key, database) for key in world.principals}
    told = []
    sets = "SET" if server.build.major >= 16 else "MEMBER"
    for name, role_name, *verdict in server.execute(HAS_ROLE.format(set=sets), database):
        key, role = world.by_name[name], world.by_name[role_name]
        admins = {one.member for one in world.links if one.role == role and one.admin_option}
        roles = {
            "inherits": set(effective.inherited(key, database)),
            "": member[key],
            "can_set": closure(world, key, database, "can_set"),
        }
        expected = [key in superusers or role in found for found in roles.values()]
        is_admin = key in superusers or bool(admins & member[key] - {role})
        expected.append(key != role and is_admin)
        if verdict != expected:
            told.append((name, role_name, verdict, expected))
    return told


def closure(world: World, account: int, database: str, option: str = "") -> set[int]:
    """``account`` and every role that it reaches over memberships with ``option``."""
    edges: dict[int, set[int]] = defaultdict(set)
    for link in world.links:
        if not option or getattr(link, option):
            edges[link.member].add(link.role)
    implied = world.by_name.get("pg_database_owner")
    for right in world.rights_on[Thing("database", database)]:
        if right.is_owner and implied is not None:
            edges[right.holder].add(implied)
    found, new = {account}, [account]
    while new:
        reached = edges[new.pop()] - found
        found |= reached
        new += reached
    return found
