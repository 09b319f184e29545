"""The words of the change log: what an edge, or a difference of attributes, looks like as JSON."""

import json
from datetime import UTC, datetime
from typing import Any

from accounts.models import Account
from instances.engines.base import AccountRecord, GrantRecord, MembershipRecord

FIELDS = (
    "kind",
    "is_system",
    "can_login",
    "is_superuser",
    "is_locked",
    "password_changed_at",
    "password_expires_at",
)


def grant_words(grant: GrantRecord) -> dict[str, Any]:
    return {
        "privilege": grant.privilege,
        "scope": str(grant.scope),
        "database": grant.database,
        "schema": grant.schema,
        "object": grant.name,
        "column": grant.column,
        "grantor": grant.grantor,
        "grantable": grant.grantable,
        "denied": grant.is_denied,
        "owner": grant.is_owner,
    }


def membership_words(membership: MembershipRecord) -> dict[str, Any]:
    return {
        "role": membership.role,
        "grantor": membership.grantor,
        "admin_option": membership.admin_option,
        "inherits": membership.inherits,
        "can_set": membership.can_set,
        "is_default": membership.is_default,
    }


def plain(value: Any) -> Any:
    """``value`` as it comes back from a JSON column."""
    return json.loads(json.dumps(value, default=_text))


def _text(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)


# Made once: json.dumps makes one a call, which is half the time of a fingerprint.
ENCODER = json.JSONEncoder(default=_text, sort_keys=True)


def account_values(record: AccountRecord) -> dict[str, Any]:
    """The columns and attributes of ``record`` in one flat dictionary of JSON values."""
    return plain(_everything(record))  # type: ignore[no-any-return]


def account_text(record: AccountRecord) -> str:
    """The same as one text, whatever the order in which the server named things."""
    return ENCODER.encode(_everything(record))


def _everything(record: AccountRecord) -> dict[str, Any]:
    return {**record.attributes, **{name: getattr(record, name) for name in FIELDS}}


def stored_values(account: Account) -> dict[str, Any]:
    fields = {name: getattr(account, name) for name in FIELDS}
    return plain({**account.attributes, **fields})  # type: ignore[no-any-return]


def attribute_diff(record: AccountRecord, account: Account) -> dict[str, list[Any]]:
    """``{name: [before, after]}`` of what differs; None where one side does not have it."""
    before, after = stored_values(account), account_values(record)
    return {
        name: [before.get(name), after.get(name)]
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    }
