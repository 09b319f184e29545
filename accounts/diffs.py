"""The words of the change log: what an edge, or a difference of attributes, looks like as JSON."""

import json
from collections.abc import Mapping
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
UNSEEN = "unseen"
"""The attribute that names what our login could not see: about us, so no change of the account."""

Line = tuple[str | bool | float | None, ...]
"""Everything that one record says, in a fixed order."""


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
    return json.loads(ENCODER.encode(value))


def _text(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)


# Made once: json.dumps makes one a call, which takes longer than a small document itself.
ENCODER = json.JSONEncoder(default=_text)
CANONICAL_ENCODER = json.JSONEncoder(default=_text, sort_keys=True, check_circular=False)


def account_values(record: AccountRecord) -> dict[str, Any]:
    """The columns and attributes of ``record`` in one flat dictionary of JSON values."""
    fields = {name: getattr(record, name) for name in FIELDS}
    return plain({**record.attributes, **fields})  # type: ignore[no-any-return]


def stored_values(account: Account) -> dict[str, Any]:
    fields = {name: getattr(account, name) for name in FIELDS}
    return plain({**account.attributes, **fields})  # type: ignore[no-any-return]


def attribute_diff(record: AccountRecord, account: Account) -> dict[str, list[Any]]:
    """``{name: [before, after]}`` of what differs; None where one side does not have it."""
    before, after = stored_values(account), account_values(record)
    return {
        name: [before.get(name), after.get(name)]
        for name in sorted((before.keys() | after.keys()) - {UNSEEN})
        if before.get(name) != after.get(name)
    }


# --- the same as lines ------------------------------------------------------------------------
# Every sync makes one of every record, so they are written out, and moments are seconds.

PLAIN = frozenset({str, int, float, bool, list, type(None)})


def account_line(record: AccountRecord) -> Line:
    """All that ``record`` says but its attributes and its last login."""
    return (
        *(record.name, record.native_id, str(record.kind), record.is_system),
        *(record.can_login, record.is_superuser, record.is_locked),
        *(_seconds(record.password_changed_at), _seconds(record.password_expires_at)),
    )


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def grant_line(grant: GrantRecord) -> Line:
    """What a grant of some account says; lines of grants can be sorted."""
    return (
        *(grant.privilege, str(grant.scope), grant.database, grant.schema, grant.name),
        *(grant.column, grant.grantor or "", grant.grantable, grant.is_denied, grant.is_owner),
    )


def membership_line(membership: MembershipRecord) -> Line:
    """Likewise for a membership."""
    return (
        *(membership.role, membership.grantor or "", membership.admin_option),
        *(membership.inherits, membership.can_set, membership.is_default),
    )


def attribute_lines(attributes: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Attributes by name; what may name things in any order, or is no plain value, as JSON."""
    return [
        (name, value if type(value) in PLAIN else CANONICAL_ENCODER.encode(value))
        for name, value in sorted(attributes.items())
    ]
