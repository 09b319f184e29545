"""MariaDB's accounts, roles and global privileges, which all stand in one JSON column.

Not in the view ``mysql.user``: that lacks the privileges from bit 30 on, the lock and the age of
the password. Source: sql/sql_acl.cc, class User_table_json.
"""

import json
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from instances.engines.base import (
    AccountKind,
    AccountRecord,
    GrantRecord,
    MembershipRecord,
    Scope,
)
from instances.engines.mysql.catalogue import Catalogue, Row
from instances.engines.mysql.grants import Grants
from instances.engines.mysql.names import PUBLIC, mariadb_name
from instances.engines.mysql.passwords import PASSWORD_PLUGINS, lifetime_facts
from instances.engines.mysql.powers import reasons_of
from instances.engines.mysql.words import (
    MARIADB_BITS,
    Words,
    split_grant_option,
)

SYSTEM_USERS = frozenset({"mariadb.sys"})
ALL_ACCESS = 1 << 63
"""Installation scripts write 2**64 - 1 for everything that the server knows."""

BIT = {word: 1 << position for position, word in enumerate(MARIADB_BITS)}
SUPER_BEFORE_SPLIT = (
    BIT["SET USER"]
    | BIT["FEDERATED ADMIN"]
    | BIT["CONNECTION ADMIN"]
    | BIT["READ_ONLY ADMIN"]
    | BIT["REPLICATION SLAVE ADMIN"]
    | BIT["BINLOG ADMIN"]
    | BIT["BINLOG REPLAY"]
)
LENT_DEFAULT_ROLE = "lent_default_role"
"""The attribute of an account whose default role it was not given; it is active all the same where
another account of that user, whose host lets the client in, was (tried)."""

EPOCH = datetime.fromtimestamp(0, UTC)
Attributes = dict[str, Any]


def accounts(catalogue: Catalogue) -> list[AccountRecord]:
    given = {
        (mariadb_name(user, host), mariadb_name(role, ""))
        for user, host, role, _ in catalogue.of("roles_mapping")
    }
    return [account(row, catalogue, given) for row in catalogue.of("global_priv")]


def account(row: Row, catalogue: Catalogue, given: Collection[tuple[str, str]]) -> AccountRecord:
    """``given``: who has which role."""
    user, host = row[:2]
    name, facts = mariadb_name(user, host), facts_of(row[2])
    words = words_of_access(*access_of(facts), catalogue.version)
    reasons, granting = reasons_of(words, (), writes_mysql=True, has_system_user=False)
    attributes: Attributes = {
        "superuser_reasons": list(reasons),
        "grant_reasons": list(granting),
    }
    if not host:
        kind = AccountKind.PUBLIC if name == PUBLIC else AccountKind.ROLE
        return AccountRecord(
            name, kind, can_login=False, is_superuser=bool(reasons), attributes=attributes
        )
    changed_at, expires_at, password_facts = password(row, facts, catalogue)
    attributes |= password_facts
    if "default_role" in facts:
        attributes |= default_role(name, facts["default_role"], catalogue, given)
    return AccountRecord(
        name,
        AccountKind.USER,
        is_system=user in SYSTEM_USERS,
        can_login=True,
        is_superuser=bool(reasons),
        is_locked=bool(facts.get("account_locked", False)),
        attributes=attributes,
        password_changed_at=changed_at,
        password_expires_at=expires_at,
    )


def default_role(
    name: str, word: str, catalogue: Catalogue, given: Collection[tuple[str, str]]
) -> Attributes:
    role = mariadb_name(word, "")
    if not role or (name, role) in given:
        return {}
    if not catalogue.knows("roles_mapping"):
        return {"unseen": [LENT_DEFAULT_ROLE]}
    return {LENT_DEFAULT_ROLE: role}


