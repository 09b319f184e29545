"""Ways as trees: what is drawn at once, and in which words."""

from accounts.trees import DOUBTS, MOST_WAYS, drawing
from instances.engines.effective import Principal, Right, Thing, Way, World
from instances.engines.mysql.effective import NO_SUCH_ACCOUNT, SET_ROLE_NONE
from instances.engines.mysql.rows import AMBIGUOUS, CLIENT_HOST

TABLE = Thing("table", "shop", "sales", "orders")
ROLES = range(2, 2 + MOST_WAYS + 5)


def world() -> World:
    principals = {1: Principal(1, "ada", "user")}
    principals |= {key: Principal(key, f"role-{key}", "role") for key in ROLES}
    return World("18.1", principals, [], [])


def names(lines: object) -> list[str]:
    return [one.branch.account.name for one in lines if one.branch.account]  # type: ignore[attr-defined]


def test_the_nearest_ways_are_drawn_and_the_others_folded_away() -> None:
    ways = [Way((key,), Right(key, key, "SELECT", TABLE)) for key in ROLES]
    drawn = drawing(world(), 1, [ways], TABLE)
    shown = [f"role-{key}" for key in ROLES]
    assert names(drawn.first_lines) == shown[:MOST_WAYS]
    assert (names(drawn.rest_lines), drawn.rest_number) == (shown[MOST_WAYS:], 5)
    few = drawing(world(), 1, [ways[:MOST_WAYS]], TABLE)
    assert (few.rest, few.rest_lines) == (None, [])


def test_privileges_come_by_alike_share_a_line_with_all_their_edges() -> None:
    alike = [
        [Way((2,), Right(key, 2, word, TABLE))] for key, word in ((7, "SELECT"), (8, "INSERT"))
    ]
    _, leaf = drawing(world(), 1, alike, TABLE).first_lines
    assert (leaf.branch.edges, leaf.branch.place, leaf.branch.account) == ({7, 8}, "", None)


def test_a_right_of_somebody_else_and_on_something_else_is_named() -> None:
    way = Way((), Right(7, 3, "SELECT", Thing("database", "sh.op")))
    (leaf,) = drawing(world(), 1, [[way]], TABLE).first_lines
    named = leaf.branch.account
    assert named is not None
    assert (named.name, leaf.branch.scope, leaf.branch.place) == ("role-3", "database", '"sh.op"')


def test_every_condition_has_words_and_an_unknown_one_its_own() -> None:
    assert set(DOUBTS) == {CLIENT_HOST, AMBIGUOUS, NO_SUCH_ACCOUNT, SET_ROLE_NONE}
    (leaf,) = drawing(world(), 1, [[Way(power="X", condition="NEW MOON")]]).first_lines
    assert leaf.branch.doubt == "NEW MOON"
