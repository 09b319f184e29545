"""The servers behind one protocol: which tables each has, and what rests on them."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from instances.engines.base import AccountRecord, MembershipRecord, Section
from instances.engines.mysql import mariadb, mysql, mysql_roles
from instances.engines.mysql.catalogue import Catalogue, Tables
from instances.engines.mysql.grants import Grants
from instances.engines.mysql.names import account_name, mariadb_name

SHARED: Tables = {
    "database_grants": ("db",),
    "table_grants": ("tables_priv",),
    "column_grants": ("columns_priv", "tables_priv"),  # the grant option stands in the latter
    "routine_grants": ("procs_priv",),
    "proxy_grants": ("proxies_priv",),
}


@dataclass(frozen=True, slots=True)
class Flavour:
    """``sections`` lists the queries that each section rests on, ``extras`` those that none does.

    ``settings`` is what the session is set to, with the statement time-out in milliseconds and in
    seconds; ``snapshot`` begins a transaction, where that gives a reading as of one moment.
    ``innodb_files`` is the query that tells the sizes of files.
    """

    sections: Tables
    extras: tuple[str, ...]
    settings: str
    snapshot: str
    name: Callable[[str, str], str]
    accounts: Callable[[Catalogue], list[AccountRecord]]
    memberships: Callable[[Catalogue], list[MembershipRecord]]
    own_grants: Callable[[Catalogue], Grants]
    innodb_files: str = "innodb_files_57"

    @property
    def queries(self) -> list[str]:
        """Each once, in the order of the sections."""
        tables = [query for queries in self.sections.values() for query in queries]
        return list(dict.fromkeys([*tables, *self.extras]))


# The grant tables are InnoDB from 8.0, and a snapshot of them does not make GRANT wait (tried).
SNAPSHOT = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"

MYSQL = Flavour(
    sections={
        # An account that stands in role_edges is a role, and its dynamic privileges decide
        # whether it is a superuser.
        "accounts": ("users", "role_edges", "global_grants"),
        "memberships": ("role_edges", "default_roles", "users"),
        "default_roles": ("default_roles",),
        "global_grants": ("users",),
        "dynamic_grants": ("global_grants",),
        "restrictions": ("user_attributes",),
        **SHARED,
    },
    extras=("empty_passwords",),
    # Otherwise sizes may be a day old.
    settings="max_execution_time = {milliseconds}, information_schema_stats_expiry = 0",
    snapshot=SNAPSHOT,
    name=account_name,
    accounts=mysql.accounts,
    memberships=mysql_roles.memberships,
    own_grants=mysql.grants,
    innodb_files="innodb_files",
)
# Before 8.0.14 there is no User_attributes.
MYSQL_80_EARLY = replace(MYSQL, sections={**MYSQL.sections, "restrictions": ()})
MYSQL_57 = Flavour(
    sections={
        "accounts": ("users_57",),
        "memberships": (),
        "global_grants": ("users_57",),
        "dynamic_grants": (),
        "restrictions": (),
        **SHARED,
    },
    extras=("empty_passwords",),
    settings="max_execution_time = {milliseconds}",
    snapshot="",
    name=account_name,
    accounts=mysql.accounts,
    memberships=mysql_roles.memberships,
    own_grants=mysql.grants,
)
MARIADB = Flavour(
    sections={
        "accounts": ("global_priv",),
        "memberships": ("roles_mapping", "global_priv"),
        "global_grants": ("global_priv",),
        "dynamic_grants": (),
        "restrictions": (),
        **SHARED,
    },
    extras=(),
    settings="max_statement_time = {seconds}",
    snapshot="",  # its grant tables are Aria, which knows no snapshots
    name=mariadb_name,
    accounts=mariadb.accounts,
    memberships=mariadb.memberships,
    own_grants=mariadb.grants,
)


def flavour_of(version: str) -> Flavour:
    if "mariadb" in version.lower():
        return MARIADB
    parts = parse_version(version)
    if parts < (8,):
        return MYSQL_57
    return MYSQL if parts >= (8, 0, 14) else MYSQL_80_EARLY


def parse_version(version: str) -> tuple[int, ...]:
    """``5.5.5-10.11.19-MariaDB-log`` -> ``(10, 11, 19)``; () when there is no version in it."""
    found = re.match(r"(?:5\.5\.5-)?(\d+)\.(\d+)\.(\d+)", version)
    return tuple(map(int, found.groups())) if found else ()


def sections_on(flavour: Flavour, catalogue: Catalogue) -> list[Section]:
    """Every section of the flavour, complete or not.

    While ``partial_revokes`` is off no account can have a restriction: the server refuses to turn
    it off before the last one is gone. Then there is no need to read User_attributes.
    """
    tables = dict(flavour.sections)
    if not catalogue.is_on("partial_revokes"):
        tables["restrictions"] = ()
    return [catalogue.section(name, queries) for name, queries in tables.items()]
