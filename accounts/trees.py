"""The ways to a privilege as a small tree: whom one goes through, and what gives it at the end."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain

from django.utils.translation import gettext_lazy as _

from accounts.models import Grant, Membership
from accounts.objects import object_text
from instances.engines.effective import Principal, Thing, Way, World

MOST_WAYS = 20
"""How many ways are drawn at once; the others are folded away."""

# The words of the engines' rules.
DOUBTS = {
    "CLIENT HOST": _("depends on the client's host"),
    "AMBIGUOUS": _("ambiguous: several rows are equally specific, and which one decides changes"),
    "NO SUCH ACCOUNT": _("about an account that is not there; it has it once somebody makes it"),
    "SET ROLE NONE": _("once it gives up its active roles, whose rows hide it"),
}


@dataclass(eq=False, slots=True)
class Branch:
    """A line of a tree: a role one goes through, or with ``way`` what gives the privilege.

    ``account`` is who the line names, None where it need not be said again; ``place`` is a thing
    likewise, as ``parse_object`` reads it, ``doubt`` what else it hangs on, and ``grantor`` who
    gave it, '' where the server does not tell. ``edges`` are the keys of the memberships or grants
    behind it, ``first_since`` and ``last_since`` when the first and the last of them began; None
    for what no edge gives.
    """

    account: Principal | None = None
    way: Way | None = None
    is_taken: bool = False
    is_everybody: bool = False
    scope: str = ""
    place: str = ""
    doubt: object = ""
    grantor: str = ""
    edges: set[int] = field(default_factory=set)
    first_since: datetime | None = None
    last_since: datetime | None = None
    branches: "dict[Hashable, Branch]" = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Line:
    """A branch as it is written down: ``opens`` a list before it, ``closes`` so many after it."""

    branch: Branch
    opens: bool
    closes: range


def tree(world: World, account: int, ways: Iterable[Way], about: Thing | None = None) -> Branch:
    """What leads ``account`` to a privilege; a thing other than ``about`` is named at the end."""
    root = Branch(world.principals[account])
    for way in ways:
        end = root
        for number, role in enumerate(way.route):
            member = way.route[number - 1] if number else account
            is_taken = number < way.set_role
            end = end.branches.setdefault(
                ("role", role, is_taken), Branch(world.principals[role], is_taken=is_taken)
            )
            end.edges |= {link.key for link in world.links_of[member] if link.role == role}
        leaf = end.branches.setdefault(shape(way), leaf_of(world, account, way, about))
        if way.right:
            leaf.edges.add(way.right.key)
    return root


def shape(way: Way) -> Hashable:
    """What two ways have in common that are told in the same words, whatever the privilege."""
    right = way.right
    given = right and (right.holder, right.grantor, right.thing, right.is_denied, right.is_owner)
    return way.route, way.set_role, given, way.power, way.grantable, way.condition


def leaf_of(world: World, account: int, way: Way, about: Thing | None) -> Branch:
    leaf = Branch(way=way, doubt=DOUBTS.get(way.condition, way.condition))
    if right := way.right:
        if right.thing != about:
            leaf.scope, leaf.place = right.thing.scope, place_of(right.thing)
        if right.holder != (way.route[-1] if way.route else account):
            leaf.account = world.principals[right.holder]
            leaf.is_everybody = right.holder == world.everybody
    return leaf


def place_of(thing: Thing) -> str:
    """The name of ``thing`` as ``parse_object`` reads it."""
    parts = (thing.database, thing.schema, thing.name, thing.column)
    return object_text(part for part in parts if part)


@dataclass(eq=False, slots=True)
class Drawing:
    """The first ways to a privilege, and the rest, which is folded away."""

    first: Branch
    rest: Branch | None
    rest_number: int

    @property
    def first_lines(self) -> "list[Line]":
        return lines(self.first)

    @property
    def rest_lines(self) -> "list[Line]":
        return lines(self.rest) if self.rest else []


def drawing(
    world: World, account: int, alike: Iterable[Sequence[Way]], about: Thing | None = None
) -> Drawing:
    """Of privileges that are come by in the same ways: ``alike`` has those of each."""
    alike = list(alike)
    rest = [way for ways in alike for way in ways[MOST_WAYS:]]
    return Drawing(
        tree(world, account, (way for ways in alike for way in ways[:MOST_WAYS]), about),
        tree(world, account, rest, about) if rest else None,
        max(len(ways) for ways in alike) - MOST_WAYS,
    )


def lines(root: Branch) -> list[Line]:
    """The branches below ``root`` in the order of reading."""
    return list(_lines(root, 0))


def _lines(branch: Branch, open_lists: int) -> Iterator[Line]:
    below = list(branch.branches.values())
    for number, one in enumerate(below):
        is_last = number == len(below) - 1
        closes = open_lists + 1 if is_last else 0
        if not one.branches:
            yield Line(one, number == 0, range(closes))
            continue
        yield Line(one, number == 0, range(0))
        yield from _lines(one, closes)


def date_and_sign(drawings: Iterable[Drawing]) -> None:
    """Say of every branch since when it is, and of grants by whom, in two queries."""
    trees = [one for drawn in drawings for one in (drawn.first, drawn.rest) if one]
    branches = list(chain.from_iterable(map(every, trees)))
    given = [one for one in branches if one.way]
    through = [one for one in branches if not one.way]
    grants = Grant.objects.filter(pk__in=edges_of(given)).order_by()
    memberships = Membership.objects.filter(pk__in=edges_of(through)).order_by()
    rows = list(grants.values_list("pk", "valid_from", "grantor__name"))
    names = {key: name or "" for key, _since, name in rows}
    for one in given:
        one.grantor = next((names[key] for key in one.edges if key in names), "")
    begun(given, {key: since for key, since, _name in rows})
    begun(through, dict(memberships.values_list("pk", "valid_from")))


def edges_of(branches: Iterable[Branch]) -> set[int]:
    return {key for one in branches for key in one.edges}


def begun(branches: Iterable[Branch], moments: Mapping[int, datetime]) -> None:
    for one in branches:
        known = [moments[key] for key in one.edges if key in moments]
        one.first_since = min(known, default=None)
        one.last_since = max(known, default=None)


def every(branch: Branch) -> Iterator[Branch]:
    for one in branch.branches.values():
        yield one
        yield from every(one)
