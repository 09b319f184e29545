"""Write a comparison into the mirror: proportional to what changed, a few statements each."""

import json
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256

from accounts.compare import Comparison
from accounts.diffs import FIELDS, plain
from accounts.edges import Edge, StoredEdge
from accounts.facts import FACTS_VERSION, compute_facts
from accounts.graph_facts import RoleGraph
from accounts.models import Account, Grant, Membership, RoleClosure, Securable
from accounts.stored import StoredGrant
from instances.engines.base import AccountRecord, GrantRecord, MembershipRecord
from instances.models import Instance

COLUMNS = [*FIELDS, "native_id", "attributes", "fingerprint", "facts", "facts_version"]
Pair = tuple[AccountRecord, Account]


def store(instance: Instance, comparison: Comparison, *, at: datetime) -> int:
    """Make the mirror equal to what ``comparison`` saw. Call inside a transaction.

    How many accounts came, went, or are not what they were: for one, by another's role.
    """
    rules = instance.engine_class.effective
    graph = RoleGraph(comparison, powers_pass_on=rules is not None and rules.powers_pass_on)
    matching = comparison.matching
    is_outdated = any(row.facts_version != FACTS_VERSION for _, row in matching.kept)
    logins = newer_logins([*matching.kept, *matching.restored])
    Account.objects.mark_removed(matching.gone, at=at)
    moved = rewrite_accounts(comparison, graph)
    create_accounts(comparison, graph)
    store_edges(instance, comparison, at=at)
    if is_outdated or comparison.memberships_changed():
        RoleClosure.objects.settle(instance, graph.reached_keys())
    Account.objects.saw_logins(logins)
    return len(matching.gone) + len(comparison.differing) + moved


def newer_logins(pairs: Iterable[Pair]) -> list[Account]:
    newer = []
    for record, row in pairs:
        seen = record.last_login_at
        if seen is not None and (row.last_login_at is None or row.last_login_at < seen):
            row.last_login_at = seen
            newer.append(row)
    return newer


# --- accounts -------------------------------------------------------------------------------


def rewrite_accounts(comparison: Comparison, graph: RoleGraph) -> int:
    """Store what is different about accounts that the mirror knew before.

    How many have other facts only.
    """
    matching = comparison.matching
    known = {id(row) for _, row in (*matching.kept, *matching.restored)}
    pairs = [pair for pair in comparison.differing if id(pair[1]) in known]
    fields = list(COLUMNS)
    if any(record.name != row.name for record, row in pairs):
        fields.append("name")
    if matching.restored or "name" in fields:
        fields.append("removed_at")
    for record, row in pairs:
        fill(comparison, graph, record, row)
    Account.objects.rewrite([row for _, row in pairs], fields)
    return refresh_facts(comparison, graph)


def create_accounts(comparison: Comparison, graph: RoleGraph) -> None:
    pairs = [*comparison.matching.added, *comparison.matching.recreated]
    for record, row in pairs:
        fill(comparison, graph, record, row)
        row.last_login_at = record.last_login_at
    Account.objects.create_all([row for _, row in pairs])


def fill(comparison: Comparison, graph: RoleGraph, record: AccountRecord, row: Account) -> None:
    """Put everything that ``record`` says on ``row``."""
    for name in (*FIELDS, "name", "native_id"):
        setattr(row, name, getattr(record, name))
    row.attributes = plain(dict(record.attributes))
    row.removed_at = None
    row.fingerprint = comparison.fingerprints[record.name]
    set_facts(comparison, graph, record, row)


def set_facts(
    comparison: Comparison, graph: RoleGraph, record: AccountRecord, row: Account
) -> None:
    edges = comparison.edges[record.name]
    row.facts_version = FACTS_VERSION
    row.facts = compute_facts(
        record,
        edges.grants,
        edges.memberships,
        graph.facts_of(record.name),
        everything_known=comparison.knowledge.is_complete,
    )


def refresh_facts(comparison: Comparison, graph: RoleGraph) -> int:
    """Compute facts anew where their version, what can be known, or another account has moved on:
    what one account has became different for everybody who has that account. How many differ.
    """
    done = {id(row) for _, row in comparison.differing}
    others_changed = bool(comparison.differing or comparison.matching.gone)
    is_moved = others_changed or comparison.knowledge.unknown_changed
    moved = []
    for record, row in comparison.matching.kept:
        is_stale = is_moved or row.facts_version != FACTS_VERSION
        if is_stale and id(row) not in done:
            before = (row.facts, row.facts_version)
            set_facts(comparison, graph, record, row)
            if before != (row.facts, row.facts_version):
                moved.append(row)
    Account.objects.rewrite(moved, ["facts", "facts_version"])
    return len(moved)


# --- edges ----------------------------------------------------------------------------------


def store_edges(instance: Instance, comparison: Comparison, *, at: datetime) -> None:
    """Close what no longer holds, then open what is new: in this order, or the two collide."""
    closed: list[StoredEdge] = [edge for edges in comparison.ended.values() for edge in edges]
    opened: list[Edge] = []
    for change in comparison.changes.values():
        closed += change.closed
        closed += [stored for stored, _ in change.changed]
        opened += change.opened
        opened += [edge for _, edge in change.changed]
    grants = [edge.pk for edge in closed if isinstance(edge, StoredGrant)]
    Grant.objects.close(grants, at=at)
    memberships = [edge.pk for edge in closed if not isinstance(edge, StoredGrant)]
    Membership.objects.close(memberships, at=at)
    open_edges(instance, comparison.matching.by_name, opened, at=at)


def open_edges(
    instance: Instance, rows: dict[str, Account], edges: Iterable[Edge], *, at: datetime
) -> None:
    grants = [edge for edge in edges if isinstance(edge, GrantRecord)]
    memberships = [edge for edge in edges if isinstance(edge, MembershipRecord)]
    digests = {place: digest(place) for place in map(parts, grants)}
    keys = Securable.objects.ensure(
        instance, [securable(instance, *item) for item in digests.items()]
    )
    Grant.objects.open_all(
        [
            {
                "account_id": rows[grant.account].pk,
                "securable_id": keys[digests[parts(grant)]],
                "privilege": grant.privilege,
                "grantor_id": None if grant.grantor is None else rows[grant.grantor].pk,
                "grantable": grant.grantable,
                "is_denied": grant.is_denied,
                "is_owner": grant.is_owner,
                "valid_from": at,
                "valid_to": None,
            }
            for grant in grants
        ]
    )
    Membership.objects.open_all(
        [
            {
                "member_id": rows[edge.member].pk,
                "role_id": rows[edge.role].pk,
                "grantor_id": None if edge.grantor is None else rows[edge.grantor].pk,
                "admin_option": edge.admin_option,
                "inherits": edge.inherits,
                "can_set": edge.can_set,
                "is_default": edge.is_default,
                "valid_from": at,
                "valid_to": None,
            }
            for edge in memberships
        ]
    )


Place = tuple[str, str, str, str, str]


def parts(grant: GrantRecord) -> Place:
    return (str(grant.scope), grant.database, grant.schema, grant.name, grant.column)


def digest(place: Place) -> str:
    """The identity of a securable: unambiguous whatever its names contain."""
    return sha256(json.dumps(place).encode()).hexdigest()


def securable(instance: Instance, place: Place, identity: str) -> Securable:
    scope, database, schema, name, column = place
    return Securable(
        instance=instance,
        scope=scope,
        database=database,
        schema=schema,
        name=name,
        column=column,
        digest=identity,
    )
