"""What random programs may do to a PostgreSQL server, and how it is cleaned afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import permutations
from typing import Any

import psycopg

from instances.engines.postgresql.names import quoted
from tests.live.programs import Pools
from whalefall.demo.servers import Server

ROLES = ["ada", "PUBLIC", 'quo"ted', "dotted.na'me", "back\\slash ü🐋", "x" * 63]
PREDEFINED = ["pg_read_all_data", "pg_write_all_data", "pg_maintain", "pg_monitor"]
SCHEMAS = ["public", "sche.ma", 'S"']
NAMES = ["t", 'we"ird.t', "(x)"]
HOME, OTHER = "wf_live", 'wf "other".'
DATABASES = [HOME, OTHER]

WORDS = {
    "on_table": [
        "ALL",
        "SELECT",
        "INSERT",
        "UPDATE",
        "DELETE",
        "TRUNCATE",
        "REFERENCES",
        "TRIGGER",
    ],
    "on_column": ["SELECT", "INSERT", "UPDATE", "REFERENCES"],
    "on_sequence": ["ALL", "SELECT", "UPDATE", "USAGE"],
    "on_schema": ["ALL", "CREATE", "USAGE"],
    "on_database": ["ALL", "CREATE", "CONNECT", "TEMPORARY"],
    "on_large_object": ["ALL", "SELECT", "UPDATE"],
    "on_parameter": ["SET", "ALTER SYSTEM"],
}
ALL_KINDS = ["TABLES", "SEQUENCES", "ROUTINES"]
DEFAULTS = ["SELECT ON TABLES", "ALL ON TABLES", "USAGE ON SEQUENCES", "EXECUTE ON FUNCTIONS"]
DEFAULTS += ["USAGE ON TYPES"]
ATTRIBUTES = ["LOGIN", "NOLOGIN", "INHERIT", "NOINHERIT", "CREATEROLE", "SUPERUSER", "NOSUPERUSER"]
ATTRIBUTES += ["VALID UNTIL '2031-02-03 04:05:06Z'", "VALID UNTIL 'infinity'", "BYPASSRLS"]
SETTINGS = ["SET work_mem = '8MB'", "SET app.token = 'hush-hush'", "RESET ALL"]
OPTIONS = {
    15: ["", "", " WITH ADMIN OPTION"],
    16: [
        *("", "", " WITH ADMIN TRUE", " WITH INHERIT FALSE", " WITH SET FALSE"),
        *(" WITH ADMIN FALSE", " WITH INHERIT TRUE, SET FALSE", " WITH ADMIN TRUE, INHERIT FALSE"),
    ],
}
LESS = {
    15: ["", "", "ADMIN OPTION FOR "],
    16: ["", "", "ADMIN OPTION FOR ", "INHERIT OPTION FOR ", "SET OPTION FOR "],
}

GRANTED = [
    "{on_table} ON {table}",
    "{on_column}, {on_column} ON {table}",
    "{on_column} ({column}) ON {table}",
    "{on_column} ({column}), {on_column} ON {table}",
    "ALL ON ALL {all_kinds} IN SCHEMA {schema}",
    "{on_sequence} ON SEQUENCE {sequence}",
    "EXECUTE ON ROUTINE {routine}",
    "USAGE ON TYPE {type}",
    "{on_schema} ON SCHEMA {schema}",
    "{on_schema} ON SCHEMA {schema}",
    "{on_database} ON DATABASE {database}",
    "USAGE ON LANGUAGE plpgsql",
    "USAGE ON FOREIGN DATA WRAPPER w",
    "USAGE ON FOREIGN SERVER {server}",
    "{on_large_object} ON LARGE OBJECT {large_object}",
    "SELECT ON pg_catalog.pg_authid",
]
FOR_ROLES_ONLY = ["CREATE ON TABLESPACE pg_default"]
"""What would outlive the test if everybody had it; a role's own goes with the role."""
SINCE_15 = ["{on_parameter} ON PARAMETER work_mem", "{on_parameter} ON PARAMETER log_statement"]
MADE = [
    "CREATE SCHEMA {new_schema} AUTHORIZATION {role}",
    "ALTER SCHEMA {schema} OWNER TO {role}",
    "ALTER SCHEMA {schema} RENAME TO {new_schema}",
    "DROP SCHEMA {schema} CASCADE",
    'CREATE TABLE {schema}.{name} (a int, "B""" text)',
    'CREATE TABLE {schema}.{name} (a int, "B""" text)',
    'CREATE VIEW {schema}.{name} AS SELECT 1 AS a, 2 AS "B"""',
    "CREATE MATERIALIZED VIEW {schema}.{name} AS SELECT 1 AS a",
    "CREATE TABLE {schema}.{name} (a int) PARTITION BY LIST (a)",
    "CREATE SEQUENCE {schema}.{name}",
    "CREATE FUNCTION {schema}.{name}(a int, b text[]) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION {schema}.{name}(OUT c int) LANGUAGE sql AS 'SELECT 1'",
    "CREATE PROCEDURE {schema}.{name}() LANGUAGE sql AS ''",
    "CREATE TYPE {schema}.{name} AS ENUM ('ok')",
    "CREATE DOMAIN {schema}.{name} AS int",
    "CREATE SERVER far FOREIGN DATA WRAPPER w",
    "SELECT lo_create(4711)",
    "DROP TABLE {table} CASCADE",
    "ALTER TABLE {table} OWNER TO {role}",
    "ALTER TABLE {table} OWNER TO {role}",
    "ALTER TABLE {table} RENAME TO {name}",
    "ALTER TABLE {table} SET SCHEMA {schema}",
    'ALTER TABLE {table} RENAME {column} TO "new.column"',
    "ALTER TABLE {table} DROP {column}",
    "ALTER SEQUENCE {sequence} OWNER TO {role}",
    "ALTER SEQUENCE {sequence} RENAME TO {name}",
    "ALTER ROUTINE {routine} OWNER TO {role}",
    "ALTER ROUTINE {routine} SET SCHEMA {schema}",
    "ALTER TYPE {type} OWNER TO {role}",
    "ALTER LARGE OBJECT {large_object} OWNER TO {role}",
]
OF_DATABASES = [
    "CREATE DATABASE {new_database} OWNER {role} TEMPLATE template0",
    "DROP DATABASE {other_database}",
    "ALTER DATABASE {database} OWNER TO {role}",
    "ALTER DATABASE {database} OWNER TO {role}",
]
OF_ROLES = [
    "CREATE ROLE {new_role} {attribute}",
    "CREATE ROLE {new_role} {attribute}",
    "ALTER ROLE {role} {attribute}",
    "ALTER ROLE {role} {setting}",
    "ALTER ROLE {role} RENAME TO {new_role}",
    "ALTER ROLE {role} RENAME TO {new_role}",
    "DROP OWNED BY {dropped} CASCADE; DROP ROLE {dropped}",
    "{swapped}",
]
MEMBERSHIPS = [
    "GRANT {role} TO {role}{option}",
    "GRANT {role} TO {role}{option} GRANTED BY {role}",
    "GRANT {predefined} TO {role}{option}",
    "REVOKE {less}{role} FROM {role} CASCADE",
    "REVOKE {less}{role} FROM {role} GRANTED BY {role} CASCADE",
]
ALONE = ("CREATE DATABASE", "DROP DATABASE")
"""What no transaction block may hold, so that only the superuser runs it."""

