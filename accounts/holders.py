"""Which accounts hold a privilege, counted before anybody asks by which ways.

Where rights add up, a present answer is one condition on accounts: those from whom the privilege
comes, and by ``RoleClosure`` those who inherit one of them. Everything else, the past too, is
decided account by account from the world of one instance.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Case, Count, Q, QuerySet, Value, When

from accounts.closure import depths
from accounts.models import Account, Grant, Membership, RoleClosure
from accounts.worlds import (
    EVERYBODY,
    identity,
    people,
    placed_rights,
    rules_of,
    securables,
    split,
    world_of,
    worlds_around,
)
from instances.engines.effective import Effective, Thing, Way
from instances.models import Instance


@dataclass(frozen=True, slots=True)
class Question:
    """May anybody do ``privilege``, now or ``at`` a moment? ``set_role``: also by SET ROLE."""

    privilege: str
    at: datetime | None = None
    set_role: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """An account that holds the privilege on ``thing``, with its ways, the shortest first."""

    instance: Instance
    account: int
    thing: Thing
    effective: Effective
    ways: Sequence[Way]

    @property
    def is_by_set_role(self) -> bool:
        return self.ways[0].set_role > 0


@dataclass(eq=False)
class Cell:
    """Those who hold the privilege on one thing of one instance."""

    instance: Instance
    thing: Thing
    total: int = 0
    accounts: Sequence[int] = ()
    """Their keys in the order of their names, where they were decided one by one."""
    effective: Effective | None = None


@dataclass(eq=False)
class Counted:
    """Cells of one thing, whose holders one condition on accounts finds."""

    question: Question
    thing: Thing
    cells: list[Cell]
    givers: Mapping[int, Effective] = field(default_factory=dict)

    def __post_init__(self) -> None:
        instances = [one.instance for one in self.cells]
        self.givers = givers(self.question.privilege, self.thing, instances)
        counts = self.accounts(self.cells).order_by().values("instance").annotate(Count("pk"))
        totals = dict(counts.values_list("instance", "pk__count"))
        for cell in self.cells:
            cell.total = totals.get(cell.instance.pk, 0)

    def accounts(self, cells: Iterable[Cell]) -> QuerySet[Account]:
        instances = [cell.instance.pk for cell in cells]
        found = condition(self.question, self.thing, {key: self.givers[key] for key in instances})
        return Account.objects.present().filter(found, instance__in=instances)

    def page(self, cells: Sequence[Cell], start: int, stop: int) -> list[Found]:
        """The holders from ``start`` to ``stop`` of ``cells``, which are in the order shown."""
        places = Case(
            *(When(instance=cell.instance.pk, then=Value(at)) for at, cell in enumerate(cells))
        )
        rows = self.accounts(cells).order_by(places, "name", "pk")[start:stop]
        keys = list(rows.values_list("pk", "instance"))
        by_key = {cell.instance.pk: cell.instance for cell in cells}
        instances = [by_key[instance] for instance in {instance for _, instance in keys}]
        around = sources(self.question.privilege, self.thing, instances)
        worlds = worlds_around(instances, [key for key, _ in keys], around)
        found = []
        for key, instance in keys:
            effective = rules_of(by_key[instance])(worlds[instance])
            # Who lost it while we asked is not there any more.
            if ways := ways_of(effective, self.question, key, self.thing):
                found.append(Found(by_key[instance], key, self.thing, effective, ways))
        return found


def sources(privilege: str, thing: Thing, instances: Iterable[Instance]) -> set[Thing]:
    return {
        one
        for rules in {rules_of(instance) for instance in instances}
        for _, one in rules.sources(privilege, thing)
    }


def ways_of(effective: Effective, question: Question, account: int, thing: Thing) -> list[Way]:
    """The ways of ``account``, the shortest first; by SET ROLE only where there is no other."""
    if account not in effective.world.principals:
        return []
    ways = list(effective.ways(account, question.privilege, thing))
    if not ways and question.set_role:
        ways = list(effective.ways_by_set_role(account, question.privilege, thing))
    return sorted(ways, key=lambda way: (len(way.route), way.route))


# --- by a condition -------------------------------------------------------------------------


def condition(question: Question, thing: Thing, giving: Mapping[int, Effective]) -> Q:
    """What an account of the instances ``giving`` must be to hold the privilege."""
    alone: set[int] = set()
    passed_on: set[int] = set()
    of_everybody: set[int] = set()
    for instance, rules in giving.items():
        roots = rules.roots(question.privilege, thing)
        alone |= set(roots.alone)
        passed_on |= set(roots.passed_on)
        if rules.world.everybody in roots.passed_on:
            of_everybody.add(instance)
    reached = RoleClosure.objects.filter(role__in=passed_on)
    if question.set_role:
        alone |= takers(alone)
    else:
        reached = reached.filter(inherits=True)
    found = Q(pk__in=alone | passed_on) | Q(pk__in=reached.values("account"))
    # The cheapest first: it settles most, where it is.
    return Q(instance__in=of_everybody) | found if of_everybody else found


def givers(privilege: str, thing: Thing, instances: Collection[Instance]) -> dict[int, Effective]:
    """By instance, a world of the rights from which the privilege may come, and of the accounts
    that count for what they are: owners, superusers, and the server's own.
    """
    rules = rules_of(next(iter(instances)))
    # A gate that is what was asked for gives it, too.
    pairs = [
        (word, one)
        for word, one in rules.sources(privilege, thing)
        if one == thing or (word, one) not in rules.gates(thing)
    ]
    about = Q()
    for word in {word for word, _ in pairs}:
        keys = securables(instances, [one for name, one in pairs if name == word])
        about |= Q(privilege=word, securable__in=keys)
    held = placed_rights(Grant.objects.open().filter(about)) if about else []
    owners = {right.holder for _, right in held if right.is_owner}
    present = Account.objects.present().filter(instance__in=instances)
    there = {
        *people(present.filter(pk__in=owners)),
        *people(present.filter(name__in={EVERYBODY, *rules.powers()})),
        *people(present.filter(is_superuser=True)),
    }
    known = {one.key for _, one in there}
    # An owner that went while we asked is not among them.
    rights = [(home, one) for home, one in held if not one.is_owner or one.holder in known]
    worlds = split(instances, there, [], rights)
    return {one.pk: rules(worlds[one.pk]) for one in instances}


def takers(superusers: Collection[int]) -> set[int]:
    """Who could become one of ``superusers`` by SET ROLE: that takes no inheriting on the way."""
    near = set(RoleClosure.objects.filter(role__in=superusers).values_list("account", flat=True))
    members: dict[int, set[int]] = defaultdict(set)
    edges = Membership.objects.open().filter(can_set=True, member__in=near)
    for member, role in edges.values_list("member", "role"):
        members[role].add(member)
    return set(depths(members, dict.fromkeys(superusers, 0)))


# --- one by one -----------------------------------------------------------------------------


def decide(question: Question, instance: Instance, things: Sequence[Thing]) -> list[Cell]:
    """The cells of ``things``, each account of ``instance`` decided for itself."""
    rules = rules_of(instance)
    effective = rules(world_of(instance, at=question.at, about=about(question, instance, things)))
    people = sorted(effective.world.principals.values(), key=lambda one: (one.name, one.key))
    cells = []
    for thing in things:
        keys = [one.key for one in people if ways_of(effective, question, one.key, thing)]
        cells.append(Cell(instance, thing, len(keys), keys, effective))
    return cells


def about(question: Question, instance: Instance, things: Iterable[Thing]) -> Q:
    """The grants that may matter. Where rights do not add up, a pattern or a deny may, too."""
    around = {one for thing in things for one in sources(question.privilege, thing, [instance])}
    found = Q(securable__digest__in=[identity(one) for one in around])
    if rules_of(instance).adds_up:
        return found
    databases = {thing.database for thing in things}
    return (
        found
        | Q(securable__scope__in=["server", "database"])
        | Q(securable__database__in=databases - {""})
    )


def page_of(cell: Cell, question: Question, start: int, stop: int) -> list[Found]:
    """The holders from ``start`` to ``stop`` of a cell that was decided one by one."""
    effective = cell.effective
    assert effective is not None
    return [
        Found(cell.instance, key, cell.thing, effective, ways)
        for key in cell.accounts[start:stop]
        if (ways := ways_of(effective, question, key, cell.thing))
    ]


def outdated(instances: Mapping[int, Instance], version: int) -> set[int]:
    """Instances whose ``RoleClosure`` was not computed by this version of Whalefall."""
    rows = Account.objects.present().exclude(facts_version=version)
    found = rows.filter(instance__in=instances).order_by().values_list("instance", flat=True)
    return set(found.distinct())
