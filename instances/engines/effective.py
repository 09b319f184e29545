"""Who holds a privilege, and by which way: the contract between Whalefall and a kind of server.

Everything is decided from what was mirrored, with no connection. An engine says how its server
adds things up; what is common to all kinds is here.
"""

from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

MOST_ROUTES = 10
"""How many ways to the same role are told apart; the shortest come first."""

Route = tuple[int, ...]
"""The keys of the roles one goes through, from the nearest to the last; () is oneself."""


@dataclass(frozen=True, slots=True)
class Thing:
    """What a privilege is about. A part that its scope does not have is ''."""

    scope: str
    database: str = ""
    schema: str = ""
    name: str = ""
    column: str = ""


WHOLE_SERVER = Thing("server")


@dataclass(frozen=True, slots=True)
class Principal:
    """An account, a role, or everybody."""

    key: int
    name: str
    kind: str
    is_superuser: bool | None = None
    can_login: bool | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Link:
    """``member`` has ``role``; see ``MembershipRecord`` for the options."""

    key: int
    member: int
    role: int
    grantor: int | None = None
    admin_option: bool = False
    inherits: bool = True
    can_set: bool = True
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class Right:
    """One privilege that ``holder`` was given on one thing, by one grantor."""

    key: int
    holder: int
    privilege: str
    thing: Thing
    grantor: int | None = None
    grantable: bool = False
    is_denied: bool = False
    is_owner: bool = False


@dataclass
class World:
    """The principals, links and rights of a server at one moment, or what a question needs of them.

    ``blind`` names the databases whose rights are not known as a whole; '' is the server itself.
    """

    version: str
    principals: Mapping[int, Principal]
    links: Sequence[Link]
    rights: Sequence[Right]
    blind: Collection[str] = ()
    settings: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def everybody(self) -> int | None:
        """The key of the pseudo-role that everybody has; None where the server knows none."""
        return next((key for key, one in self.principals.items() if one.kind == "public"), None)

    @cached_property
    def by_name(self) -> Mapping[str, int]:
        return {one.name: key for key, one in self.principals.items()}

    @cached_property
    def rights_on(self) -> Mapping[Thing, Sequence[Right]]:
        return grouped(self.rights, lambda right: right.thing)

    @cached_property
    def rights_of(self) -> Mapping[int, Sequence[Right]]:
        return grouped(self.rights, lambda right: right.holder)

    @cached_property
    def links_of(self) -> Mapping[int, Sequence[Link]]:
        return grouped(self.links, lambda link: link.member)

    def routes(self, account: int, option: str) -> dict[int, list[Route]]:
        """Every role that ``account`` reaches over links with ``option``, and how; itself by ().

        Shortest routes first, no role twice in a route, at most ``MOST_ROUTES`` per role.
        """
        found: dict[int, list[Route]] = {account: [()]}
        queue: deque[tuple[int, Route]] = deque([(account, ())])
        while queue:
            member, route = queue.popleft()
            for role in sorted({one.role for one in self.links_of[member] if getattr(one, option)}):
                ways = found.setdefault(role, [])
                if role != account and role not in route and len(ways) < MOST_ROUTES:
                    ways.append((*route, role))
                    queue.append((role, (*route, role)))
        return found


