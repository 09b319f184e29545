"""The worlds on both sides of one entry of the change log."""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from accounts.history import check_kept
from accounts.models import AccountChange
from accounts.worlds import Past, world_of
from instances.engines.effective import Link, Principal, Right, World

# The finest that a database tells moments apart.
A_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Beside:
    before: World
    after: World


def beside(change: AccountChange) -> Beside:
    """The worlds just before and just after ``change``, in which only it is different.

    Edges that came or went in the same sync without an entry, since their section is unknown, are
    as after it in both. Raises HistoryForgotten.
    """
    return Sync(change).around(change)


class Sync:
    """The worlds around the sync that ``change`` is from, and which entry tells of which edge."""

    def __init__(self, change: AccountChange) -> None:
        instance, at = change.account.instance, change.occurred_at
        self.was, self.now = world_of(instance, at=at - A_MOMENT), world_of(instance, at=at)
        check_kept(at - A_MOMENT)
        together = AccountChange.objects.filter(account__instance=instance, occurred_at=at)
        self.entries = list(together.order_by("pk"))
        self.told = {
            identity: entry.pk for entry in self.entries for identity in identities_in(entry)
        }

    def around(self, change: AccountChange) -> Beside:
        return Beside(self.after(change.pk - 1), self.after(change.pk))

    def after(self, last: int) -> World:
        """The world with the entries up to ``last``."""
        principals = self.principals(last)
        return replace(
            self.now,
            principals=principals,
            rights=[
                right
                for right in self.edges(self.was.rights, self.now.rights, last)
                if right.holder in principals
            ],
            links=[
                link
                for link in self.edges(self.was.links, self.now.links, last)
                if link.member in principals and link.role in principals
            ],
        )

    def principals(self, last: int) -> dict[int, Principal]:
        there = {**self.was.principals, **self.now.principals}
        pasts = {key: Past(one, key in self.now.principals) for key, one in there.items()}
        for entry in reversed(self.entries):
            if entry.pk > last and entry.account_id in pasts:
                pasts[entry.account_id].undo(entry)
        return {key: past.settled() for key, past in pasts.items() if past.is_present}

    def edges(self, was: Iterable[Any], now: Iterable[Any], last: int) -> Iterator[Any]:
        before = {edge.key: edge for edge in was}
        for edge in now:
            opened_by = None if before.pop(edge.key, None) else self.entry_of(edge)
            if opened_by is None or opened_by <= last:
                yield edge
        for edge in before.values():
            closed_by = self.entry_of(edge)
            if closed_by is not None and closed_by > last:
                yield edge

    def entry_of(self, edge: Right | Link) -> int | None:
        """The key of the entry that tells of ``edge``; its names are those of either world."""
        for grantor in self.names(edge.grantor):
            for identity in self.identities(edge, grantor):
                if identity in self.told:
                    return self.told[identity]
        return None

    def identities(self, edge: Right | Link, grantor: str | None) -> Iterator[Hashable]:
        if isinstance(edge, Link):
            yield from ((edge.member, role, grantor) for role in self.names(edge.role))
            return
        thing = edge.thing
        yield (
            *(edge.holder, edge.privilege, edge.is_denied, grantor),
            *(thing.scope, thing.database, thing.schema, thing.name, thing.column),
        )

    def names(self, key: int | None) -> set[str | None]:
        if key is None:
            return {None}
        worlds = (self.was, self.now)
        return {world.principals[key].name for world in worlds if key in world.principals}


def identities_in(entry: AccountChange) -> Iterator[Hashable]:
    """What makes each edge of an entry the one that it is, whatever its options."""
    for edge in entry.diff.get("memberships", ()):
        yield (entry.account_id, edge["role"], edge["grantor"])
    for edge in entry.diff.get("grants", ()):
        yield (
            *(entry.account_id, edge["privilege"], edge["denied"], edge["grantor"]),
            *(edge["scope"], edge["database"], edge["schema"], edge["object"], edge["column"]),
        )
