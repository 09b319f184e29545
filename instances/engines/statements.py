"""How a kind of server is told to take an edge away, and to give it back.

Pure functions of what was mirrored. The texts are for a person to run: nothing here connects.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from instances.engines.effective import Effective, Link, Right, Thing, Way, World


@dataclass(frozen=True, slots=True)
class Attribute:
    """A word of the server's, such as SUPERUSER, that ``holder`` has without an edge."""

    holder: int
    word: str


Edge = Right | Link | Attribute


@dataclass(frozen=True, slots=True)
class Statement:
    """A text to be run as one. ``database`` is where one has to be connected, '' for anywhere."""

    database: str
    sql: str


class Statements(ABC):
    """The statements about the edges of ``world``, for somebody who may run anything.

    ``native_ids`` are the server's own ids of the principals, as mirrored.
    """

    def __init__(self, world: World, native_ids: Mapping[int, str | None]) -> None:
        self.world = world
        self.native_ids = native_ids

    @abstractmethod
    def attribute(self, holder: int, way: Way) -> Attribute | None:
        """The attribute of ``holder`` that the way's power comes from; None for other powers."""

    @abstractmethod
    def fixed(self, edge: Edge) -> str:
        """Why no statement takes ``edge`` away, as a sentence; '' where one does."""

    @abstractmethod
    def falls(self, removed: Collection[Edge]) -> set[Edge]:
        """What can't stay without ``removed``, as far as it hangs on them directly."""

    @abstractmethod
    def in_order(self, edges: Collection[Edge]) -> Sequence[Edge]:
        """``edges`` so that each can go, and in the opposite order each can come back."""

    @abstractmethod
    def take(self, edge: Edge) -> Statement:
        """What takes away exactly ``edge``. It must not be ``fixed``."""

    @abstractmethod
    def give(self, edge: Edge) -> Statement:
        """What restores exactly ``edge``, its grantor and options included."""

    def without(self, world: World, edges: Collection[Edge]) -> World:
        """``world``, which may be a part of this one, after the statements that take ``edges``."""
        return without(world, edges)

    def undo(self, edges: Sequence[Edge]) -> Sequence[Statement]:
        """What restores ``edges``, which were taken in this order."""
        return [self.give(edge) for edge in reversed(edges)]

    @abstractmethod
    def comes_back(
        self, effective: Effective, account: int, privilege: str, thing: Thing, *, set_role: bool
    ) -> str:
        """How ``account``, who has the privilege no more, can give it to itself again, or ''."""


def without(world: World, edges: Collection[Edge]) -> World:
    """``world`` after ``edges`` were taken away."""
    gone = {edge.holder for edge in edges if isinstance(edge, Attribute)}
    return replace(
        world,
        principals={
            key: replace(one, is_superuser=False) if key in gone else one
            for key, one in world.principals.items()
        },
        links=[one for one in world.links if one not in edges],
        rights=[one for one in world.rights if one not in edges],
    )
