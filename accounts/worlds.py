"""The mirror as the world that effective privileges are decided in, now or at a past moment."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db.models import Q

from accounts.diffs import FIELDS
from accounts.models import Account, AccountChange, Grant, Membership, RoleClosure, Securable
from accounts.store import digest
from instances.engines.effective import Effective, Link, Principal, Right, Thing, World
from instances.models import Instance, Section
from whalefall.core.errors import WhalefallError

PRINCIPAL_COLUMNS = ("pk", "name", "kind", "is_superuser", "can_login", "attributes")
LINK_COLUMNS = ("pk", "member", "role", "grantor", *("admin_option", "inherits", "can_set"))
RIGHT_COLUMNS = ("pk", "account", "privilege", "grantor", "grantable", "is_denied", "is_owner")
THING_COLUMNS = tuple(
    f"securable__{part}" for part in ("scope", "database", "schema", "name", "column")
)
APPEARED = {"added", "restored", "recreated"}
EVERYBODY = "public"


class RulesMissing(WhalefallError):
    """Whalefall does not know yet how this kind of server decides."""

    code = "SNAPSHOT_MISSING"
    http_status = 409
    category = "conflict"
    suggestions = ("Ask for the account's own grants instead.",)


def rules_of(instance: Instance) -> type[Effective]:
    """Raises RulesMissing."""
    engine = instance.engine_class
    if engine.effective is None:
        raise RulesMissing(
            f"Whalefall can't tell yet what the grants on {instance} add up to: "
            f"{engine.label} has no rules."
        )
    return engine.effective


def world_of(instance: Instance, *, at: datetime | None = None, about: Q | None = None) -> World:
    """Everything that is known of ``instance``, as it is now or was at ``at``.

    ``about``: of the grants, only these.
    """
    grants = Grant.objects.open() if at is None else Grant.objects.at(at)
    memberships = Membership.objects.open() if at is None else Membership.objects.at(at)
    there = principals(instance) if at is None else past_principals(instance, at)
    return World(
        version=instance.version,
        principals=there,
        links=links(memberships.filter(member__among=there)),
        rights=rights(grants.filter(about or Q(), account__instance=instance)),
        blind=blind_spots_of([instance])[instance.pk],
        settings=instance.server_settings,
    )


def principals(instance: Instance) -> dict[int, Principal]:
    rows = Account.objects.present().filter(instance=instance)
    return {one.key: one for _, one in people(rows)}


def people(rows: Any) -> list[tuple[int, Principal]]:
    """The accounts of ``rows``, each with the key of its instance."""
    told = rows.order_by().values_list("instance", *PRINCIPAL_COLUMNS)
    return [(instance, Principal(*columns)) for instance, *columns in told]


def links(rows: Any) -> list[Link]:
    return [Link(*row) for row in rows.values_list(*LINK_COLUMNS, "is_default")]


def rights(rows: Any) -> list[Right]:
    return [right for _, right in placed_rights(rows)]


def placed_rights(rows: Any) -> list[tuple[int, Right]]:
    """The rights of ``rows``, each with the key of its instance."""
    things: dict[tuple[str, ...], Thing] = {}
    found = []
    columns = (*RIGHT_COLUMNS, *THING_COLUMNS, "securable__instance")
    for *row, instance in rows.values_list(*columns):
        place = tuple(row[len(RIGHT_COLUMNS) :])
        thing = things.get(place) or things.setdefault(place, Thing(*place))
        pk, account, privilege, *options = row[: len(RIGHT_COLUMNS)]
        found.append((instance, Right(pk, account, privilege, thing, *options)))
    return found


def blind_spots_of(instances: Iterable[Instance]) -> Mapping[int, Collection[str]]:
    unknown = Section.objects.of_privileges().unknown().filter(instance__in=instances)
    found: dict[int, set[str]] = defaultdict(set)
    for instance, database in unknown.values_list("instance", "database"):
        found[instance].add(database)
    return found


# --- a part of the present ------------------------------------------------------------------


def worlds_around(
    instances: Collection[Instance],
    accounts: Collection[int],
    things: Collection[Thing] | None = None,
) -> dict[int, World]:
    """By instance, what decides what ``accounts`` may do on ``things`` (None: on everything).

    Enough where rights add up. Takes the same number of queries whatever the size.
    """
    named = {EVERYBODY, *(name for one in instances for name in rules_of(one).powers())}
    reached = RoleClosure.objects.filter(account__in=accounts).values_list("role", flat=True)
    near = {*accounts, *reached}
    present = Account.objects.present().filter(instance__in=instances)
    there = {*people(present.filter(pk__in=near)), *people(present.filter(name__in=named))}
    grants = Grant.objects.open().filter(account__in=[one.key for _, one in there])
    if things is not None:
        grants = grants.filter(securable__in=securables(instances, things))
    memberships = links(Membership.objects.open().filter(member__in=near, role__in=near))
    return split(instances, there, memberships, placed_rights(grants))


def split(
    instances: Iterable[Instance],
    there: Iterable[tuple[int, Principal]],
    memberships: Iterable[Link],
    grants: Iterable[tuple[int, Right]],
) -> dict[int, World]:
    """A world for each instance. What speaks of an account that just came is left out."""
    principals: dict[int, dict[int, Principal]] = defaultdict(dict)
    homes: dict[int, int] = {}
    held: dict[int, list[Right]] = defaultdict(list)
    has: dict[int, list[Link]] = defaultdict(list)
    for instance, one in there:
        principals[instance][one.key] = one
        homes[one.key] = instance
    for instance, right in grants:
        held[instance].append(right)
    for link in memberships:
        if link.member in homes and link.role in homes:
            has[homes[link.member]].append(link)
    blind = blind_spots_of(instances)
    return {
        one.pk: World(one.version, principals[one.pk], has[one.pk], held[one.pk], blind[one.pk])
        for one in instances
    }


def securables(instances: Iterable[Instance], things: Iterable[Thing]) -> list[int]:
    """The keys of ``things`` on ``instances``, by the index of their identity."""
    rows = Securable.objects.filter(instance__in=instances, digest__in=map(identity, things))
    return list(rows.values_list("pk", flat=True))


def securables_called(parts: Sequence[str]) -> list[int]:
    """The keys of all that these names, from the outermost, may mean on the living instances."""
    instances = list(Instance.objects.living())
    engines = {one.engine_class.effective for one in instances}
    return securables(
        instances, {thing for rules in engines if rules for thing in rules.things(parts)}
    )


def identity(thing: Thing) -> str:
    return digest((thing.scope, thing.database, thing.schema, thing.name, thing.column))


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
    present = set(rows.present().values_list("pk", flat=True))
    pasts = {one.key: Past(one, one.key in present) for _, one in people(rows)}
    later: Iterable[AccountChange] = AccountChange.objects.filter(
        account__instance=instance, occurred_at__gt=at
    ).order_by("-occurred_at", "-pk")
    for change in later:
        if change.account_id in pasts:
            pasts[change.account_id].undo(change)
    return {key: past.settled() for key, past in pasts.items() if past.is_present}
