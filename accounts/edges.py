"""What accounts have, as far as anybody knows: the edges of a reading, and the mirror's own
where the reading does not know."""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from accounts.matching import Matching
from accounts.sections import Knowledge
from accounts.stored import Stored, StoredGrant, StoredMembership
from instances.engines.base import AccountsReading, GrantRecord, MembershipRecord
from whalefall.core.fallbacks import FallbackReason, log_fallback

Edge = GrantRecord | MembershipRecord
StoredEdge = StoredGrant | StoredMembership
AnyEdge = TypeVar("AnyEdge", GrantRecord, MembershipRecord)


@dataclass(slots=True)
class Edges:
    """The edges of one account, as records in the names of now."""

    grants: list[GrantRecord] = field(default_factory=list)
    memberships: list[MembershipRecord] = field(default_factory=list)

    def all(self) -> list[Edge]:
        return [*self.grants, *self.memberships]


def collect_edges(
    stored: Stored, reading: AccountsReading, matching: Matching, knowledge: Knowledge
) -> dict[str, Edges]:
    """The edges of every present account, by its name of now."""
    edges, orphans = gather(_in_names_of(matching, reading), matching.by_name)
    if orphans:
        log_fallback("edges_skipped", FallbackReason.ORPHAN_EDGE, edges=orphans)
    if knowledge.has_unknown_edges:
        _stand_in(stored, matching, knowledge, edges)
    return edges


def gather(reading: AccountsReading, names: Collection[str]) -> tuple[dict[str, Edges], int]:
    """The edges of a reading by the account they belong to, and how many have no account.

    An account that came or went while we read is not in ``names``; the next reading settles it.
    """
    edges: dict[str, Edges] = defaultdict(Edges)
    orphans = 0
    for grant in reading.grants:
        if grant.account in names and (grant.grantor is None or grant.grantor in names):
            edges[grant.account].grants.append(grant)
        else:
            orphans += 1
    for one in reading.memberships:
        given = one.grantor is None or one.grantor in names
        if given and one.member in names and one.role in names:
            edges[one.member].memberships.append(one)
        else:
            orphans += 1
    return edges, orphans


def _in_names_of(matching: Matching, reading: AccountsReading) -> AccountsReading:
    """``reading`` in the names that the mirror keeps until a rename is known for certain."""
    if not matching.aliases:
        return reading

    def aliased(edge: AnyEdge) -> AnyEdge:
        ends = {end: getattr(edge, end, None) for end in ("account", "member", "role", "grantor")}
        return replace(
            edge,
            **{end: matching.aliases.get(name, name) for end, name in ends.items() if name},
        )

    return replace(
        reading,
        grants=[*map(aliased, reading.grants)],
        memberships=[*map(aliased, reading.memberships)],
    )


def _stand_in(
    stored: Stored, matching: Matching, knowledge: Knowledge, edges: dict[str, Edges]
) -> None:
    """Add the mirror's open edges of every unknown section, instead of those that we saw again.

    What we see of an unknown section tells that an edge is there, but not all about it.
    """
    now = {row.pk: name for name, row in matching.by_name.items()}
    grants: dict[str, dict[Hashable, GrantRecord]] = defaultdict(dict)
    memberships: dict[str, dict[Hashable, MembershipRecord]] = defaultdict(dict)
    stand_ins: list[StoredEdge] = [*stored.grants(), *stored.memberships()]
    for stand_in in stand_ins:
        if knowledge.knows_edge(stand_in.record):
            continue
        edge = renamed(stand_in, now)
        if isinstance(edge, GrantRecord):
            grants[edge.account][identity(edge)] = edge
        elif edge is not None:
            memberships[edge.member][identity(edge)] = edge
    for name, held in grants.items():
        edges[name].grants = instead_of_seen(edges[name].grants, held)
    for name, roles in memberships.items():
        edges[name].memberships = instead_of_seen(edges[name].memberships, roles)


def instead_of_seen(seen: Iterable[AnyEdge], stored: Mapping[Hashable, AnyEdge]) -> list[AnyEdge]:
    others = [edge for edge in seen if identity(edge) not in stored]
    return others + list(stored.values())


def renamed(edge: StoredEdge, now: dict[int, str]) -> Edge | None:
    """The record of a stored edge in the names of now; None when one of its ends is gone."""
    if any(end not in now for end in edge.ends):
        return None
    grantor = None if edge.grantor is None else now[edge.grantor]
    if isinstance(edge, StoredGrant):
        return replace(edge.record, account=now[edge.account], grantor=grantor)
    return replace(edge.record, member=now[edge.member], role=now[edge.role], grantor=grantor)


def identity(edge: Edge) -> Hashable:
    """What makes two edges the same one, whatever their options."""
    if isinstance(edge, MembershipRecord):
        return (edge.member, edge.role, edge.grantor)
    return (
        *(edge.account, edge.privilege, edge.is_denied, edge.grantor),
        *(edge.scope, edge.database, edge.schema, edge.name, edge.column),
    )
