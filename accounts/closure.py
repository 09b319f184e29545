"""Which roles an account has in the end, and which it could only take by SET ROLE."""

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping

from instances.engines.effective import Link

Reached = dict[tuple[int, int], tuple[bool, int]]
"""(account, role) → (whether it is inherited, the length of the shortest way)."""


def reached_roles(links: Iterable[Link]) -> Reached:
    """Every role that somebody reaches over ``links``; circles end where they began.

    Inherited: over links that inherit, all the way. Otherwise, over links that allow SET ROLE and
    then what the role taken so inherits.
    """
    inherits: dict[int, set[int]] = defaultdict(set)
    can_set: dict[int, set[int]] = defaultdict(set)
    for link in links:
        if link.inherits:
            inherits[link.member].add(link.role)
        if link.can_set:
            can_set[link.member].add(link.role)
    found: Reached = {}
    for account in {*inherits, *can_set}:
        own = depths(inherits, {account: 0})
        taken = depths(inherits, depths(can_set, {account: 0}))
        found |= {(account, role): (False, depth) for role, depth in taken.items()}
        found |= {(account, role): (True, depth) for role, depth in own.items()}
        del found[account, account]
    return found


def depths(links: Mapping[int, Collection[int]], start: Mapping[int, int]) -> dict[int, int]:
    """The length of the shortest way from ``start`` to everything that it reaches, itself too."""
    found = dict(start)
    queue = deque(sorted(start, key=start.__getitem__))
    while queue:
        member = queue.popleft()
        for role in links.get(member, ()):
            depth = found[member] + 1
            if depth < found.get(role, depth + 1):
                found[role] = depth
                queue.append(role)
    return found
