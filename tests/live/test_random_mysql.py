"""Whatever happens to a MySQL or MariaDB server, the mirror equals it after the next sync."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Account, Membership
from accounts.stored import Stored
from instances.engines.base import GrantRecord, Scope
from tests.engines.mysql.show_grants import ALL_OF_TABLE
from tests.live.mirrored import Mirrored
from tests.live.mysql_answers import answers
from tests.live.mysql_programs import FIRST, cleaned, pools, reset, run, templates
from tests.live.profiles import bounded
from tests.live.programs import Step, programs, run_burst
from whalefall.demo.servers import Server

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_believe_everything")]


@pytest.fixture
def clean_mariadb(mariadb: Server) -> Iterator[Server]:
    with cleaned(mariadb) as server:
        yield server


@pytest.fixture(params=["OFF", "ON"])
def clean_mysql(mysql: Server, request: pytest.FixtureRequest) -> Iterator[Server]:
    """With and without partial revokes, which also change what a pattern is."""
    with cleaned(mysql) as server:
        server.execute(f"SET GLOBAL partial_revokes = {request.param}")
        yield server
    mysql.execute("SET GLOBAL partial_revokes = OFF")


def programs_for(kind: str) -> st.SearchStrategy[list[list[Step]]]:
    return programs(templates(kind), bursts=4, steps=20)


@bounded(examples=6)
@given(program=programs_for("mariadb"))
def test_mirror_equals_mariadb(clean_mariadb: Server, program: list[list[Step]]) -> None:
    check(clean_mariadb, program)


@bounded(examples=3)
@given(program=programs_for("mysql"))
def test_mirror_equals_mysql(clean_mysql: Server, program: list[list[Step]]) -> None:
    check(clean_mysql, program)


def check(server: Server, program: list[list[Step]]) -> None:
    reset(server)
    mirrored = Mirrored(server)
    try:
        with closing(server.connect()) as connection:
            for statement in FIRST:
                connection.cursor().execute(statement)
            mirrored.sync()
            for burst in program:
                run_burst(burst, partial(pools, server, connection), partial(run, connection))
                # MySQL's memory may differ from its tables: after GRANT r TO u WITH ADMIN OPTION,
                # GRANT r TO u takes the option away in one of the two only (tried on 9.7.4).
                server.execute("FLUSH PRIVILEGES")
                mirrored.sync()
                assert differences(mirror(mirrored), told(server)) == {}
        mirrored.check_history()
    finally:
        mirrored.forget()


def differences(mirror: dict[str, set[Any]], server: dict[str, set[Any]]) -> dict[str, Any]:
    """What only one side has, by part: short enough to read when it is not empty."""
    assert mirror.keys() == server.keys()
    return {
        part: {"only in the mirror": mirror[part] - held, "only on the server": held - mirror[part]}
        for part, held in server.items()
        if mirror[part] != held
    }


def mirror(mirrored: Mirrored) -> dict[str, set[Any]]:
    stored = Stored(mirrored.instance)
    present = Account.objects.present().filter(instance=mirrored.instance)
    memberships = Membership.objects.open().filter(member__instance=mirrored.instance)
    names = ("member__name", "role__name")
    return {
        "accounts": {account.name for account in present},
        "grants": without_hidden({edge.record for edge in stored.grants()}),
        "memberships": set(memberships.values_list(*names, "admin_option")),
        "defaults": set(memberships.filter(is_default=True).values_list(*names)),
        "locked": {account.name for account in present if account.is_locked},
        "expired": {one.name for one in present if one.attributes.get("password_expired")},
    }


def told(server: Server) -> dict[str, set[Any]]:
    """What the server says, without what it says of roles that nobody can log in as."""
    found = answers(server)
    granted = {(member, role) for member, role, _ in found.memberships}
    roles = {role for _, role in granted}
    fresh = found.locked & found.expired if server.kind == "mysql" else set()
    passive = fresh | (roles & found.locked)
    return {
        "accounts": found.accounts,
        "grants": without_hidden(found.grants),
        "memberships": found.memberships,
        "defaults": {edge for edge in found.defaults & granted if edge[0] not in passive},
        "locked": found.locked - passive,
        "expired": found.expired - passive,
    }


def without_hidden(grants: set[GrantRecord]) -> set[GrantRecord]:
    """SHOW GRANTS leaves out the columns of a table on which an account has everything."""
    words: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for grant in grants:
        if grant.scope is Scope.TABLE:
            words[grant.account, grant.database, grant.name].add(grant.privilege)
    everything = {place for place, held in words.items() if held >= ALL_OF_TABLE}
    return {
        grant
        for grant in grants
        if grant.scope is not Scope.COLUMN
        or (grant.account, grant.database, grant.name) not in everything
    }
