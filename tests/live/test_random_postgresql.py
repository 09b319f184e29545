"""Whatever happens to a PostgreSQL server, the mirror equals it after the next sync."""

from collections.abc import Iterator
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.matching import record_of
from accounts.stored import Stored
from accounts.worlds import world_of
from instances.engines.base import AccountsReading, GrantRecord, Scope
from tests.live import postgresql_acls as acls
from tests.live.mirrored import Mirrored
from tests.live.postgresql_programs import (
    DATABASES,
    FIRST,
    HOME,
    ROLES,
    cleaned,
    pools,
    reset,
    run,
    templates,
)
from tests.live.postgresql_rights import disagreements, role_disagreements
from tests.live.profiles import bounded
from tests.live.programs import Step, programs, run_burst
from whalefall.demo.servers import Server

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_believe_everything")]


@pytest.fixture
def clean_postgresql(postgresql: Server) -> Iterator[Server]:
    with cleaned(postgresql) as server:
        yield server


@pytest.fixture
def clean_old_postgresql(old_postgresql: Server) -> Iterator[Server]:
    with cleaned(old_postgresql) as server:
        yield server


def programs_for(major: int) -> st.SearchStrategy[list[list[Step]]]:
    return programs(templates(major), bursts=4, steps=20, actors=len(ROLES))


@bounded(examples=4)
@given(program=programs_for(18))
def test_mirror_equals_postgresql_18(clean_postgresql: Server, program: list[list[Step]]) -> None:
    check(clean_postgresql, program)


@bounded(examples=4)
@given(program=programs_for(15))
def test_mirror_equals_postgresql_before_16(
    clean_old_postgresql: Server, program: list[list[Step]]
) -> None:
    check(clean_old_postgresql, program)


def check(server: Server, program: list[list[Step]]) -> None:
    reset(server)
    server.execute(f"CREATE DATABASE {HOME} TEMPLATE template0")
    mirrored = Mirrored(server)
    connection = server.connect(HOME)
    try:
        for statement in FIRST:
            connection.execute(statement)
        mirrored.sync()
        now = partial(pools, connection, server.build.major)
        for burst in program:
            run_burst(burst, now, partial(run, connection))
            mirrored.sync()
            compare(server, mirrored)
        mirrored.check_history()
    finally:
        connection.close()
        mirrored.forget()


def compare(server: Server, mirrored: Mirrored) -> None:
    """The mirror against the access lists, then what it adds up to against the verdicts."""
    reading = mirror(mirrored)
    present = {name for (name,) in server.execute("SELECT datname FROM pg_database")}
    databases = [database for database in DATABASES if database in present]
    expected = acls.shared_grants(server)
    for database in databases:
        expected |= acls.grants_in(server, database)
    assert {grant for grant in reading.grants if is_ours(grant, databases)} == expected
    assert set(reading.memberships) == acls.memberships(server)
    world = world_of(mirrored.instance)
    for database in databases:
        assert disagreements(server, database, world) == []
        assert role_disagreements(server, database, world) == []


def is_ours(grant: GrantRecord, databases: list[str]) -> bool:
    """About what the whole server shares, or about something that a program may have touched."""
    if grant.schema in {"pg_catalog", "information_schema"}:
        assert grant.name == "pg_authid" or grant.scope is Scope.SCHEMA
        return False
    return str(grant.scope) in {"database", "tablespace", "parameter"} or (
        grant.database in databases
    )


def mirror(mirrored: Mirrored) -> AccountsReading:
    """The open edges of the mirror as if they had been read."""
    stored = Stored(mirrored.instance)
    return AccountsReading(
        version="",
        sections=(),
        accounts=[record_of(row) for row in stored.accounts],
        memberships=[edge.record for edge in stored.memberships()],
        grants=[edge.record for edge in stored.grants()],
    )
