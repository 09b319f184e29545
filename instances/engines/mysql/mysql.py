"""MySQL's accounts, roles and global privileges."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from instances.engines.base import (
    AccountKind,
    AccountRecord,
    GrantRecord,
    Scope,
)
from instances.engines.mysql.catalogue import Catalogue, Row
from instances.engines.mysql.grants import Grants
from instances.engines.mysql.names import account_name
from instances.engines.mysql.passwords import PASSWORD_PLUGINS, as_utc, lifetime_facts
from instances.engines.mysql.powers import reasons_of
from instances.engines.mysql.words import Words, flag_reader

SYSTEM_USERS = frozenset({"mysql.sys", "mysql.session", "mysql.infoschema"})
NO_LOGIN_PLUGIN = "mysql_no_login"
FACTS = 7
"""How many columns of ``users`` stand before the privileges."""

NAME = r"`(?:[^`]|``)*`|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[^@,\s]+"
IN_USER_ATTRIBUTES = ("has_second_password", "metadata", "password_locking")
LOOKS_LIKE_A_ROLE = (
    *("can_login", "is_locked", "kind", "password_changed_at", "password_expired"),
    *("password_expires_at", "password_never_expires", "plugin"),
)
"""What an account that is_fresh_role may be about says otherwise if it is one."""

AUTHORIZATION = re.compile(rf"\s*({NAME})(?:\s*@\s*({NAME}))?\s*(?:,|$)")

Attributes = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Known:
    """What other tables say about the accounts, by name."""

    catalogue: Catalogue
    words: Callable[[tuple[str, ...]], Words]
    roles: frozenset[str]
    dynamic: Mapping[str, list[str]]
    attributes: Mapping[str, Attributes]
    restrictions: Mapping[str, Mapping[str, list[str]]]
    empty: frozenset[str]
    sees_restrictions: bool
    sees_dynamic: bool
    sees_empty: bool
    sees_attributes: bool


def accounts(catalogue: Catalogue) -> list[AccountRecord]:
    sees_restrictions = catalogue.knows("user_attributes") or not catalogue.is_on("partial_revokes")
    known = Known(
        catalogue,
        flag_reader(privilege_columns(catalogue)),
        frozenset(roles_of(catalogue)),
        dynamic_words(catalogue),
        user_attributes(catalogue),
        restrictions_of(catalogue),
        frozenset(account_name(user, host) for host, user in catalogue.of("empty_passwords")),
        sees_restrictions,
        catalogue.knows("global_grants"),
        catalogue.knows("empty_passwords"),
        catalogue.knows("user_attributes"),
    )
    return [account(row, known) for row in users_of(catalogue)]


def account(row: Row, known: Known) -> AccountRecord:
    """``can_login`` is about the account's nature; a locked one is still one that logs in."""
    host, user, plugin, locked, expired, changed, days = row[:FACTS]
    changed_at = as_utc(changed) if plugin in PASSWORD_PLUGINS else None
    name = account_name(user, host)
    is_role = name in known.roles or is_fresh_role(row, has_no_password=name in known.empty)
    if is_role and locked == "Y":  # as CREATE ROLE leaves it: nothing that logs in
        plugin = changed_at = None
    is_superuser, attributes, unseen = powers(row, name, known)
    attributes |= known.attributes.get(name, {})
    unseen += unseen_facts(row, known, is_role=is_role)
    expires_at = None
    if plugin is not None:
        attributes["plugin"] = plugin
    if plugin in PASSWORD_PLUGINS:
        default = known.catalogue.variables.get("default_password_lifetime")
        expires_at, facts = lifetime_facts(changed_at, days, default)
        attributes |= facts | {"password_expired": expired == "Y"}
        if known.sees_empty:
            attributes["password_absent"] = name in known.empty
    if unseen:
        attributes["unseen"] = sorted(unseen)
    return AccountRecord(
        name,
        AccountKind.ROLE if is_role else AccountKind.USER,
        is_system=user in SYSTEM_USERS and host == "localhost",
        can_login=plugin not in (None, NO_LOGIN_PLUGIN),
        is_superuser=is_superuser,
        is_locked=None if plugin is None else locked == "Y",
        attributes=attributes,
        password_changed_at=changed_at,
        password_expires_at=expires_at,
    )


def unseen_facts(row: Row, known: Known, *, is_role: bool) -> list[str]:
    """What only columns tell that our login may lack, and may be otherwise."""
    unseen = [] if known.sees_attributes else [*IN_USER_ATTRIBUTES]
    logs_in = not is_role or row[3] != "Y"
    if not known.sees_empty and logs_in and row[2] in PASSWORD_PLUGINS:
        unseen.append("password_absent")
        if not is_role and is_locked_and_expired(row):
            unseen += LOOKS_LIKE_A_ROLE
    return unseen


def is_fresh_role(row: Row, *, has_no_password: bool) -> bool:
    """Whether CREATE ROLE made it, and nobody has been given it yet.

    It leaves an account locked, expired and without a password, which is no use to a person.
    """
    return has_no_password and is_locked_and_expired(row)


