"""Rows of the grant tables that MySQL and MariaDB share, as grants."""

from collections.abc import Callable, Iterable

from instances.engines.base import GrantRecord, Scope
from instances.engines.mysql.catalogue import Catalogue
from instances.engines.mysql.names import parts_of_grantee
from instances.engines.mysql.words import (
    GRANT_OPTION,
    STATIC_WORDS,
    flag_reader,
    words_of_set,
)

Grants = list[GrantRecord]
Naming = Callable[[str, str], str]

SECTIONS = {
    Scope.DATABASE: "database_grants",
    Scope.TABLE: "table_grants",
    Scope.COLUMN: "column_grants",
    Scope.ROUTINE: "routine_grants",
    Scope.PROXY: "proxy_grants",
}


def section_of(scope: Scope, privilege: str, *, is_denied: bool) -> str:
    if is_denied:
        return "restrictions"
    if scope is Scope.SERVER:
        return "global_grants" if privilege in STATIC_WORDS else "dynamic_grants"
    return SECTIONS[scope]


def shared_grants(catalogue: Catalogue, name: Naming) -> Grants:
    return [
        *database_grants(catalogue, name),
        *table_grants(catalogue, name),
        *column_grants(catalogue, name),
        *routine_grants(catalogue, name),
        *proxy_grants(catalogue, name),
    ]


def database_grants(catalogue: Catalogue, name: Naming) -> Iterable[GrantRecord]:
    """``Db`` is a pattern and stays one: what it matches depends on the server's settings."""
    read = flag_reader(catalogue.columns.get("db", [])[3:])
    for host, database, user, *flags in catalogue.of("db"):
        account = name(user, host)
        words, grantable = read(tuple(flags))
        for word in words:
            yield GrantRecord(account, word, Scope.DATABASE, database, grantable=grantable)


def table_grants(catalogue: Catalogue, name: Naming) -> Iterable[GrantRecord]:
    for user, host, database, table, privileges, of_columns in catalogue.of("tables_priv"):
        words, grantable = words_of_set(privileges)
        if of_columns and words == (GRANT_OPTION,):
            continue  # it belongs to the columns, whose own table has no room for it
        account = name(user, host)
        for word in words:
            yield GrantRecord(account, word, Scope.TABLE, database, "", table, grantable=grantable)


def column_grants(catalogue: Catalogue, name: Naming) -> Iterable[GrantRecord]:
    tables = catalogue.of("tables_priv")
    grantable = {tuple(row[:4]) for row in tables if words_of_set(row[4])[1]}
    for user, host, database, table, column, privileges in catalogue.of("columns_priv"):
        option = (user, host, database, table) in grantable
        account = name(user, host)
        for word in words_of_set(privileges)[0]:
            yield GrantRecord(
                account, word, Scope.COLUMN, database, "", table, column, grantable=option
            )


def routine_grants(catalogue: Catalogue, name: Naming) -> Iterable[GrantRecord]:
    """A procedure and a function may share a name, so the kind is part of it."""
    for user, host, database, kind, routine, privileges in catalogue.of("procs_priv"):
        words, grantable = words_of_set(privileges)
        account, thing = name(user, host), f"{kind} {routine}"
        for word in words:
            yield GrantRecord(
                account, word, Scope.ROUTINE, database, "", thing, grantable=grantable
            )


def proxy_grants(catalogue: Catalogue, name: Naming) -> Iterable[GrantRecord]:
    """Whoever has one may act as the account it is about; ``@`` and ``@%`` are everybody."""
    for user, host, other_user, other_host, option in catalogue.of("proxies_priv"):
        yield GrantRecord(
            name(user, host),
            "PROXY",
            Scope.PROXY,
            name=name(other_user, other_host) or "@%",  # as MariaDB's SHOW GRANTS spells it
            grantable=bool(option),
        )


def visible_grants(catalogue: Catalogue, name: Naming, sections: set[str]) -> Grants:
    """What information_schema shows of the sections that we may not read."""
    records = []
    for grantee, scope_word, database, table, column, privilege, option in catalogue.of(
        "visible_privileges"
    ):
        grantable = option == "YES"
        word = GRANT_OPTION if grantable and privilege == "USAGE" else privilege
        scope = Scope(scope_word)
        if word == "USAGE" or section_of(scope, word, is_denied=False) not in sections:
            continue
        account = name(*parts_of_grantee(grantee))
        records.append(
            GrantRecord(account, word, scope, database, "", table, column, grantable=grantable)
        )
    return records
