"""Turn a comparison into entries of the change log, each with its cause."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from accounts.compare import Comparison, EdgeChanges, flags
from accounts.diffs import UNSEEN, attribute_diff, grant_words, membership_words
from accounts.edges import Edge, StoredEdge
from accounts.models import Account, AccountChange
from accounts.stored import Stored, StoredGrant, StoredMembership
from instances.engines.base import AccountRecord, GrantRecord

Kind = AccountChange.Kind
Cause = AccountChange.Cause
NOTHING: dict[str, Any] = {}
"""The diff of everybody's first entry; one object, so that it is stored as one."""


Entry: TypeAlias = dict[str, Any]
"""An ``AccountChange`` to be stored: its columns by name, with the account's row, which need not
have its key yet."""


class ChangeLog:
    """The entries of one comparison, not yet stored."""

    def __init__(
        self, stored: Stored, comparison: Comparison, *, session: UUID, at: datetime
    ) -> None:
        self.comparison = comparison
        self.knowledge = comparison.knowledge
        self.session = session
        self.at = at
        self.gone = {row.pk for row in comparison.matching.gone}
        self.words_before: set[str] = set()
        self.words_now: set[str] = set()
        if self.knowledge.is_upgrade:
            self.words_before = {grant.record.privilege for grant in stored.grants()}
            self.words_now = {grant.privilege for grant in self.knowledge.reading.grants}

    def entries(self) -> Iterator[Entry]:
        """One per account and kind and cause; none about what the reading does not know."""
        matching = self.comparison.matching
        if self.knowledge.knows("accounts"):
            for kind, pairs in (
                (Kind.ADDED, matching.added),
                (Kind.RESTORED, matching.restored),
                (Kind.RECREATED, matching.recreated),
            ):
                for record, row in pairs:
                    yield self.appeared(kind, record, row)
            for row in matching.gone:
                edges = self.comparison.ended[row.pk]
                cause = self.presence_cause(is_system=row.is_system)
                yield self.entry(row, Kind.REMOVED, cause, words(edges))
        new = {row.name for _, row in (*matching.added, *matching.recreated)}
        new |= {record.name for record, _ in matching.restored}
        for record, row in self.comparison.differing:
            if record.name not in new:
                yield from self.differed(record, row)

    def appeared(self, kind: str, record: AccountRecord, row: Account) -> Entry:
        """The entry of a new account. At the first reading its edges are those of that moment."""
        if not self.knowledge.was_ever_read:
            return self.entry(row, kind, Cause.FIRST_SEEN, NOTHING)
        cause = self.presence_cause(is_system=record.is_system)
        opened = self.comparison.changes[record.name].opened
        return self.entry(row, kind, cause, words(opened))

    def presence_cause(self, *, is_system: bool) -> str:
        """Why an account may have come or gone."""
        if self.knowledge.came_into_sight("accounts"):
            return Cause.VISIBILITY
        if self.knowledge.is_upgrade and is_system:
            return Cause.ENGINE_UPGRADE
        return Cause.OBSERVED

    def differed(self, record: AccountRecord, row: Account) -> Iterator[Entry]:
        if self.knowledge.knows("accounts"):
            yield from self.attributes(record, row)
        for (kind, cause), diff in self.by_cause(self.comparison.changes[record.name]).items():
            yield self.entry(row, kind, cause, diff)

    def attributes(self, record: AccountRecord, row: Account) -> Iterator[Entry]:
        seen = Cause.VISIBILITY if self.knowledge.came_into_sight("accounts") else Cause.OBSERVED
        if record.name != row.name:
            diff = {"attributes": {"name": [row.name, record.name]}}
            yield self.entry(row, Kind.RENAMED, seen, diff)
        unseen = row.attributes.get(UNSEEN, ())
        by_cause: dict[str, dict[str, list[Any]]] = defaultdict(dict)
        for name, (before, after) in attribute_diff(record, row).items():
            cause: str = seen
            if name in unseen:
                cause = Cause.VISIBILITY
            elif before is None and self.knowledge.is_upgrade:
                cause = Cause.ENGINE_UPGRADE
            by_cause[cause][name] = [before, after]
        for cause, values in by_cause.items():
            yield self.entry(row, Kind.ATTRIBUTES, cause, {"attributes": values})

    def by_cause(self, changes: EdgeChanges) -> dict[tuple[str, str], dict[str, Any]]:
        """``{(kind, cause): diff}`` of the edges whose section is known."""
        sorted_edges: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for edge in changes.opened:
            cause = self.cause(edge, self.words_before)
            sorted_edges[Kind.GRANTED, cause].append(document(edge))
        for stored_edge in changes.closed:
            cause = self.cause_of_end(stored_edge)
            sorted_edges[Kind.REVOKED, cause].append(document(stored_edge.record))
        for stored_edge, edge in changes.changed:
            cause = self.cause(edge, {getattr(edge, "privilege", "")})
            kind, was = option_change(stored_edge.record, edge)
            sorted_edges[kind, cause].append({**document(edge), "was": was})
        return {
            (kind, cause): gathered(edges) for (kind, cause), edges in sorted_edges.items() if cause
        }

    def cause(self, edge: Edge, familiar_words: set[str]) -> str:
        """Why an edge may have changed; '' where its section is unknown, so that nobody is told."""
        place = self.knowledge.place(edge)
        if not self.knowledge.knows(*place):
            return ""
        if self.knowledge.came_into_sight(*place):
            return Cause.VISIBILITY
        if (
            self.knowledge.is_upgrade
            and isinstance(edge, GrantRecord)
            and edge.privilege not in familiar_words
        ):
            return Cause.ENGINE_UPGRADE
        return Cause.OBSERVED

    def cause_of_end(self, edge: StoredEdge) -> str:
        """Likewise; an edge can't outlive its ends or its database, wherever we may look."""
        if not self.gone.isdisjoint(edge.ends):
            return self.presence_cause(is_system=False)
        if self.knowledge.is_gone(*self.knowledge.place(edge.record)):
            return Cause.OBSERVED
        return self.cause(edge.record, self.words_now)

    def entry(self, row: Account, kind: str, cause: str, diff: dict[str, Any]) -> Entry:
        return entry(row, kind, cause, diff, session=self.session, at=self.at)


