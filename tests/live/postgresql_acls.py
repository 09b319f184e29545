"""PostgreSQL as its access lists spell it: the text that psql shows, parsed here.

Every edge with its grantor and options. Says nothing about who holds what through others; that is
``postgresql_rights``.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from instances.engines.base import GrantRecord, MembershipRecord, Scope
from whalefall.demo.servers import Server

LETTERS = {
    "a": "INSERT",
    "r": "SELECT",
    "w": "UPDATE",
    "d": "DELETE",
    "D": "TRUNCATE",
    "x": "REFERENCES",
    "t": "TRIGGER",
    "X": "EXECUTE",
    "U": "USAGE",
    "C": "CREATE",
    "c": "CONNECT",
    "T": "TEMPORARY",
    "s": "SET",
    "A": "ALTER SYSTEM",
    "m": "MAINTAIN",
}
OWNERS = {
    "database": "CTc",
    "tablespace": "C",
    "schema": "UC",
    "table": "arwdDxt",
    "sequence": "rwU",
    "routine": "X",
    "type": "U",
    "language": "U",
    "column": "",
    "foreign_data_wrapper": "U",
    "foreign_server": "U",
    "large_object": "rw",
}
"""What the owner has on a thing that nobody touched."""
EVERYBODYS = {"database": "Tc", "routine": "X", "type": "U", "language": "U"}
NAME = r'"(?:[^"]|"")*"|[^"=/]*'
ITEM = re.compile(rf"({NAME})=((?:\w\*?)*)/({NAME})", re.DOTALL)
KINDS = {"r": "TABLES", "S": "SEQUENCES", "f": "FUNCTIONS", "T": "TYPES", "n": "SCHEMAS"}

SHARED = """
  SELECT 'database', datname, '', '', '', pg_get_userbyid(datdba), datacl::text[] FROM pg_database
  UNION ALL
  SELECT 'tablespace', '', '', spcname, '', pg_get_userbyid(spcowner), spcacl::text[]
  FROM pg_tablespace
"""
PARAMETERS = """
  UNION ALL
  SELECT 'parameter', '', '', parname, '', NULL, paracl::text[] FROM pg_parameter_acl
"""
IN_DATABASE = """
  WITH space AS (
    SELECT oid, nspname FROM pg_namespace
    WHERE nspname NOT IN ('pg_catalog', 'information_schema') AND nspname !~ '^pg_(toast|temp)'
  )
  SELECT 'schema', current_database(), nspname, '', '', pg_get_userbyid(nspowner), nspacl::text[]
  FROM pg_namespace WHERE oid IN (SELECT oid FROM space)
  UNION ALL
  SELECT CASE relkind WHEN 'S' THEN 'sequence' ELSE 'table' END, current_database(), nspname,
    relname, '', pg_get_userbyid(relowner), relacl::text[]
  FROM pg_class, space WHERE relnamespace = space.oid AND relkind IN ('r', 'v', 'm', 'S', 'f', 'p')
  UNION ALL
  SELECT 'column', current_database(), nspname, relname, attname, NULL, attacl::text[]
  FROM pg_attribute, pg_class AS c, space
  WHERE attrelid = c.oid AND relnamespace = space.oid AND attacl IS NOT NULL AND NOT attisdropped
  UNION ALL
  SELECT 'routine', current_database(), nspname,
    proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', '',
    pg_get_userbyid(proowner), proacl::text[]
  FROM pg_proc AS p, space WHERE pronamespace = space.oid
  UNION ALL
  SELECT 'type', current_database(), nspname, typname, '', pg_get_userbyid(typowner), typacl::text[]
  FROM pg_type, space WHERE typnamespace = space.oid AND typtype IN ('e', 'd')
  UNION ALL
  SELECT 'language', current_database(), '', lanname, '', pg_get_userbyid(lanowner), lanacl::text[]
  FROM pg_language
  UNION ALL
  SELECT 'foreign_data_wrapper', current_database(), '', fdwname, '', pg_get_userbyid(fdwowner),
    fdwacl::text[]
  FROM pg_foreign_data_wrapper
  UNION ALL
  SELECT 'foreign_server', current_database(), '', srvname, '', pg_get_userbyid(srvowner),
    srvacl::text[]
  FROM pg_foreign_server
  UNION ALL
  SELECT 'large_object', current_database(), '', oid::text, '', pg_get_userbyid(lomowner),
    lomacl::text[]
  FROM pg_largeobject_metadata
  UNION ALL
  SELECT 'default ' || defaclobjtype::text, current_database(), coalesce(nspname, ''), '', '',
    pg_get_userbyid(defaclrole), defaclacl::text[]
  FROM pg_default_acl LEFT JOIN pg_namespace AS n ON n.oid = defaclnamespace
"""
MEMBERSHIPS = """
  SELECT m.rolname, r.rolname, g.rolname, a.admin_option, {inherits}, {can_set}
  FROM pg_auth_members AS a
  JOIN pg_roles AS m ON m.oid = a.member
  JOIN pg_roles AS r ON r.oid = a.roleid
  LEFT JOIN pg_roles AS g ON g.oid = a.grantor
"""


def shared_grants(server: Server) -> set[GrantRecord]:
    rows = server.execute(SHARED + (PARAMETERS if server.build.major >= 15 else ""))
    return set(records(rows, server))


def grants_in(server: Server, database: str) -> set[GrantRecord]:
    return set(records(server.execute(IN_DATABASE, database), server))


def memberships(server: Server) -> set[MembershipRecord]:
    has_options = server.build.major >= 16
    sql = MEMBERSHIPS.format(
        inherits="a.inherit_option" if has_options else "m.rolinherit",
        can_set="a.set_option" if has_options else "true",
    )
    return {MembershipRecord(*row) for row in server.execute(sql)}


def records(rows: Iterable[tuple[Any, ...]], server: Server) -> Iterator[GrantRecord]:
    for kind, database, schema, name, column, owner, items in rows:
        scope, _, made = kind.partition(" ")
        if made:
            name = KINDS[made]
        place = (Scope(scope), database, schema, name, column)
        if items is None:
            items = default_items(scope, owner, server)
        for item in items:
            yield from grants_of(item, place)
        if owner is not None and scope != "default":
            yield GrantRecord(owner, "OWNER", *place, is_owner=True)


def default_items(scope: str, owner: str, server: Server) -> Iterator[str]:
    """What a NULL access list means."""
    quoted = '"{}"'.format(owner.replace('"', '""'))
    letters = OWNERS[scope]
    if scope == "table" and server.build.major >= 17:
        letters += "m"
    yield f"{quoted}={letters}/{quoted}"
    if scope in EVERYBODYS:
        yield f"={EVERYBODYS[scope]}/{quoted}"


def grants_of(item: str, place: tuple[Scope, str, str, str, str]) -> Iterator[GrantRecord]:
    """``ada=r*w/boss``: SELECT with grant option and UPDATE, given by boss."""
    found = ITEM.fullmatch(item)
    assert found, item
    grantee, letters, grantor = found.groups()
    for letter, star in re.findall(r"(\w)(\*?)", letters):
        yield GrantRecord(
            bare(grantee) or "public",
            LETTERS[letter],
            *place,
            grantor=bare(grantor),
            grantable=bool(star),
        )


def bare(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