WORLD = """
  SELECT 'role', quote_ident(rolname) FROM pg_roles WHERE rolname = ANY(%(roles)s)
  UNION ALL
  SELECT 'database', quote_ident(datname) FROM pg_database WHERE datname = ANY(%(databases)s)
  UNION ALL
  SELECT 'schema', quote_ident(nspname) FROM pg_namespace WHERE nspname = ANY(%(schemas)s)
  UNION ALL
  SELECT CASE relkind WHEN 'S' THEN 'sequence' ELSE 'table' END, format('%%I.%%I', nspname, relname)
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace
  WHERE nspname = ANY(%(schemas)s) AND relkind IN ('r', 'v', 'm', 'p', 'S')
  UNION ALL
  SELECT 'routine', p.oid::regprocedure::text
  FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = pronamespace WHERE nspname = ANY(%(schemas)s)
  UNION ALL
  SELECT 'type', format('%%I.%%I', nspname, typname)
  FROM pg_type JOIN pg_namespace AS n ON n.oid = typnamespace
  WHERE nspname = ANY(%(schemas)s) AND typtype IN ('e', 'd')
  UNION ALL SELECT 'server', quote_ident(srvname) FROM pg_foreign_server
  UNION ALL SELECT 'large_object', oid::text FROM pg_largeobject_metadata
  ORDER BY 1, 2
"""
FIRST = [
    "CREATE FOREIGN DATA WRAPPER w",
    *[f"CREATE ROLE {quoted(one)} LOGIN" for one in ROLES[:-1]],
    *[f"CREATE SCHEMA IF NOT EXISTS {quoted(one)}" for one in SCHEMAS[:-1]],
    *[f"GRANT ALL ON SCHEMA {quoted(one)} TO ada WITH GRANT OPTION" for one in SCHEMAS[:-1]],
    'GRANT CREATE ON DATABASE wf_live TO ada, "PUBLIC"',
    'CREATE TABLE public.t (a int, "B""" text)',
    'CREATE VIEW "sche.ma".t AS SELECT 1 AS a',
    "CREATE SEQUENCE public.s",
    "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE TYPE public.y AS ENUM ('ok')",
    "ALTER TABLE public.t OWNER TO ada",
    'GRANT SELECT ON public.t TO "quo""ted" WITH GRANT OPTION',
    'SET ROLE "quo""ted"; GRANT SELECT ON public.t TO "PUBLIC"; RESET ROLE',
]
"""So that even a short program finds something to change."""


