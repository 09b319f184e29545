"""What one account may do by its own edges, now or at a past moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.history import check_kept
from accounts.models import Account, Grant, Membership
from instances.models import Section
from sync_sessions.models import SyncSession
from whalefall.core.errors import WhalefallError

ORDER = ("scope", "database", "schema", "object", "column", "privilege")


class PrivilegesNeverRead(WhalefallError):
    """No reading of the instance has ever told what its accounts may do."""

    code = "SNAPSHOT_MISSING"
    http_status = 409
    category = "conflict"
    suggestions = ("Sync the accounts of the instance first.",)


@dataclass(frozen=True, slots=True)
class Privileges:
    """An account's direct privileges, its memberships, and what could not be read beside them.

    Both lists hold dictionaries in the words of the HTTP contract. ``coverage`` is known
    sections / all sections of the instance's last reading, made at ``read_at``.
    """

    privileges: list[dict[str, Any]]
    memberships: list[dict[str, Any]]
    unknown: Sequence[Section]
    coverage: float
    read_at: datetime


def direct_privileges(account: Account, *, at: datetime | None = None) -> Privileges:
    """The edges of ``account`` that hold now, or held at ``at``.

    Raises PrivilegesNeverRead, and HistoryForgotten when ``at`` is before what is kept.
    """
    sections = list(
        Section.objects.filter(instance=account.instance_id, category=SyncSession.Category.ACCOUNTS)
    )
    about_grants = [one for one in sections if one.name not in {"accounts", "memberships"}]
    read_at = max((one.read_at for one in about_grants if one.read_at), default=None)
    if read_at is None:
        raise PrivilegesNeverRead(
            f"The privileges on {account.instance} have never been read; sync its accounts first."
        )
    grants, memberships = Grant.objects.all(), Membership.objects.all()
    held = (
        (grants.open(), memberships.open()) if at is None else (grants.at(at), memberships.at(at))
    )
    unknown = [one for one in sections if one.state == Section.State.UNKNOWN]
    found = Privileges(
        privileges=sorted(
            map(grant_document, held[0].filter(account=account).select_related("securable")),
            key=lambda document: [document[name] for name in ORDER],
        ),
        memberships=[
            membership_document(edge)
            for edge in held[1]
            .filter(member=account)
            .select_related("role", "grantor")
            .order_by("role__name", "pk")
        ],
        unknown=unknown,
        coverage=1 - len(unknown) / len(sections),
        read_at=read_at,
    )
    if at is not None:
        check_kept(at)  # after the reading, or a clean-up could come between
    return found


def grant_document(grant: Grant) -> dict[str, Any]:
    """``reachable`` is None: whether the way to the object is open needs the role graph."""
    securable = grant.securable
    return {
        "privilege": grant.privilege,
        "scope": securable.scope,
        "database": securable.database,
        "schema": securable.schema,
        "object": securable.name,
        "column": securable.column,
        "grantable": grant.grantable,
        "denied": grant.is_denied,
        "owner": grant.is_owner,
        "reachable": None,
        "via": [],
    }


def membership_document(membership: Membership) -> dict[str, Any]:
    return {
        "role": membership.role.name,
        "grantor": membership.grantor.name if membership.grantor else None,
        "admin_option": membership.admin_option,
        "inherits": membership.inherits,
        "can_set": membership.can_set,
        "is_default": membership.is_default,
    }
