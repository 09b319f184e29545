"""Access lists and ownerships, as records."""

from collections.abc import Iterable
from dataclasses import replace

from instances.engines.base import GrantRecord, Scope
from instances.engines.postgresql.roles import Names
from instances.engines.postgresql.session import Row

OWNER = "OWNER"
SCOPES = {scope.value: scope for scope in Scope}
SERVER_SCOPES = {Scope.DATABASE, Scope.TABLESPACE, Scope.PARAMETER}
"""Kept once for the whole cluster, whatever database one is connected to."""


def section_of(scope: Scope) -> str:
    return "server" if scope in SERVER_SCOPES else "grants"


def grants(rows: Iterable[Row], names: Names, database: str = "") -> list[GrantRecord]:
    """A grantee that came while we read comes next time."""
    records: list[GrantRecord] = []
    orphans: list[GrantRecord] = []
    for scope, schema, name, column, grantee, privilege, grantor, grantable in rows:
        if grantee not in names:
            continue
        record = GrantRecord(
            names[grantee],
            privilege,
            SCOPES[scope],
            database,
            schema,
            name,
            column,
            names.get(grantor),
            grantable,
            False,
            privilege == OWNER,
        )
        (records if grantor in names or grantor is None else orphans).append(record)
    return records + merged(orphans)


def merged(orphans: Iterable[GrantRecord]) -> list[GrantRecord]:
    """Grants of dropped grantors, who are None alike: one each, with the best of their options."""
    best: dict[GrantRecord, GrantRecord] = {}
    for grant in orphans:
        key = replace(grant, grantable=False)
        if grant.grantable or key not in best:
            best[key] = grant
    return list(best.values())


def server_grants(rows: Iterable[Row], names: Names) -> list[GrantRecord]:
    """A database stands where the things inside it name it."""
    return [
        replace(grant, database=grant.name, name="") if grant.scope is Scope.DATABASE else grant
        for grant in grants(rows, names)
    ]
