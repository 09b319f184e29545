"""What the pages of an account and of an instance show, read for a person."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext

from accounts.models import Account, AccountChange, Grant, HeldReading, Membership, Securable
from accounts.system_rules import DORMANT_DAYS
from instances.coverage import Coverage, coverage_of
from instances.models import Instance, Section
from sync_sessions.models import SyncRecord

SHOWN_WORDS = 3


@dataclass(slots=True)
class Power:
    """Privileges on one thing that were given alike: same grantor, options and moment."""

    securable: Securable
    grantor: Account | None
    grantable: bool
    is_denied: bool
    is_owner: bool
    since: datetime
    privileges: list[str] = field(default_factory=list)


def open_grants(account: Account) -> "QuerySet[Grant]":
    """In the order that ``powers`` needs."""
    parts = ("database", "schema", "name", "column")
    return (
        Grant.objects.filter(account=account, valid_to=None)
        .select_related("securable", "grantor")
        .order_by(
            *(f"securable__{part}" for part in parts),
            *("securable_id", "-is_owner", "is_denied", "grantable", "grantor_id"),
            *("valid_from", "privilege"),
        )
    )


def powers(grants: Iterable[Grant]) -> list[tuple[str, list[Power]]]:
    """``[(database and schema, powers)]`` of grants in the order of ``open_grants``."""
    return [
        (place, list(_alike(some)))
        for place, some in groupby(grants, key=lambda grant: _place(grant.securable))
    ]


def _place(securable: Securable) -> str:
    return " / ".join(part for part in (securable.database, securable.schema) if part)


def _alike(grants: Iterable[Grant]) -> Iterator[Power]:
    power: Power | None = None
    for grant in grants:
        given = (
            *(grant.securable, grant.grantor, grant.grantable),
            *(grant.is_denied, grant.is_owner, grant.valid_from),
        )
        if power is None or given != (
            *(power.securable, power.grantor, power.grantable),
            *(power.is_denied, power.is_owner, power.since),
        ):
            if power is not None:
                yield power
            power = Power(*given)
        power.privileges.append(grant.privilege)
    if power is not None:
        yield power


def open_memberships(**ends: Account) -> "QuerySet[Membership]":
    return (
        Membership.objects.filter(valid_to=None, **ends)
        .select_related("member", "role", "grantor")
        .order_by("role__name", "member__name", "pk")
    )


def unknown_sections(instance: int) -> list[Section]:
    return list(Section.objects.unknown().filter(instance=instance, category="accounts"))


def is_dormant(account: Account, *, now: datetime) -> bool | None:
    """Whether it may log in, and has not for ``DORMANT_DAYS``; None where nobody can say.

    On a server that keeps no logins, it may have been there since a reading last met it.
    """
    if account.can_login is False:
        return False
    if account.last_login_at is None:
        return None
    if account.last_login_at > now - timedelta(days=DORMANT_DAYS):
        return False
    return True if account.instance.engine_class.keeps_logins and account.can_login else None


def everybody(account: Account) -> Account | None:
    """The account whose grants ``account`` has too without being a member; None where none is."""
    if account.kind == Account.Kind.PUBLIC:
        return None
    public = Account.objects.present().filter(kind=Account.Kind.PUBLIC)
    return public.filter(instance=account.instance_id).first()


@dataclass(frozen=True, slots=True)
class InstanceOverview:
    """What the mirror holds of an instance, how much of it is known, and what was done lately."""

    coverage: Coverage
    unknown: list[Section]
    counts: dict[str, int]
    databases: int
    changes: int
    held: HeldReading | None
    records: list[SyncRecord]


def instance_overview(instance: Instance) -> InstanceOverview:
    accounts = Account.objects.present().filter(instance=instance).order_by()
    users = Q(is_system=False)
    records = instance.records.select_related("session", "instance").order_by("-pk")
    held = HeldReading.objects.pending().filter(record__instance=instance).defer("reading")
    return InstanceOverview(
        coverage=coverage_of(instance.pk),
        unknown=unknown_sections(instance.pk),
        counts=accounts.aggregate(
            listed=Count("pk", filter=users),
            system=Count("pk", filter=~users),
            superusers=Count("pk", filter=users & Q(is_superuser=True)),
            maybe_superusers=Count("pk", filter=users & Q(is_superuser=None)),
        ),
        databases=instance.databases.filter(removed_at=None).count(),
        changes=AccountChange.objects.filter(account__instance=instance).count(),
        held=held.first(),
        records=list(records[:5]),
    )


def change_words(change: AccountChange) -> str:
    """What a change is about, in a few words: the first edges by name, then how many more."""
    diff = change.diff
    words = [f"{name}: {plain(old)} → {plain(new)}" for name, (old, new) in sorted_attributes(diff)]
    words += [f"{one['privilege']} {place_of(one)}".strip() for one in diff.get("grants", ())]
    words += [f"∈ {one['role']}" for one in diff.get("memberships", ())]
    shown = ", ".join(words[:SHOWN_WORDS])
    more = len(words) - SHOWN_WORDS
    return f"{shown} {gettext('and %(number)s more') % {'number': more}}" if more > 0 else shown


def sorted_attributes(diff: dict[str, Any]) -> list[tuple[str, list[Any]]]:
    return sorted(diff.get("attributes", {}).items())


def plain(value: Any) -> str:
    return "?" if value is None else str(value)


def place_of(edge: dict[str, Any]) -> str:
    """Where a grant of a change entry applies: ``shop.public.orders``."""
    parts = (edge.get(part) for part in ("database", "schema", "object", "column"))
    return ".".join(part for part in parts if part)
