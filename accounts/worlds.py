"""The mirror as the world that effective privileges are decided in, now or at a past moment."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from accounts.diffs import FIELDS
from accounts.models import Account, AccountChange, Grant, Membership
from instances.engines.effective import Link, Principal, Right, Thing, World
from instances.models import Instance, Section
from sync_sessions.models import SyncSession

LINK_COLUMNS = ("pk", "member", "role", "grantor", *("admin_option", "inherits", "can_set"))
RIGHT_COLUMNS = ("pk", "account", "privilege", "grantor", "grantable", "is_denied", "is_owner")
THING_COLUMNS = tuple(
    f"securable__{part}" for part in ("scope", "database", "schema", "name", "column")
)
APPEARED = {"added", "restored", "recreated"}


def world_of(instance: Instance, *, at: datetime | None = None) -> World:
    """Everything that is known of ``instance``, as it is now or was at ``at``."""
    grants = Grant.objects.open() if at is None else Grant.objects.at(at)
    memberships = Membership.objects.open() if at is None else Membership.objects.at(at)
    return World(
        version=instance.version,
        principals=principals(instance) if at is None else past_principals(instance, at),
        links=links(memberships.filter(member__instance=instance)),
        rights=rights(grants.filter(account__instance=instance)),
        blind=blind_spots(instance),
    )


def principals(instance: Instance) -> dict[int, Principal]:
    return {row.pk: principal(row) for row in Account.objects.present().filter(instance=instance)}


def principal(row: Account) -> Principal:
    return Principal(
        row.pk, row.name, row.kind, row.is_superuser, row.can_login, dict(row.attributes)
    )


def links(rows: Any) -> list[Link]:
    return [Link(*row) for row in rows.values_list(*LINK_COLUMNS, "is_default")]


def rights(rows: Any) -> list[Right]:
    things: dict[tuple[str, ...], Thing] = {}
    found = []
    for row in rows.values_list(*RIGHT_COLUMNS, *THING_COLUMNS):
        place = row[len(RIGHT_COLUMNS) :]
        thing = things.get(place) or things.setdefault(place, Thing(*place))
        pk, account, privilege, *options = row[: len(RIGHT_COLUMNS)]
        found.append(Right(pk, account, privilege, thing, *options))
    return found


def blind_spots(instance: Instance) -> frozenset[str]:
    unknown = Section.objects.unknown().filter(
        instance=instance, category=SyncSession.Category.ACCOUNTS
    )
    return frozenset(unknown.values_list("database", flat=True))


# --- the past -------------------------------------------------------------------------------


@dataclass
class Past:
    """One account on its way back in time, from how it is today."""

    principal: Principal
    is_present: bool
    values: dict[str, Any] = field(default_factory=dict)

    def undo(self, change: AccountChange) -> None:
        """Become what the account was before ``change``."""
        if change.kind in APPEARED:
            self.is_present = False
        elif change.kind == AccountChange.Kind.REMOVED:
            self.is_present = True
        for name, (before, _) in change.diff.get("attributes", {}).items():
            self.values[name] = before

    def settled(self) -> Principal:
        columns = {
            name: self.values.pop(name)
            for name in ("name", "kind", "is_superuser", "can_login")
            if name in self.values
        }
        other = {name: value for name, value in self.values.items() if name not in FIELDS}
        return replace(self.principal, attributes={**self.principal.attributes, **other}, **columns)


def past_principals(instance: Instance, at: datetime) -> dict[int, Principal]:
    """The accounts that were there at ``at``, with the names and attributes of that moment."""
    rows = Account.objects.filter(instance=instance, first_seen_at__lte=at)
    pasts = {row.pk: Past(principal(row), row.removed_at is None) for row in rows}
    later: Iterable[AccountChange] = AccountChange.objects.filter(
        account__instance=instance, occurred_at__gt=at
    ).order_by("-occurred_at", "-pk")
    for change in later:
        if change.account_id in pasts:
            pasts[change.account_id].undo(change)
    return {key: past.settled() for key, past in pasts.items() if past.is_present}