def templates(major: int) -> list[str]:
    for_roles = FOR_ROLES_ONLY + (SINCE_15 if major >= 15 else [])
    granted = [
        f"{verb} {what} {whom}"
        for what in GRANTED
        for verb, whom in (
            ("GRANT", "TO {grantee}"),
            ("GRANT", "TO {role} WITH GRANT OPTION"),
            ("REVOKE {grant_option}", "FROM {grantee} CASCADE"),
        )
    ]
    granted += [f"GRANT {what} TO {{role}}{{with_grant_option}}" for what in for_roles]
    granted += [f"REVOKE {what} FROM {{role}} CASCADE" for what in for_roles]
    defaults = [
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {{role}} {place}{what} {{grantee}}"
        for place in ("", "IN SCHEMA {schema} ")
        for what in ("GRANT {default} TO", "REVOKE {default} FROM")
    ]
    return [*granted, *MADE, *OF_DATABASES, *OF_ROLES * 2, *MEMBERSHIPS * 4, *defaults * 3]


def pools(connection: "psycopg.Connection[Any]", major: int) -> Pools:
    """What may stand in each field now."""
    found: dict[str, list[str]] = {"table": [], "sequence": [], "routine": [], "type": []}
    found |= {"role": [], "database": [], "schema": [], "server": [], "large_object": []}
    names = {"roles": ROLES, "databases": DATABASES, "schemas": SCHEMAS}
    for kind, name in connection.execute(WORLD, names):
        found[kind].append(name)
    era = 16 if major >= 16 else 15
    roles = found["role"]
    return {
        **found,
        **WORDS,
        "new_role": unused(ROLES, roles),
        "new_schema": unused(SCHEMAS, found["schema"]),
        "new_database": unused([OTHER], found["database"]),
        "other_database": [one for one in found["database"] if one != HOME],
        "name": [quoted(name) for name in NAMES],
        "column": ["a", '"B"""'],
        "all_kinds": ALL_KINDS,
        "grantee": [*roles, *roles, "PUBLIC"],
        "dropped": roles[-1:],
        "swapped": [swap(*pair) for pair in permutations(roles, 2)],
        "predefined": PREDEFINED,
        "attribute": ATTRIBUTES,
        "setting": SETTINGS,
        "option": OPTIONS[era],
        "less": LESS[era],
        "grant_option": ["", "", "GRANT OPTION FOR "],
        "with_grant_option": ["", " WITH GRANT OPTION"],
        "default": DEFAULTS,
    }


def unused(names: list[str], taken: list[str]) -> list[str]:
    return [quoted(name) for name in names if name not in taken and quoted(name) not in taken]


def swap(one: str, other: str) -> str:
    return (
        f"ALTER ROLE {one} RENAME TO between; ALTER ROLE {other} RENAME TO {one};"
        f" ALTER ROLE between RENAME TO {other}"
    )


def run(connection: "psycopg.Connection[Any]", sql: str, actor: int | None) -> bool:
    """Whether the server accepted it; what it can't even parse is our own mistake."""
    if actor is not None and not sql.startswith(ALONE):
        sql = f"SET ROLE {quoted(ROLES[actor])}; {sql}; RESET ROLE"
    try:
        connection.execute(sql.encode())
    except psycopg.errors.SyntaxError:
        raise
    except psycopg.Error:
        return False
    return True


@contextmanager
def cleaned(server: Server) -> Iterator[Server]:
    reset(server)
    yield server
    reset(server)


def reset(server: Server) -> None:
    """Drop everything that a program can have made."""
    existing = {one for (one,) in server.execute("SELECT datname FROM pg_database")}
    for database in existing.intersection(DATABASES):
        server.execute(f"DROP DATABASE {quoted(database)} WITH (FORCE)")
    present = {one for (one,) in server.execute("SELECT rolname FROM pg_roles")}
    ours = ", ".join(quoted(one) for one in ROLES if one in present)
    if ours:
        server.execute(f"DROP OWNED BY {ours} CASCADE; DROP ROLE {ours}")
