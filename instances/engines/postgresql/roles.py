"""Roles and their memberships, as records."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from instances.engines.base import AccountKind, AccountRecord, MembershipRecord
from instances.engines.postgresql.session import Row

PUBLIC = "public"
"""The pseudo-role that everybody is a member of; the server lets no role have this name."""

PUBLIC_OID = 0
"""What stands for it in access lists."""

Names = Mapping[int, str]
"""The roles' names by their oid."""

# An application's own setting may be anything, a secret too.
SECRET_WORDS = ("secret", "password", "passwd", "token", "key", "credential")


def everybody() -> AccountRecord:
    return AccountRecord(
        name=PUBLIC,
        kind=AccountKind.PUBLIC,
        native_id=str(PUBLIC_OID),
        can_login=False,
        is_superuser=False,
        is_locked=False,
        attributes={"superuser_reasons": [], "grant_reasons": []},
    )


def account(row: Row, last_login_at: datetime | None) -> AccountRecord:
    oid, name, can_login, is_superuser = row[:4]
    inherit, createdb, createrole, replication, bypassrls, connection_limit = row[4:10]
    expires_at, is_expired, password, settings = row[10:]
    attributes = {
        "inherit": inherit,
        "createdb": createdb,
        "createrole": createrole,
        "replication": replication,
        "bypassrls": bypassrls,
        "connection_limit": connection_limit,
        "superuser_reasons": ["SUPERUSER"] if is_superuser else [],
        "grant_reasons": ["SUPERUSER"] * is_superuser + ["CREATEROLE"] * createrole,
    }
    if can_login:
        attributes["password_expired"] = is_expired
        attributes["password_never_expires"] = expires_at is None
        attributes.update(password_facts(password))
    if settings:
        attributes.update(settings_of(settings))
    return AccountRecord(
        name=name,
        kind=AccountKind.USER if can_login else AccountKind.ROLE,
        native_id=str(oid),
        is_system=name.startswith("pg_"),  # reserved, so nobody else's
        can_login=can_login,
        is_superuser=is_superuser,
        is_locked=False,  # there is no lock: NOLOGIN makes it a role
        attributes=attributes,
        password_expires_at=expires_at,
        last_login_at=last_login_at,
    )


def password_facts(password: str) -> dict[str, Any]:
    """``password`` is how it is stored, ``absent``, or ``hidden`` where we may not know."""
    if password == "hidden":  # noqa: S105 -- no password, a word for it
        return {"unseen": ["password_absent", "password_method"]}
    if password == "absent":  # noqa: S105
        return {"password_absent": True}
    return {"password_absent": False, "password_method": password}


def settings_of(settings: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """ALTER ROLE … SET, and ALTER ROLE … IN DATABASE … SET; '' stands for all databases."""
    parsed = {database: parse(lines) for database, lines in sorted(settings.items())}
    everywhere = parsed.pop("", None)
    return {
        **({"settings": everywhere} if everywhere else {}),
        **({"database_settings": parsed} if parsed else {}),
    }


def parse(lines: Iterable[str]) -> dict[str, str]:
    pairs = (line.partition("=") for line in sorted(lines))
    return {name: "(hidden)" if may_be_secret(name) else value for name, _, value in pairs}


def may_be_secret(setting: str) -> bool:
    """Only settings with a dot in their name are an application's own."""
    return "." in setting and any(word in setting.lower() for word in SECRET_WORDS)


def memberships(rows: Iterable[Row], names: Names) -> list[MembershipRecord]:
    """A grantor that was dropped is None; a role that came while we read comes next time."""
    return [
        MembershipRecord(names[member], names[role], names.get(grantor), *options)
        for member, role, grantor, *options in rows
        if member in names and role in names
    ]
