"""Random grants on a real MySQL and MariaDB: the mirror's answer is what happens on trying."""

from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from instances.engines.mysql.effective import MySQLEffective
from tests.live.mysql_trying import compared
from tests.live.mysql_worlds import DATABASES, world
from tests.live.profiles import LONG
from whalefall.demo.servers import Server

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_believe_everything")]

FOUND_BUGS = {
    "mariadb": (2, 4, 15, 16, 32, 104),
    "OFF": (1, 4, 109, 115, 1022, 1056),
    "ON": (10, 1069, 1392),
}
"""The seeds that once found one; on MySQL by ``partial_revokes``."""

MORE = Random().sample(range(10**4, 10**9), 300) if LONG else ()


@pytest.mark.parametrize("partial_revokes", ["OFF", "ON"])
def test_mysql_does_what_the_mirror_says(mysql: Server, partial_revokes: str):
    check(mysql, FOUND_BUGS[partial_revokes], partial_revokes=partial_revokes)


def test_mariadb_does_what_the_mirror_says(mariadb: Server):
    check(mariadb, FOUND_BUGS["mariadb"])


def left_out(effective: MySQLEffective) -> list[Any]:
    """Holders who are not possible holders, for what somebody was granted."""
    world = effective.world
    asked = {
        (right.privilege, place)
        for right in world.rights
        if not right.is_denied
        for place in effective.rows.examples(right.thing)
    }
    return [
        (privilege, thing, account)
        for privilege, thing in asked
        for account in set(world.principals) - set(effective.possible(privilege, thing))
        if any(effective.ways(account, privilege, thing))
        or any(effective.ways_by_set_role(account, privilege, thing))
    ]


def check(server: Server, seeds: Sequence[int], **settings: str) -> None:
    seeds = [*seeds, *MORE]
    total: Counter[str] = Counter()
    for seed in seeds:
        with world(server, seed, **settings) as found:
            report = compared(server, found, DATABASES)
        assert not report.different, f"seed {seed}: " + "\n".join(map(str, report.different))
        assert left_out(MySQLEffective(found)) == [], f"seed {seed}"
        total += report.compared
    assert total.total() > 400 * len(seeds)
    assert min(total["held"], total["not held"]) > 20 * len(seeds)
    assert total["either"] < total.total() / 20
