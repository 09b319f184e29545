"""The page of one account: its privileges with everything that qualifies them."""

from datetime import datetime
from typing import Any

from accounts.effective import effective_privileges
from accounts.facts import FACTS_VERSION
from accounts.models import Account
from accounts.privileges import PrivilegesNeverRead, direct_privileges
from whalefall.core.errors import WhalefallError


class FactsMissing(WhalefallError):
    """Without its facts, an account's own grants say too little: a superuser needs none."""

    code = "PERMISSION_FACTS_MISSING"
    http_status = 409
    category = "conflict"
    suggestions = ("Sync the accounts of the instance.",)


class NotSeenYet(PrivilegesNeverRead):
    """The moment is before anybody looked at the account."""

    suggestions = ("Ask about a later moment.",)


def permissions_document(
    account: Account, *, at: datetime | None = None, effective: bool = False
) -> dict[str, Any]:
    """What ``account`` may do by its own edges, or in the end, now or at a past moment.

    The coverage is that of the last reading, so of a past moment nobody can say it; neither its
    facts. Raises PrivilegesNeverRead, FactsMissing, and RulesMissing.
    """
    check_seen(account, at)
    read = effective_privileges if effective else direct_privileges
    found = read(account, at=at)
    return {
        "at": at,
        "coverage": found.coverage if at is None else None,
        "unknown_sections": found.unknown,
        "facts": facts(account) if at is None else None,
        "permissions": found.privileges,
        "memberships": found.memberships,
    }


def check_seen(account: Account, at: datetime | None) -> None:
    """Raises NotSeenYet for a moment before anybody looked at ``account``."""
    if at is not None and at < account.first_seen_at:
        raise NotSeenYet(
            f"{account} was first read on {account.first_seen_at:%Y-%m-%d at %H:%M %Z}; what it "
            "might do before, nobody has looked at."
        )


def facts(account: Account) -> Any:
    """The computed facts; a removed account keeps those of its last day.

    Raises FactsMissing.
    """
    if account.removed_at is None and account.facts_version != FACTS_VERSION:
        raise FactsMissing(
            f"The facts of {account} are missing, or of an older version of Whalefall. "
            f"Sync the accounts of {account.instance}, then look again."
        )
    return account.facts