def is_locked_and_expired(row: Row) -> bool:
    return (row[3], row[4]) == ("Y", "Y")


def powers(row: Row, name: str, known: Known) -> tuple[bool | None, Attributes, list[str]]:
    """Whether it is a superuser, the reasons, and which of these what we could not read decides.

    What holds both with and without every restriction is certain, whatever we could not read.
    """
    restricted = "UPDATE" in known.restrictions.get(name, {}).get("mysql", ())
    seen, possible = (
        reasons_of(
            known.words(tuple(row[FACTS:])),
            tuple(known.dynamic.get(name, ())),
            writes_mysql=writes_mysql,
            has_system_user=known.catalogue.version >= (8, 0, 16),
        )
        for writes_mysql in (known.sees_restrictions and not restricted, not restricted)
    )
    told = {"superuser_reasons": list(seen[0]), "grant_reasons": list(seen[1])}
    unseen = [
        name
        for name, one, other in zip(told, seen, possible, strict=True)
        if one != other or not known.sees_dynamic
    ]
    is_superuser = bool(seen[0])
    if not is_superuser and "superuser_reasons" in unseen:
        return None, told, ["is_superuser", *unseen]
    return is_superuser, told, unseen


def users_of(catalogue: Catalogue) -> Iterable[Row]:
    return catalogue.of("users") or catalogue.of("users_57")


def privilege_columns(catalogue: Catalogue) -> list[str]:
    return (catalogue.columns.get("users") or catalogue.columns.get("users_57", []))[FACTS:]


def dynamic_words(catalogue: Catalogue) -> dict[str, list[str]]:
    words = defaultdict(list)
    for user, host, privilege, _ in catalogue.of("global_grants"):
        words[account_name(user, host)].append(privilege)
    return words


def user_attributes(catalogue: Catalogue) -> dict[str, Attributes]:
    """The parts of User_attributes that are worth keeping; the second password is not."""
    attributes = {}
    for host, user, _, metadata, locking, has_second in catalogue.of("user_attributes"):
        parts = {
            "metadata": metadata and json.loads(metadata),
            "password_locking": locking and json.loads(locking),
            "has_second_password": bool(has_second),
        }
        attributes[account_name(user, host)] = {key: part for key, part in parts.items() if part}
    return attributes


def restrictions_of(catalogue: Catalogue) -> dict[str, dict[str, list[str]]]:
    """Account -> database -> privileges that its global grant does not reach there."""
    return {
        account_name(user, host): {
            part["Database"]: part["Privileges"] for part in json.loads(restrictions)
        }
        for host, user, restrictions, *_ in catalogue.of("user_attributes")
        if restrictions
    }


def roles_of(catalogue: Catalogue) -> set[str]:
    """Whatever was granted to somebody is a role, even an account that can log in."""
    granted = {account_name(row[2], row[3]) for row in catalogue.of("role_edges")}
    return granted | set(mandatory_roles(catalogue))


def mandatory_roles(catalogue: Catalogue) -> list[str]:
    """Those of the variable that exist: the server ignores the others."""
    names = named_roles(catalogue.variables.get("mandatory_roles") or "")
    existing = {account_name(row[1], row[0]) for row in users_of(catalogue)} if names else set()
    return [name for name in names if name in existing]


def named_roles(text: str) -> list[str]:
    """The value of mandatory_roles: names as SQL spells them, with the host ``%`` left out."""
    names = (
        account_name(bare(user), bare(host) if host else "%")
        for user, host in AUTHORIZATION.findall(text)
    )
    return list(dict.fromkeys(names))


def bare(name: str) -> str:
    quote = name[:1]
    return name[1:-1].replace(quote * 2, quote) if quote in ("`", "'", '"') else name


def grants(catalogue: Catalogue) -> Grants:
    return [*static_grants(catalogue), *dynamic_grants(catalogue), *restrictions(catalogue)]


def static_grants(catalogue: Catalogue) -> Iterable[GrantRecord]:
    read = flag_reader(privilege_columns(catalogue))
    for row in users_of(catalogue):
        words, grantable = read(tuple(row[FACTS:]))
        if words:
            account = account_name(row[1], row[0])
            for word in words:
                yield GrantRecord(account, word, Scope.SERVER, grantable=grantable)


def dynamic_grants(catalogue: Catalogue) -> Iterable[GrantRecord]:
    for user, host, privilege, option in catalogue.of("global_grants"):
        yield GrantRecord(
            account_name(user, host), privilege, Scope.SERVER, grantable=option == "Y"
        )


def restrictions(catalogue: Catalogue) -> Iterable[GrantRecord]:
    """Partial revokes: holes in the account's own global grant, so denied in one database."""
    for account, databases in restrictions_of(catalogue).items():
        for database, words in databases.items():
            for word in words:
                yield GrantRecord(account, word, Scope.DATABASE, database, is_denied=True)
