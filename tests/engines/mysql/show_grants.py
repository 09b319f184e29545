"""An independent oracle: what SHOW GRANTS FOR says, as grants and memberships."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from instances.engines.base import GrantRecord, Scope

NAME = r"`(?:[^`]|``)*`"
PRIVILEGE = rf"[A-Z_ ]+(?: \((?:{NAME}(?:, )?)+\))?"
LINE = re.compile(
    rf"(GRANT|REVOKE) ({PRIVILEGE}(?:, ?{PRIVILEGE})*) ON "
    rf"(FUNCTION |PROCEDURE |PACKAGE BODY |PACKAGE )?(\*|{NAME})([.@])(\*|{NAME})? ?"
    rf"(?:TO|FROM) (PUBLIC|{NAME}(?:@{NAME})?)(.*)",
    re.DOTALL,
)
ROLES = re.compile(
    rf"GRANT ({NAME}.*?) TO (PUBLIC|{NAME}(?:@{NAME})?)( WITH ADMIN OPTION)?$", re.DOTALL
)
ALL_OF_DATABASE = {
    *("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "REFERENCES", "INDEX", "ALTER"),
    *("CREATE TEMPORARY TABLES", "LOCK TABLES", "CREATE VIEW", "SHOW VIEW", "CREATE ROUTINE"),
    *("ALTER ROUTINE", "EXECUTE", "EVENT", "TRIGGER"),
}
ALL_OF_TABLE = {
    *("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "REFERENCES", "INDEX", "ALTER"),
    *("CREATE VIEW", "SHOW VIEW", "TRIGGER"),
}
ACCOUNT = re.compile(rf"({NAME})(?:@({NAME}))?")


def bare(name: str) -> str:
    return name[1:-1].replace("``", "`") if name.startswith("`") else name


def grants_in(lines: Iterable[str], account: str, everything: frozenset[str]) -> set[GrantRecord]:
    """``everything`` is what ALL PRIVILEGES ON *.* means on the server."""
    return {grant for line in lines for grant in grants_of_line(line, account, everything)}


def grants_of_line(line: str, account: str, everything: frozenset[str]) -> Iterator[GrantRecord]:
    found = LINE.match(line)
    if not found:
        assert ROLES.match(line) or line.startswith("SET DEFAULT ROLE"), line
        return
    verb, privileges, routine, database, dot, thing, _, rest = found.groups()
    grantable = "WITH GRANT OPTION" in rest
    denied = verb == "REVOKE"
    if dot == "@":
        name = f"{bare(database)}@{bare(thing or '``')}"
        yield GrantRecord(account, "PROXY", Scope.PROXY, name=name, grantable=grantable)
        return
    parts: dict[str, Any] = {"database": "" if database == "*" else bare(database)}
    scope = Scope.SERVER if database == "*" else Scope.DATABASE
    if thing != "*":
        scope = Scope.ROUTINE if routine else Scope.TABLE
        parts["name"] = (routine or "") + bare(thing)
    words = re.findall(rf"({PRIVILEGE})(?:, ?|$)", privileges)
    if words == ["ALL PRIVILEGES"] and scope is Scope.SERVER:
        words = sorted(everything)
    elif words == ["ALL PRIVILEGES"] and scope is Scope.TABLE:
        words = sorted(ALL_OF_TABLE | ({"DELETE HISTORY"} & everything))
    elif words == ["ALL PRIVILEGES"]:
        words = sorted(ALL_OF_DATABASE | ({"DELETE HISTORY", "SHOW CREATE ROUTINE"} & everything))
    for word in words:
        yield from of_word(word.strip(), account, scope, parts, (grantable, denied))


def of_word(
    word: str, account: str, scope: Scope, parts: dict[str, Any], flags: tuple[bool, bool]
) -> Iterator[GrantRecord]:
    grantable, denied = flags
    name, _, columns = word.partition(" (")
    if columns:
        for column in re.findall(NAME, columns):
            yield GrantRecord(
                account, name, Scope.COLUMN, **parts, column=bare(column), grantable=grantable
            )
    elif word != "USAGE":
        yield GrantRecord(account, word, scope, **parts, grantable=grantable, is_denied=denied)
    elif grantable:
        yield GrantRecord(account, "GRANT OPTION", scope, **parts, grantable=True)


def roles_in(lines: Iterable[str]) -> set[tuple[str, str, bool]]:
    """(member, role, admin option), each as ``user@host`` or a bare name."""
    found = [match for line in lines if (match := ROLES.match(line))]
    return {
        (spelled(member), spelled(role[0]), bool(admin))
        for roles, member, admin in (match.groups() for match in found)
        for role in re.finditer(rf"{NAME}(?:@{NAME})?", roles)
    }


def spelled(account: str) -> str:
    found = ACCOUNT.match(account)
    if not found:
        return account
    user, host = found.groups()
    return bare(user) if host is None else f"{bare(user)}@{bare(host)}"
