"""A reading as JSON and back, for the breaker to keep."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from instances.engines.base import (
    AccountKind,
    AccountRecord,
    AccountsReading,
    DatabaseRef,
    GrantRecord,
    MembershipRecord,
    Scope,
    Section,
)

MOMENTS = ("password_changed_at", "password_expires_at", "last_login_at")


def dump(reading: AccountsReading) -> dict[str, Any]:
    document = asdict(reading)
    for account in document["accounts"]:
        for name in MOMENTS:
            account[name] = account[name] and account[name].isoformat()
    return document


def load(document: Mapping[str, Any]) -> AccountsReading:
    return AccountsReading(
        version=document["version"],
        sections=[Section(**section) for section in document["sections"]],
        accounts=[_account(account) for account in document["accounts"]],
        memberships=[MembershipRecord(**edge) for edge in document["memberships"]],
        grants=[
            GrantRecord(**{**edge, "scope": Scope(edge["scope"])}) for edge in document["grants"]
        ],
        databases=tuple(DatabaseRef(**one) for one in document["databases"]),
        # Readings that were held before there were any settings have none.
        settings=document.get("settings", {}),
    )


def _account(document: Mapping[str, Any]) -> AccountRecord:
    moments = {name: document[name] and datetime.fromisoformat(document[name]) for name in MOMENTS}
    return AccountRecord(**{**document, **moments, "kind": AccountKind(document["kind"])})
