"""Which accounts hold a privilege, counted before anybody asks by which ways.

Where rights add up, a present answer is one condition on accounts: those from whom the privilege
comes, and by ``RoleClosure`` those who inherit one of them. Everything else, the past too, is
decided from the world of one instance at a time.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Case, Q, QuerySet, Value, When

from accounts.closure import depths
from accounts.effective import shortest_first
from accounts.givers import Givers, condition, counted, givers
from accounts.models import Account, Securable
from accounts.worlds import rules_of, securables, world_of, worlds_around
from instances.engines.effective import Effective, Thing, Way, World
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
    givers: Mapping[int, Givers] = field(default_factory=dict)

    def __post_init__(self) -> None:
        instances = [one.instance for one in self.cells]
        self.givers = givers(self.question.privilege, self.thing, instances)
        totals = counted(self.givers, set_role=self.question.set_role)
        for cell in self.cells:
            cell.total = totals.get(cell.instance.pk, 0)

    def accounts(self, cells: Iterable[Cell]) -> QuerySet[Account]:
        instances = [cell.instance.pk for cell in cells]
        found = condition(
            {key: self.givers[key] for key in instances}, set_role=self.question.set_role
        )
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
    """The ways of ``account``, the shortest first; by SET ROLE only where no other is certain."""
    if account not in effective.world.principals:
        return []
    ways = list(effective.ways(account, question.privilege, thing))
    if question.set_role and all(way.condition for way in ways):
        ways += effective.ways_by_set_role(account, question.privilege, thing)
    return shortest_first(ways)


# --- one by one -----------------------------------------------------------------------------


def decide(question: Question, instance: Instance, things: Sequence[Thing]) -> list[Cell]:
    """The cells of ``things``, each account of ``instance`` decided for itself."""
    rules = rules_of(instance)
    effective = rules(world_of(instance, at=question.at, about=about(question, instance, things)))
    people = sorted(effective.world.principals.values(), key=lambda one: (one.name, one.key))
    cells = []
    for thing in things:
        holds = holding(effective, question, thing)
        keys = [one.key for one in people if holds(one.key)]
        cells.append(Cell(instance, thing, len(keys), keys, effective))
    return cells


def holding(effective: Effective, question: Question, thing: Thing) -> Callable[[int], bool]:
    """Whether an account of the world has a way. Where rights add up, no ways are walked."""
    if not effective.adds_up:
        possible = effective.possible(question.privilege, thing)
        return lambda account: (
            account in possible and bool(ways_of(effective, question, account, thing))
        )
    world, roots = effective.world, effective.roots(question.privilege, thing)
    if world.everybody in roots.passed_on:
        return lambda account: True
    inheriting = depths(members(world, "inherits"), dict.fromkeys(roots.passed_on, 0))
    found = inheriting | dict.fromkeys(roots.alone, 0)
    if question.set_role:
        taking = found | dict.fromkeys(roots.taken, 0)
        found = depths(members(world, "can_set"), taking)
    return found.__contains__


def members(world: World, option: str) -> Mapping[int, set[int]]:
    """By role, who has it by a link with ``option``."""
    found: dict[int, set[int]] = defaultdict(set)
    for link in world.links:
        if getattr(link, option):
            found[link.role].add(link.member)
    return found


def about(question: Question, instance: Instance, things: Iterable[Thing]) -> Q:
    """The grants that may matter. Where rights do not add up, a pattern or a deny may, too."""
    around = {one for thing in things for one in sources(question.privilege, thing, [instance])}
    keys, rules = securables([instance], around), rules_of(instance)
    if rules.adds_up:
        return Q(securable__in=keys)
    databases = {thing.database for thing in things}
    named = Securable.objects.filter(instance=instance, scope="database")
    keys += [
        key
        for key, name in named.values_list("pk", "database")
        if any(rules.covers(name, database) for database in databases)
    ]
    on_server, inside = Q(securable__scope="server"), Q(securable__database__in=databases - {""})
    return Q(securable__in=keys) | on_server | inside


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
    # Not exclude(): no index finds what differs.
    other = Q(facts_version__lt=version) | Q(facts_version__gt=version)
    rows = Account.objects.present().filter(other, instance__in=instances)
    return set(rows.order_by().values_list("instance", flat=True).distinct())
