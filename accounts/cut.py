"""The cheapest set of edges without which an account has a privilege no more: a minimum cut.

Each way to the privilege has to be broken somewhere: at its end (the right, per grantor) or at one
of its memberships (all grantors' together). What can't stay without an edge goes with it and is
counted. The search takes a way that is still open, tries each of its breaks, and asks the rules
again on the world without them, so that a cut is verified and the ways need not be known at first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from accounts.effects import Effect, compared, concerned
from accounts.moments import Beside
from instances.engines.effective import Effective, Link, Thing, Way, World, families
from instances.engines.statements import Attribute, Edge, Statements

MOST_WORLDS = 400
"""After so many, the best cut that was found stands: good and verified, but maybe not the least."""

MOST_TIES = 12
"""So many cuts of the same number of statements are compared by what else they take away."""

Edges = frozenset[Edge]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Take ``privilege`` on ``things`` from ``account``, and by SET ROLE too with ``set_role``."""

    account: int
    privilege: str
    things: Sequence[Thing]
    set_role: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """``edges`` in the order to take them, and what else that does.

    ``is_least``: nothing cheaper exists. ``obstacles``: why it is impossible (no edges then), or
    how the account can undo it.
    """

    edges: Sequence[Edge]
    effect: Effect
    is_least: bool = True
    obstacles: Sequence[str] = ()


def least_cut(
    rules: type[Effective],
    statements: Statements,
    wanted: Wanted,
    reasons: Sequence[str] = (),
) -> Cut:
    """``reasons``: why more may be lost than the world of ``statements`` knows."""
    search = Search(rules, statements, wanted)
    found = search.run()
    if not found:
        return Cut((), Effect(), obstacles=sorted(search.reasons))
    tied = [judged(rules, statements, wanted, one, reasons) for one in found[:MOST_TIES]]
    best = min(tied, key=lambda one: (len(one.obstacles), len(one.effect.lost)))
    # Where rights do not add up, a way may hang on more than the edges that it goes over.
    is_sure = rules.adds_up or len(best.edges) == 1
    return replace(best, is_least=is_sure and search.is_whole and len(found) == len(tied))


def judged(
    rules: type[Effective],
    statements: Statements,
    wanted: Wanted,
    edges: Edges,
    reasons: Sequence[str],
) -> Cut:
    """A cut with all that it does, and what the account can do about it."""
    after = rules(statements.without(statements.world, edges))
    asked = (wanted.account, wanted.privilege)
    back = {
        statements.comes_back(after, *asked, thing, set_role=wanted.set_role)
        for thing in wanted.things
    }
    effect = side_effect(rules, statements, wanted, edges, reasons)
    return Cut(statements.in_order(edges), effect, obstacles=sorted(back - {""}))


def side_effect(
    rules: type[Effective],
    statements: Statements,
    wanted: Wanted,
    edges: Edges,
    reasons: Sequence[str],
) -> Effect:
    """What goes and comes beside what is wanted, with everybody whom it concerns."""
    if not edges:
        return Effect(reasons=reasons)
    world = statements.world
    beside = Beside(world, statements.without(world, edges))
    near = set[int]()
    for edge in edges:
        near |= concerned(rules, beside, edge.member if isinstance(edge, Link) else edge.holder)
    effect = compared(rules, beside, sorted(near), reasons)
    name = world.principals[wanted.account].name
    lost = [
        one
        for one in effect.lost
        if (one.account, one.privilege) != (name, wanted.privilege)
        or not any(rules.means(asked, one.thing) for asked in wanted.things)
    ]
    return replace(effect, lost=tuple(lost))


def keys(edges: Edges) -> list[tuple[str, int]]:
    return sorted(
        (type(one).__name__, one.holder if isinstance(one, Attribute) else one.key) for one in edges
    )


