"""What stands out about one account, from the account and its edges alone.

No role graph and no clock: an expiry is a fact, that it has passed is a question for the reader.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from instances.engines.base import AccountRecord, GrantRecord, MembershipRecord

# Raise it whenever the computation changes: facts of another version are computed anew.
FACTS_VERSION = 1


def compute_facts(
    account: AccountRecord,
    grants: Iterable[GrantRecord],
    memberships: Iterable[MembershipRecord],
    *,
    everything_known: bool,
) -> dict[str, Any]:
    """``{fact: {"value": …, "reasons": [words]}}``; the value None means unknown.

    Facts: ``superuser``, ``locked``, ``can_grant``, ``password_absent``, ``password_expired``,
    ``password_never_expires``. That an account may *not* grant is known only when every section
    was read.
    """
    attributes = account.attributes
    grant_reasons = [
        *attributes.get("grant_reasons", ()),
        *_ways_to_grant(grants, memberships),
    ]
    can_grant = True if grant_reasons else (False if everything_known else None)
    return {
        "superuser": _fact(account.is_superuser, attributes.get("superuser_reasons", ())),
        "locked": _fact(account.is_locked),
        "can_grant": _fact(can_grant, grant_reasons),
        **{
            name: _fact(attributes.get(name))
            for name in (
                "password_absent",
                "password_expired",
                "password_never_expires",
            )
        },
    }


def _fact(value: bool | None, reasons: Iterable[str] = ()) -> dict[str, Any]:
    return {"value": value, "reasons": list(reasons)}


def _ways_to_grant(
    grants: Iterable[GrantRecord], memberships: Iterable[MembershipRecord]
) -> list[str]:
    grants = list(grants)
    ways = []
    if any(grant.grantable for grant in grants):
        ways.append("GRANT OPTION")
    if any(grant.is_owner for grant in grants):
        ways.append("OWNER")
    if any(membership.admin_option for membership in memberships):
        ways.append("ADMIN OPTION")
    return ways


def password_state(
    facts: Mapping[str, Any], expires_at: datetime | None, *, now: datetime
) -> str | None:
    """``absent``, ``expired``, ``expiring``, ``valid``, ``never expires``, or None: unknown."""

    def says(name: str) -> bool:
        return facts.get(name, {}).get("value") is True

    if says("password_absent"):
        return "absent"
    if says("password_expired") or (expires_at is not None and expires_at <= now):
        return "expired"
    if expires_at is not None:
        soon = now + timedelta(days=settings.PASSWORD_EXPIRING_DAYS)
        return "expiring" if expires_at <= soon else "valid"
    return "never expires" if says("password_never_expires") else None