def grouped(items: Iterable[Any], key: Any) -> Mapping[Any, Sequence[Any]]:
    groups: dict[Any, list[Any]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups


@dataclass(frozen=True, slots=True)
class Way:
    """One way in which an account comes by a privilege.

    ``route`` is the roles it goes through; ``right`` the edge at its end, or None when ``power``,
    a word of the server's such as ``SUPERUSER`` or a role of its own, gives it without one.
    ``set_role`` is how many roles of the route have to be taken by SET ROLE first.
    ``condition`` is '' for what is so in any case. Otherwise it is a word of the server's kind for
    what else it hangs on and the mirror cannot tell, so that such a way may or may not be open.
    """

    route: Route = ()
    right: Right | None = None
    power: str = ""
    grantable: bool = False
    set_role: int = 0
    condition: str = ""


@dataclass(frozen=True, slots=True)
class Roots:
    """From whom a privilege comes: ``alone`` hold it for themselves, ``passed_on`` for everybody
    who inherits them too, and the pseudo-role among those for everybody. ``taken`` may take one of
    them by SET ROLE, which no link tells.
    """

    alone: Collection[int]
    passed_on: Collection[int]
    taken: Collection[int] = ()


def families(
    rules: "type[Effective]", people: Mapping[int, Principal]
) -> Mapping[str | None, Collection[int]]:
    """The keys of ``people`` by ``kin``; those who have none are under no word."""
    words = {key: rules.kin(one) for key, one in people.items()}
    found = grouped(people, lambda key: words[key])
    return {word: keys for word, keys in found.items() if word is not None}


class Effective(ABC):
    """What the accounts of a world may do, as its kind of server would decide it."""

    adds_up: ClassVar[bool] = False
    """Whether an account holds exactly what it, or a role that it inherits, holds: then ``roots``
    tells who does, and a world needs nothing but an account and its roles."""
    powers_pass_on: ClassVar[bool] = False
    """Whether who inherits a role has its ``superuser_reasons`` and ``grant_reasons``, too."""
    holds_inside: ClassVar[bool] = False
    """Whether a right on the whole server or on a database, whose name may be a pattern in the
    style of LIKE, is also one on what is inside."""
    database_owner: ClassVar[str] = ""
    """The role that nobody is given, and that the owner of a database has there."""

    def __init__(self, world: World) -> None:
        self.world = world

    @classmethod
    @abstractmethod
    def privileges(cls, scope: str, version: str) -> Sequence[str]:
        """The words that can be granted on a thing of this scope; none for an unknown scope."""

    @classmethod
    @abstractmethod
    def sources(cls, privilege: str, thing: Thing) -> Sequence[tuple[str, Thing]]:
        """Which rights on which things may give the privilege on ``thing``, ``thing`` first.

        Also what ``reaches`` has to look at. Where a name may be a pattern, the caller adds the
        things whose pattern matches.
        """

    @classmethod
    def things(cls, parts: Sequence[str]) -> Sequence[Thing]:
        """What may be called by these names, from the outermost; () is the whole server."""
        return () if parts else (WHOLE_SERVER,)

    @classmethod
    def means(cls, asked: Thing, thing: Thing) -> bool:
        """Whether who asks about ``asked`` asks about ``thing``."""
        return asked == thing

    @classmethod
    def anchor(cls, thing: Thing) -> Thing | None:
        """What is mirrored wherever ``thing`` exists; None where rights apply to anything."""
        return None

    @classmethod
    def gates(cls, thing: Thing) -> Sequence[tuple[str, Thing]]:
        """Those of ``sources`` that only ``reaches`` looks at."""
        return ()

    def roots(self, privilege: str, thing: Thing) -> Roots:
        """Where rights add up: from whom the privilege comes. The world may lack links."""
        raise NotImplementedError

    @classmethod
    def covers(cls, named: str, database: str) -> bool:
        """Whether a right on what is ``named`` like a database may be about ``database``."""
        return named == database

    def possible(self, privilege: str, thing: Thing) -> Collection[int]:
        """Accounts among which everybody is who holds the privilege, by SET ROLE too.

        Quicker than asking for the ways of each, which leaves few of them.
        """
        return self.world.principals

    def places(self, changed: Iterable[Thing]) -> Mapping[Thing, Thing]:
        """Where a change of rights on these things may let other rights decide, each with the
        name to tell it by. Nothing where rights add up.
        """
        return {}

    @classmethod
    def kin(cls, principal: Principal) -> str | None:
        """What accounts have in common whose rights may decide for each other; None for nothing.

        The rights of one whose word is '' may decide for anybody.
        """
        return "" if principal.kind == "public" else None

    @classmethod
    @abstractmethod
    def powers(cls) -> Collection[str]:
        """The names of the server's own roles that give privileges without an edge."""

    @abstractmethod
    def ways(self, account: int, privilege: str, thing: Thing) -> Iterator[Way]:
        """Every way in which ``account`` holds the privilege without doing anything first."""

    @abstractmethod
    def reaches(self, account: int, thing: Thing) -> bool | None:
        """Whether ``account`` can get to ``thing`` at all; None when that was not read."""

    @abstractmethod
    def everything(self, account: int) -> Iterator[tuple[str, Thing, Way]]:
        """All that ``account`` holds: one entry per privilege, thing and way.

        What a power gives on things without number stands once, on the whole server.
        """

    def everything_by_set_role(self, account: int) -> Iterator[tuple[int, str, Thing, Way]]:
        """What ``account`` may do once it took one of its roles by SET ROLE.

        Each begins with whose it is then. The nearest roles come first; what it may do anyhow is
        told again.
        """
        routes = self.world.routes(account, "can_set")
        for role, ways_there in sorted(routes.items(), key=lambda item: len(item[1][0])):
            if role != account:
                for privilege, thing, way in self.everything(role):
                    route = (*ways_there[0], *way.route)
                    taken = replace(way, route=route, set_role=len(ways_there[0]))
                    yield role, privilege, thing, taken

    def ways_by_set_role(self, account: int, privilege: str, thing: Thing) -> Iterator[Way]:
        """The ways that open when ``account`` takes one of its roles by SET ROLE."""
        told = set()
        for role, routes in self.world.routes(account, "can_set").items():
            if role == account:
                continue
            for way in self.ways(role, privilege, thing):
                route = (*routes[0], *way.route)
                if (route, way.right, way.power) not in told:
                    told.add((route, way.right, way.power))
                    yield replace(way, route=route, set_role=len(routes[0]))
