"""What stands out about one account, from the account, its edges, and the roles it has.

No clock: an expiry is a fact, that it has passed is a question for the reader.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings

from instances.engines.base import AccountRecord, GrantRecord, MembershipRecord

# Raise it whenever the computation changes: facts of another version are computed anew.
FACTS_VERSION = 4


@dataclass(frozen=True, slots=True)
class GraphFacts:
    """What an account has through its roles; None where the memberships are not known."""

    ways_to_grant: tuple[str, ...] = ()
    can_become_superuser: bool | None = None
    superusers: tuple[str, ...] = ()
    inherited_roles: int | None = None
    settable_roles: int | None = None
    superuser_reasons: tuple[str, ...] = ()
    """What makes everybody a superuser."""


def compute_facts(
    account: AccountRecord,
    grants: Iterable[GrantRecord],
    memberships: Iterable[MembershipRecord],
    graph: GraphFacts,
    *,
    everything_known: bool,
) -> dict[str, Any]:
    """``{fact: {"value": …, "reasons": [words]}}``; the value None means unknown.

    Facts: ``superuser`` (also by what everybody has, which the reason names), ``locked``,
    ``can_grant`` (also by inheriting a role, which the reason names), ``password_absent``,
    ``password_expired``, ``password_never_expires``, ``can_become_superuser`` (the reasons are the
    superusers that it could take by SET ROLE, or whose powers come with having them),
    ``inherited_roles`` and ``settable_roles`` (how many it inherits, and could only get by SET
    ROLE). That an account may *not* grant is known only when every section was read.
    """
    attributes = account.attributes
    grant_reasons = (
        *attributes.get("grant_reasons", ()),
        *ways_to_grant(grants, memberships),
        *graph.ways_to_grant,
    )
    can_grant = True if grant_reasons else (False if everything_known else None)
    superuser_reasons = (
        *attributes.get("superuser_reasons", ()),
        *graph.superuser_reasons,
    )
    return _facts(
        (True if graph.superuser_reasons else account.is_superuser, superuser_reasons),
        (account.is_locked, ()),
        (can_grant, grant_reasons),
        *((attributes.get(name), ()) for name in FACTS[3:6]),
        (graph.can_become_superuser, graph.superusers),
        (graph.inherited_roles, ()),
        (graph.settable_roles, ()),
    )


FACTS = (
    *("superuser", "locked", "can_grant"),
    *("password_absent", "password_expired", "password_never_expires"),
    *("can_become_superuser", "inherited_roles", "settable_roles"),
)


@lru_cache(maxsize=1024, typed=True)
def _facts(*told: tuple[bool | int | None, tuple[str, ...]]) -> dict[str, Any]:
    """The value and the reasons of each fact; one document for all accounts that are alike."""
    return {
        name: {"value": value, "reasons": list(reasons)}
        for name, (value, reasons) in zip(FACTS, told, strict=True)
    }


def ways_to_grant(
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
