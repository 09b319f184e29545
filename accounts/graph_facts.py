"""What an account has through its roles, from a reading, before it is stored."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property

from accounts.closure import depths, reached_roles
from accounts.compare import Comparison
from accounts.facts import GraphFacts, ways_to_grant
from instances.engines.base import AccountKind
from instances.engines.effective import Link

MOST_NAMES = 10
"""How many roles a fact names as its reasons; the nearest come first."""

Role = tuple[int, int, bool]
"""How deep an account has a role, the role, and whether it is inherited."""


class RoleGraph:
    """The roles of everybody in a comparison; computed on first use, since a quiet sync needs none.

    Accounts are numbered in the order of their names. ``powers_pass_on``: see ``Effective``.
    """

    def __init__(self, comparison: Comparison, *, powers_pass_on: bool) -> None:
        self.comparison = comparison
        self.powers_pass_on = powers_pass_on
        self.is_known = comparison.knowledge.knows("memberships")
        self.facts: dict[tuple[tuple[Role, ...], tuple[int, ...], tuple[int, ...]], GraphFacts] = {}

    @cached_property
    def names(self) -> list[str]:
        return sorted(self.comparison.matching.by_name)

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        return {name: number for number, name in enumerate(self.names)}

    @cached_property
    def links(self) -> list[Link]:
        return [
            Link(
                0,
                self.numbers[edge.member],
                self.numbers[edge.role],
                inherits=edge.inherits,
                can_set=edge.can_set,
            )
            for edges in self.comparison.edges.values()
            for edge in edges.memberships
        ]

    @cached_property
    def reached(self) -> Mapping[tuple[int, int], tuple[bool, int]]:
        return reached_roles(self.links)

    def reached_keys(self) -> dict[tuple[int, int], tuple[bool, int]]:
        """``reached`` by the keys of the accounts, which must have been stored."""
        rows = self.comparison.matching.by_name
        keys = [rows[name].pk for name in self.names]
        return {(keys[one], keys[role]): way for (one, role), way in self.reached.items()}

    @cached_property
    def roles_of(self) -> Mapping[int, list[Role]]:
        """By account, unsorted."""
        found: dict[int, list[Role]] = defaultdict(list)
        for (account, role), (inherits, depth) in self.reached.items():
            found[account].append((depth, role, inherits))
        return found

    @cached_property
    def everybodys(self) -> Sequence[int]:
        """The pseudo-role and the roles it has, where their powers are everybody's at once."""
        present = self.comparison.matching.present if self.powers_pass_on else ()
        public = [self.numbers[one.name] for one, _ in present if one.kind is AccountKind.PUBLIC]
        inherited = (
            role
            for one in public
            for _, role, inherits in sorted(self.roles_of.get(one, ()))
            if inherits
        )
        found = (*public, *inherited)
        return [one for one in found if one in self.granting or one in self.superusers]

    @cached_property
    def superusers(self) -> Mapping[int, str]:
        """The all-powerful accounts, each with the first of the words that make it so."""
        found = {}
        for record, _ in self.comparison.matching.present:
            if record.is_superuser:
                reasons = record.attributes.get("superuser_reasons", ())
                found[self.numbers[record.name]] = next(iter(reasons), "")
        return found

    @cached_property
    def granting(self) -> Mapping[int, list[str]]:
        """How each account lets those who inherit it grant, where it does."""
        edges = self.comparison.edges
        found = {
            number: ways_to_grant(edges[name].grants, edges[name].memberships)
            for number, name in enumerate(self.names)
            if name in edges
        }
        if self.powers_pass_on:
            for record, _ in self.comparison.matching.present:
                own = found[self.numbers[record.name]]
                own += record.attributes.get("grant_reasons", ())
        return {number: ways for number, ways in found.items() if ways}

    @cached_property
    def becoming(self) -> Mapping[int, list[int]]:
        """The superusers that each account could become: by SET ROLE alone, unless their powers
        come with inheriting them.
        """
        if self.powers_pass_on:
            return self.inheriting_superusers()
        members: dict[int, set[int]] = defaultdict(set)
        for link in self.links:
            if link.can_set:
                members[link.role].add(link.member)
        found: dict[int, list[int]] = defaultdict(list)
        for superuser in self.superusers:
            for account in depths(members, {superuser: 0}):
                if account != superuser:
                    found[account].append(superuser)
        return found

    def inheriting_superusers(self) -> Mapping[int, list[int]]:
        found: dict[int, list[int]] = defaultdict(list)
        for account, role in self.reached:
            if role in self.superusers:
                found[account].append(role)
        return found

    @cached_property
    def are_superusers_known(self) -> bool:
        known = (record.is_superuser for record, _ in self.comparison.matching.present)
        return self.is_known and None not in known

    def facts_of(self, name: str) -> GraphFacts:
        """The facts of the account called ``name``; one object for all that have the same roles."""
        number = self.numbers[name]
        roles = tuple(sorted(self.roles_of.get(number, ())))
        superusers = tuple(sorted(self.becoming.get(number, ())))
        own = {number, *(role for _, role, _ in roles)}
        shared = tuple(one for one in self.everybodys if one not in own)
        found = self.facts.get((roles, superusers, shared))
        if found is None:
            found = self.facts_by(roles, superusers, shared)
            self.facts[roles, superusers, shared] = found
        return found

    def facts_by(
        self, roles: Sequence[Role], superusers: Sequence[int], shared: Sequence[int]
    ) -> GraphFacts:
        """Of an account that has ``roles``, the nearest first, can become ``superusers``, and has
        the powers of ``shared`` as everybody does.
        """
        inherited = [role for _, role, inherits in roles if inherits]
        granting = [one for one in (*inherited, *shared) if one in self.granting][:MOST_NAMES]
        always = [one for one in shared if one in self.superusers]
        becoming = [*superusers, *always]
        certainly_not = False if self.are_superusers_known else None
        return GraphFacts(
            tuple(f"{self.granting[one][0]} of {self.names[one]}" for one in granting),
            True if becoming else certainly_not,
            tuple(self.names[one] for one in becoming[:MOST_NAMES]),
            len(inherited) if self.is_known else None,
            len(roles) - len(inherited) if self.is_known else None,
            tuple(f"{self.superusers[one]} of {self.names[one]}" for one in always[:MOST_NAMES]),
        )