def password(
    row: Row, facts: Attributes, catalogue: Catalogue
) -> tuple[datetime | None, datetime | None, Attributes]:
    """When it was set, when it expires, and the rest.

    An account may have several methods, each good for logging in by itself (``auth_or``; an
    empty plugin there is the main one). ``password_last_changed`` 0 means expired, and the hash
    ``invalid`` that no password fits.
    """
    alternatives, main_is_empty, is_invalid, other_is_empty = row[3:]
    main = facts.get("plugin") or "mysql_native_password"
    others = json.loads(alternatives) if alternatives else []
    attributes: Attributes = {"plugin": main}
    if others:
        attributes["alternative_plugins"] = others
    if main not in PASSWORD_PLUGINS and PASSWORD_PLUGINS.isdisjoint(others):
        return None, None, attributes
    seconds = facts.get("password_last_changed")
    changed_at = datetime.fromtimestamp(seconds, UTC) if seconds else None
    days = facts.get("password_lifetime", -1)
    expires_at, lifetime = lifetime_facts(
        # Without a date the server counts from 1970, so that any lifetime has passed (tried).
        EPOCH if seconds is None else changed_at,
        None if days < 0 else days,
        catalogue.variables.get("default_password_lifetime"),
    )
    attributes |= lifetime
    attributes["password_expired"] = seconds == 0
    attributes["password_absent"] = bool(
        (main_is_empty and main in PASSWORD_PLUGINS) or other_is_empty
    )
    if is_invalid:
        attributes["password_invalid"] = True
    return changed_at, expires_at, attributes


@lru_cache(maxsize=4096)
def facts_of(text: str | None) -> Attributes:
    """The JSON of a row, which three parts of a reading look at; it is not to be changed."""
    facts: Attributes = json.loads(text or "{}")
    return facts


def access_of(facts: Attributes) -> tuple[int, int]:
    return facts.get("access", 0), facts.get("version_id", 0)


@lru_cache(maxsize=4096)
def words_of_access(access: int, written_by: int, version: tuple[int, ...]) -> Words:
    """The words of the bits, as a server of ``version`` reads what ``written_by`` has written."""
    known = MARIADB_BITS if version >= (11, 3) else MARIADB_BITS[:-1]
    if access >= ALL_ACCESS:
        return split_grant_option(known)
    if written_by < 100502:
        access = before_super_was_split(access)
    words = [word for position, word in enumerate(known) if access >> position & 1]
    unknown = range(len(known), access.bit_length())
    words += [f"UNKNOWN BIT {position}" for position in unknown if access >> position & 1]
    return split_grant_option(words)


def before_super_was_split(access: int) -> int:
    """What accounts that were written before 10.5.2 are given instead of the old, wide words."""
    replicates = access & BIT["REPLICATION SLAVE"]
    if access & BIT["SUPER"]:
        access |= SUPER_BEFORE_SPLIT
        if replicates:
            access |= BIT["REPLICATION MASTER ADMIN"]
    if replicates or access & BIT["BINLOG MONITOR"]:
        access |= BIT["SLAVE MONITOR"]
    return access


def grants(catalogue: Catalogue) -> Grants:
    return list(global_grants(catalogue))


def global_grants(catalogue: Catalogue) -> Iterable[GrantRecord]:
    for user, host, text, *_ in catalogue.of("global_priv"):
        words, grantable = words_of_access(*access_of(facts_of(text)), catalogue.version)
        if words:
            name = mariadb_name(user, host)
            for word in words:
                yield GrantRecord(name, word, Scope.SERVER, grantable=grantable)


def memberships(catalogue: Catalogue) -> list[MembershipRecord]:
    """An account has at most one default role, and others by SET ROLE; a nested one by neither.

    ``default_role`` survives the role's revocation, so it only counts for roles still granted.
    """
    default = {
        (mariadb_name(user, host), mariadb_name(facts_of(text).get("default_role", ""), ""))
        for user, host, text, *_ in catalogue.of("global_priv")
        if text and '"default_role"' in text
    }
    records = []
    for user, host, role_user, option in catalogue.of("roles_mapping"):
        member, role = mariadb_name(user, host), mariadb_name(role_user, "")
        is_default = (member, role) in default
        records.append(
            MembershipRecord(
                member,
                role,
                admin_option=option == "Y",
                inherits=is_default or not host,
                can_set=bool(host),
                is_default=is_default,
            )
        )
    return records
