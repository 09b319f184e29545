"""The closure of roles, against powers of matrices."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from accounts.closure import Reached, reached_roles
from instances.engines.effective import Link

ROLES = 7


def link(member: int, role: int, options: tuple[bool, bool]) -> Link:
    return Link(0, member, role, inherits=options[0], can_set=options[1])


links = st.builds(
    link,
    st.integers(0, ROLES - 1),
    st.integers(0, ROLES - 1),
    st.tuples(st.booleans(), st.booleans()),
)


@given(st.lists(links, max_size=20))
def test_closure_equals_the_powers_of_the_matrices(links: list[Link]) -> None:
    inherits, can_set = np.eye(ROLES, dtype=bool), np.eye(ROLES, dtype=bool)
    for one in links:
        inherits[one.member, one.role] |= one.inherits
        can_set[one.member, one.role] |= one.can_set
    inherited = np.linalg.matrix_power(inherits.astype(int), ROLES) > 0
    taken = np.linalg.matrix_power(can_set.astype(int), ROLES) > 0
    by_either = (taken.astype(int) @ inherited.astype(int)) > 0

    expected: Reached = {}
    for account, role in zip(*np.nonzero(by_either), strict=True):
        if account != role:
            is_inherited = bool(inherited[account, role])
            step = inherits if is_inherited else None
            expected[int(account), int(role)] = (
                is_inherited,
                shortest(step, can_set, inherits, account, role),
            )
    assert reached_roles(links) == expected


def shortest(step, can_set, inherits, account, role) -> int:
    """The least power that leads from ``account`` to ``role``."""
    for length in range(1, 2 * ROLES):
        for sets in range(length + 1) if step is None else [0]:
            way = np.linalg.matrix_power(can_set.astype(int), sets) @ np.linalg.matrix_power(
                inherits.astype(int), length - sets
            )
            if way[account, role]:
                return length
    raise AssertionError("not reached")
