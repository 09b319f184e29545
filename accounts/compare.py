"""Compare a reading with the mirror: no writes and no clock.

Equal fingerprints end it early. For an account that differs, its open edges are compared with
those of the reading. Where a reading does not know, the mirror's own edges stand in.
"""

import marshal
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256

from accounts.diffs import account_line, attribute_lines, grant_line, membership_line
from accounts.edges import Edge, Edges, StoredEdge, collect_edges, gather, identity, renamed
from accounts.matching import Matching, match
from accounts.models import Account
from accounts.sections import Knowledge
from accounts.stored import Stored, StoredMembership
from instances.engines.base import (
    AccountRecord,
    AccountsReading,
    GrantRecord,
    MembershipRecord,
)
from instances.engines.errors import UnusableAnswer


@dataclass(slots=True)
class EdgeChanges:
    """What became different in one account's edges.

    A ``changed`` edge is the same one with other options: stored before, record after.
    """

    opened: list[Edge] = field(default_factory=list)
    closed: list[StoredEdge] = field(default_factory=list)
    changed: list[tuple[StoredEdge, Edge]] = field(default_factory=list)


@dataclass(slots=True)
class Comparison:
    """Everything in which a reading differs from the mirror."""

    matching: Matching
    knowledge: Knowledge
    fingerprints: dict[str, str]
    edges: dict[str, Edges]
    differing: list[tuple[AccountRecord, Account]]
    changes: dict[str, EdgeChanges]
    ended: dict[int, list[StoredEdge]]
    """By the key of an account that is gone: the edges that end with it."""

    def lost_edges(self) -> int:
        """How many edges the mirror would lose."""
        ended = sum(map(len, self.ended.values()))
        return ended + sum(len(change.closed) for change in self.changes.values())

    def memberships_changed(self) -> bool:
        """Whether the graph of roles became another one."""
        touched: list[Edge | StoredEdge] = [edge for edges in self.ended.values() for edge in edges]
        for change in self.changes.values():
            touched += [*change.opened, *change.closed, *(edge for _, edge in change.changed)]
        return any(isinstance(edge, MembershipRecord | StoredMembership) for edge in touched)


def compare(stored: Stored, reading: AccountsReading, *, at: datetime) -> Comparison:
    """How the mirror would have to change to equal ``reading``.

    Raises UnusableAnswer when the reading contradicts itself.
    """
    check(reading)
    knowledge = Knowledge(stored, reading)
    return compare_fingerprints(stored, reading, knowledge) or compare_in_full(
        stored, reading, knowledge, at=at
    )


def compare_fingerprints(
    stored: Stored, reading: AccountsReading, knowledge: Knowledge
) -> Comparison | None:
    """The comparison of an unchanged server, without building a row; None when anything differs.

    Only logins may be newer: they are evidence, and have no part in a fingerprint.
    """
    if not knowledge.is_settled:
        return None
    edges, orphans = gather(reading, {record.name for record in reading.accounts})
    if orphans:
        return None
    fingerprints = {
        record.name: fingerprint(record, edges[record.name]) for record in reading.accounts
    }
    if stored.fingerprints() != fingerprints:
        return None
    seen = {one.name: one for one in reading.accounts if one.last_login_at is not None}
    kept = [(seen[row.name], row) for row in stored.named(seen)]
    return Comparison(Matching(kept=kept), knowledge, fingerprints, edges, [], {}, {})


def compare_in_full(
    stored: Stored, reading: AccountsReading, knowledge: Knowledge, *, at: datetime
) -> Comparison:
    matching = match(
        stored,
        reading.accounts,
        is_known=knowledge.knows("accounts"),
        is_upgrade=knowledge.is_upgrade,
        at=at,
    )
    matching.stand_in_for_unseen()
    edges = collect_edges(stored, reading, matching, knowledge)
    fingerprints = {
        record.name: fingerprint(record, edges[record.name]) for record, _ in matching.present
    }
    kept = {id(row) for _, row in matching.kept}
    differing = [
        (record, row)
        for record, row in matching.present
        if id(row) not in kept or row.fingerprint != fingerprints[record.name]
    ]
    changes, ended = compare_edges(stored, matching, differing, edges)
    return Comparison(matching, knowledge, fingerprints, edges, differing, changes, ended)


def check(reading: AccountsReading) -> None:
    names = [account.name for account in reading.accounts]
    native_ids = [account.native_id for account in reading.accounts if account.native_id]
    for words in (names, native_ids):
        twice = [word for word, number in Counter(words).items() if number > 1]
        if twice:
            raise UnusableAnswer(f"The server listed {twice[0]!r} twice; nothing was changed.")


def fingerprint(account: AccountRecord, edges: Edges) -> str:
    """SHA-256 over what an account is and may do; order and repetition have no part in it."""
    lines = (
        account_line(account),
        attribute_lines(account.attributes),
        sorted(set(map(grant_line, edges.grants))),
        sorted(set(map(membership_line, edges.memberships))),
    )
    # JSON would take a quiet sync a seventh longer. Equal lines are equal bytes: this version of
    # the format has no references. Should a Python write others, one sync compares in full.
    return sha256(marshal.dumps(lines, 2)).hexdigest()


def compare_edges(
    stored: Stored,
    matching: Matching,
    differing: Collection[tuple[AccountRecord, Account]],
    edges: dict[str, Edges],
) -> tuple[dict[str, EdgeChanges], dict[int, list[StoredEdge]]]:
    """What changed on the accounts that differ, and what ended with those that are gone."""
    now = {row.pk: name for name, row in matching.by_name.items() if row.pk is not None}
    gone = {row.pk for row in matching.gone}
    kept = {row.pk for _, row in matching.kept}
    wanted = gone | {row.pk for _, row in differing if row.pk in kept}
    before: dict[int, list[StoredEdge]] = defaultdict(list)
    if wanted:
        for grant in stored.grants(wanted):
            before[grant.account].append(grant)
        for membership in stored.memberships(wanted):
            before[membership.member].append(membership)
    changes = {
        record.name: edge_changes(before.get(row.pk, []), edges[record.name].all(), now)
        for record, row in differing
    }
    return changes, {pk: before[pk] for pk in gone}


def edge_changes(
    before: Iterable[StoredEdge], after: Iterable[Edge], now: dict[int, str]
) -> EdgeChanges:
    changes = EdgeChanges()
    wanted: dict[Hashable, Edge] = {}
    for edge in after:
        key = identity(edge)
        wanted[key] = merged(wanted[key], edge) if key in wanted else edge
    for stored_edge in before:
        edge_now = renamed(stored_edge, now)
        new = None if edge_now is None else wanted.pop(identity(edge_now), None)
        if new is None:
            changes.closed.append(stored_edge)
        elif new != edge_now:
            changes.changed.append((stored_edge, new))
    changes.opened.extend(wanted.values())
    return changes


def merged(one: Edge, other: Edge) -> Edge:
    """Two records of the same edge: what either allows."""
    return replace(one, **{name: getattr(one, name) or getattr(other, name) for name in flags(one)})


def flags(edge: Edge) -> tuple[str, ...]:
    if isinstance(edge, GrantRecord):
        return ("grantable", "is_owner")
    return ("admin_option", "inherits", "can_set", "is_default")