class Search:
    """All cuts with the fewest statements. ``is_whole`` says whether it looked everywhere."""

    def __init__(self, rules: type[Effective], statements: Statements, wanted: Wanted) -> None:
        self.rules = rules
        self.statements = statements
        self.wanted = wanted
        self.world = self.near_world()
        self.seen: set[Edges] = set()
        self.best: list[Edges] = []
        self.is_whole = True
        self.reasons: set[str] = set()

    def near_world(self) -> World:
        """Where rights add up, those of the things in question decide alone."""
        world, wanted = self.statements.world, self.wanted
        if not self.rules.adds_up:
            return self.world_of_kin()
        places = {
            place
            for thing in wanted.things
            for _, place in self.rules.sources(wanted.privilege, thing)
        }
        return replace(world, rights=[one for one in world.rights if one.thing in places])

    def world_of_kin(self) -> World:
        """The account and its roles, with everybody whose rights may decide for one of them."""
        world = self.statements.world
        kin = families(self.rules, world.principals)
        near: set[int] = set()
        waiting = {self.wanted.account, *kin.get("", ())}
        while waiting:
            near |= waiting
            roles = {link.role for one in waiting for link in world.links_of[one]}
            words = {self.rules.kin(world.principals[one]) for one in waiting}
            found = roles.union(*(kin.get(word, ()) for word in words))
            waiting = found & world.principals.keys() - near
        return replace(
            world,
            principals={key: one for key, one in world.principals.items() if key in near},
            links=[one for one in world.links if one.member in near and one.role in near],
            rights=[one for one in world.rights if one.holder in near],
        )

    def run(self) -> list[Edges]:
        """Nothing where a way can't be broken, for the ``reasons`` found."""
        first = self.greedy()
        self.best = [] if first is None else [first]
        self.explore(frozenset())
        return sorted(self.best, key=keys)

    def is_worse(self, cost: int) -> bool:
        return bool(self.best) and cost > len(self.best[0])

    def open_ways(self, removed: Edges) -> list[Way]:
        effective = self.rules(self.statements.without(self.world, removed))
        account, privilege = self.wanted.account, self.wanted.privilege
        found: list[Way] = []
        for thing in self.wanted.things:
            found += effective.ways(account, privilege, thing)
            if self.wanted.set_role:
                found += effective.ways_by_set_role(account, privilege, thing)
        return found

    def breaks(self, way: Way, removed: Edges) -> list[Edges]:
        """Each way to break ``way``, with what falls, the cheapest first."""
        found = []
        for edges in self.parts(way, removed):
            fallen = self.with_what_falls(removed | edges)
            fixed = {self.statements.fixed(edge) for edge in fallen - removed} - {""}
            if fixed:
                self.reasons |= fixed
            else:
                found.append(fallen)
        return sorted(found, key=lambda one: (len(one), keys(one)))

    def parts(self, way: Way, removed: Edges) -> list[Edges]:
        """The memberships of each step, and what gives the privilege at the end."""
        found: list[Edges] = []
        member = self.wanted.account
        for number, role in enumerate(way.route):
            option = "can_set" if number < way.set_role else "inherits"
            step = frozenset(
                link
                for link in self.world.links_of[member]
                if link.role == role and getattr(link, option) and link not in removed
            )
            found += [step] if step else []
            member = role
        taken = way.route[way.set_role - 1] if way.set_role else self.wanted.account
        end = way.right or self.statements.attribute(taken, way)
        return [*found, frozenset([end])] if end else found

    def with_what_falls(self, edges: Edges) -> Edges:
        while True:
            more = edges | self.statements.falls(edges)
            if more == edges:
                return edges
            edges = more

    def greedy(self) -> Edges | None:
        """Break the way that is most in need of it at its cheapest place, until none is open."""
        removed: Edges = frozenset()
        while ways := self.open_ways(removed):
            fewest = min((self.breaks(way, removed) for way in ways), key=len)
            if not fewest:
                return None
            removed = fewest[0]
        return removed

    def explore(self, removed: Edges) -> None:
        if removed in self.seen or self.is_worse(len(removed)):
            return
        if len(self.seen) >= MOST_WORLDS:
            self.is_whole = False
            return
        self.seen.add(removed)
        ways = self.open_ways(removed)
        if not ways:
            if self.best and len(removed) < len(self.best[0]):
                self.best = []
            if removed not in self.best:
                self.best.append(removed)
        elif not self.is_worse(len(removed) + 1):
            for one in min((self.breaks(way, removed) for way in ways), key=len):
                self.explore(one)