def entry(
    row: Account, kind: str, cause: str, diff: dict[str, Any], *, session: UUID | None, at: datetime
) -> Entry:
    # A first load has thousands: to make model objects of them would take it a tenth longer.
    return {
        "account": row,
        "session_id": session,
        "kind": kind,
        "cause": cause,
        "diff": diff,
        "occurred_at": at,
    }


def option_change(before: Edge, after: Edge) -> tuple[str, dict[str, bool]]:
    """Whether an edge with other options allows more or less, and what the options were."""
    was = {
        name: getattr(before, name)
        for name in flags(after)
        if getattr(before, name) != getattr(after, name)
    }
    gained = any(not value for value in was.values())
    return (Kind.GRANTED if gained else Kind.REVOKED), was


def document(edge: Edge) -> dict[str, Any]:
    return grant_words(edge) if isinstance(edge, GrantRecord) else membership_words(edge)


def words(edges: Iterable[Edge | StoredEdge]) -> dict[str, Any]:
    return gathered(
        [
            document(edge.record if isinstance(edge, StoredGrant | StoredMembership) else edge)
            for edge in edges
        ]
    )


def gathered(edges: list[dict[str, Any]]) -> dict[str, Any]:
    """A diff of edge documents, in an order that no server decides."""
    edges = sorted(edges, key=lambda edge: sorted((key, str(value)) for key, value in edge.items()))
    diff = {
        "grants": [edge for edge in edges if "privilege" in edge],
        "memberships": [edge for edge in edges if "role" in edge],
    }
    return {name: some for name, some in diff.items() if some}
