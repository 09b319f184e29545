"""The scripts that take a privilege away and restore it, run on real servers."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from random import Random
from string import Formatter
from typing import Any

import pytest

from accounts.effects import Difference, compared
from accounts.models import Account
from accounts.moments import Beside
from accounts.objects import parse_object
from accounts.take_away import Removal, take_away
from accounts.worlds import world_of
from instances.engines.effective import World
from instances.engines.postgresql.effective import PostgreSQLEffective
from instances.engines.postgresql.names import quoted
from instances.engines.statements import Statement
from instances.models import Instance
from tests.factories import sync
from tests.live.mirrored import instance_of, open_edges
from tests.live.postgresql_programs import FIRST, pools, templates
from tests.live.postgresql_programs import HOME as HOME_OF_PROGRAMS
from tests.live.postgresql_programs import cleaned as reset_after
from tests.live.postgresql_programs import run as run_one
from whalefall.demo.servers import Server

pytestmark = pytest.mark.django_db
DATABASE = 'take "away".'
HOSTILE = "ta_ho\"st;ile'x"
ROLES = (
    *("ta_ada", "ta_team", "ta_lead", "ta_readers", "ta_eve", "ta_super", "ta_owner"),
    *("ta_granter", "ta_second", "ta_all", HOSTILE),
)
NAME, COLUMN = 'we"ird.t', 'B"'
SHARED = f"""
GRANT ta_readers TO ta_lead; GRANT ta_lead TO ta_team; GRANT ta_team TO ta_ada;
GRANT ta_readers TO ta_second; GRANT pg_read_all_data TO ta_all; GRANT ta_all TO {quoted(HOSTILE)};
ALTER ROLE ta_super SUPERUSER; ALTER ROLE ta_eve NOINHERIT; GRANT ta_readers TO ta_eve
"""
OBJECTS = f"""
CREATE SCHEMA sales AUTHORIZATION ta_owner;
SET ROLE ta_owner;
CREATE TABLE sales.orders (id int, note text); CREATE TABLE sales.two (id int);
CREATE TABLE sales.chain (id int, note text); CREATE TABLE sales.everybody (id int);
CREATE TABLE sales.circle (id int);
CREATE TABLE sales.{quoted(NAME)} (a int, {quoted(COLUMN)} text); CREATE SEQUENCE sales.numbers;
GRANT SELECT ON sales.orders TO ta_readers;
GRANT SELECT ON sales.two TO ta_ada; GRANT SELECT ON sales.two TO ta_granter WITH GRANT OPTION;
GRANT SELECT ON sales.chain TO ta_ada WITH GRANT OPTION;
GRANT SELECT (note) ON sales.chain TO ta_ada;
GRANT SELECT ON sales.everybody TO PUBLIC; GRANT INSERT (note) ON sales.orders TO ta_ada;
GRANT UPDATE ({quoted(COLUMN)}) ON sales.{quoted(NAME)} TO {quoted(HOSTILE)} WITH GRANT OPTION;
GRANT USAGE ON SEQUENCE sales.numbers TO ta_eve;
GRANT USAGE ON SCHEMA sales TO ta_granter, ta_ada, ta_second, ta_eve;
CREATE FUNCTION sales."(f)"(a int, b text[]) RETURNS int LANGUAGE sql AS 'SELECT 1';
GRANT EXECUTE ON FUNCTION sales."(f)" TO ta_eve;
REVOKE EXECUTE ON FUNCTION sales."(f)" FROM PUBLIC;
SET ROLE ta_granter; GRANT SELECT ON sales.two TO ta_ada;
SET ROLE ta_ada; GRANT SELECT ON sales.chain TO ta_second WITH GRANT OPTION;
SET ROLE ta_second; GRANT SELECT ON sales.chain TO ta_eve;
RESET ROLE;
GRANT SELECT ON sales.circle TO ta_ada, ta_eve WITH GRANT OPTION;
SET ROLE ta_ada; GRANT SELECT ON sales.circle TO ta_owner;
GRANT SELECT ON sales.circle TO ta_second WITH GRANT OPTION;
SET ROLE ta_second; GRANT SELECT ON sales.circle TO ta_eve WITH GRANT OPTION;
SET ROLE ta_eve; GRANT SELECT ON sales.circle TO ta_ada WITH GRANT OPTION;
RESET ROLE; CREATE AGGREGATE sales.nth(float8 ORDER BY float8) (SFUNC = ordered_set_transition,
    STYPE = internal, FINALFUNC = percentile_cont_float8_final);
CREATE AGGREGATE sales.place(VARIADIC "any" ORDER BY VARIADIC "any") (
    SFUNC = ordered_set_transition_multi, STYPE = internal, FINALFUNC = rank_final,
    FINALFUNC_EXTRA, HYPOTHETICAL);
REVOKE EXECUTE ON ROUTINE sales.nth(float8, float8), sales.place(VARIADIC "any") FROM PUBLIC;
GRANT EXECUTE ON ROUTINE sales.nth(float8, float8), sales.place(VARIADIC "any") TO ta_eve;
REVOKE USAGE ON SCHEMA sales FROM ta_granter
"""
PLACE = '"take ""away""."'
QUESTIONS = [
    ("ta_ada", "SELECT", "sales.orders", False),
    ("ta_ada", "SELECT", "sales.two", False),
    ("ta_ada", "SELECT", "sales.chain", False),
    ("ta_ada", "SELECT", "sales.chain.note", False),
    ("ta_ada", "SELECT", "sales.circle", False),
    ("ta_eve", "EXECUTE", 'sales."nth(double precision ORDER BY double precision)"', False),
    ("ta_eve", "EXECUTE", 'sales."place(VARIADIC ""any"" ORDER BY VARIADIC ""any"")"', False),
    ("ta_ada", "SELECT", "sales.everybody", False),
    ("ta_ada", "INSERT", "sales.orders.note", False),
    ("ta_eve", "SELECT", "sales.orders", True),
    ("ta_eve", "USAGE", "sales.numbers", False),
    ("ta_eve", "EXECUTE", 'sales."(f)(a integer, b text[])"', False),
    ("ta_super", "SELECT", "sales.orders", False),
    ("ta_owner", "SELECT", "sales.two", False),
    (HOSTILE, "SELECT", 'sales."we""ird.t"', False),
    (HOSTILE, "UPDATE", 'sales."we""ird.t"."B"""', False),
    ("ta_ada", "CONNECT", "", False),
]


@pytest.fixture(params=["postgresql", "old_postgresql"])
def planted(request: pytest.FixtureRequest) -> Iterator[Server]:
    server: Server = request.getfixturevalue(request.param)
    cleaned(server)
    try:
        server.execute(f"CREATE DATABASE {quoted(DATABASE)}")
        for role in ROLES:
            server.execute(f"CREATE ROLE {quoted(role)} LOGIN")
        server.execute(SHARED)
        server.execute(OBJECTS, DATABASE)
        yield server
    finally:
        cleaned(server)


def cleaned(server: Server) -> None:
    server.execute(f"DROP DATABASE IF EXISTS {quoted(DATABASE)} WITH (FORCE)")
    for role in ROLES:
        server.execute(f"DROP ROLE IF EXISTS {quoted(role)}")


def run(server: Server, statements: list[Statement]) -> None:
    for one in statements:
        server.execute(one.sql, one.database) if one.database else server.execute(one.sql)


def read(instance: Instance) -> World:
    record = sync(instance)
    assert (record.status, record.coverage) == ("completed", 1.0)
    instance.refresh_from_db()
    return world_of(instance)


def told(removal: Removal) -> Counter[Difference]:
    return Counter([*removal.effect.lost, *removal.effect.gained])


@pytest.mark.usefixtures("_believe_everything")
def test_scripts_do_what_they_say(planted: Server) -> None:
    instance = instance_of(planted)
    before, start = read(instance), open_edges(instance)
    for name, privilege, inside, set_role in QUESTIONS:
        account = Account.objects.select_related("instance").get(instance=instance, name=name)
        parts = parse_object(f"{PLACE}.{inside}" if inside else PLACE)
        removal = take_away(account, privilege, parts, set_role=set_role)
        assert (removal.is_held, bool(removal.statements)) == (True, True), (name, inside)

        run(planted, list(removal.statements))
        after = read(instance)

        again = take_away(account, privilege, parts, set_role=set_role)
        assert again.is_held is False, (name, inside)
        real = compared(PostgreSQLEffective, Beside(before, after), sorted(before.principals), ())
        wanted = [
            one
            for one in real.lost
            if (one.account, one.privilege) == (name, privilege)
            and parts
            == tuple(
                filter(None, (one.thing.database, one.thing.schema, one.thing.name,
                              one.thing.column))
            )
        ]  # fmt: skip
        assert told(removal) == Counter(real.lost) - Counter(wanted) + Counter(real.gained)

        run(planted, list(removal.undo))
        before = read(instance)
        assert open_edges(instance) == start, (name, inside)


def test_owner_is_told_as_an_obstacle(planted: Server) -> None:
    instance = instance_of(planted)
    read(instance)
    owner = Account.objects.select_related("instance").get(instance=instance, name="ta_owner")

    removal = take_away(owner, "SELECT", parse_object(f"{PLACE}.sales.two"))

    assert len(removal.obstacles) == 1
    assert removal.obstacles[0].startswith("ta_owner owns TABLE")


# --- worlds that nobody thought of --------------------------------------------------------------


@pytest.fixture(params=["postgresql", "old_postgresql"])
def any_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with reset_after(request.getfixturevalue(request.param)) as server:
        server.execute(f"CREATE DATABASE {HOME_OF_PROGRAMS} TEMPLATE template0")
        yield server


@pytest.mark.usefixtures("_believe_everything")
@pytest.mark.parametrize("seed", range(3))
def test_any_world(any_server: Server, seed: int) -> None:
    random = Random(seed)
    with closing(any_server.connect(HOME_OF_PROGRAMS)) as connection:
        plant(connection, any_server.build.major, random)
    instance = instance_of(any_server)
    for _ in range(3):
        world, start = read(instance), open_edges(instance)
        held = [
            right
            for right in world.rights
            if right.thing.database == HOME_OF_PROGRAMS
            and right.thing.scope in ("table", "schema", "routine", "sequence", "column")
            and right.thing.schema not in ("pg_catalog", "information_schema")
            and not right.is_owner
            and world.principals[right.holder].kind != "public"
        ]
        if not held:
            break
        right = random.choice(held)
        account = Account.objects.select_related("instance").get(pk=right.holder)
        thing = right.thing
        parts = [one for one in (thing.database, thing.schema, thing.name, thing.column) if one]
        removal = take_away(account, right.privilege, parts)
        if not removal.statements:
            assert removal.obstacles
            continue
        run(any_server, list(removal.statements))
        read(instance)
        assert take_away(account, right.privilege, parts).is_held is False
        run(any_server, list(removal.undo))
        read(instance)
        assert open_edges(instance) == start


def plant(connection: Any, major: int, random: Random) -> None:
    for statement in FIRST:
        connection.execute(statement)
    known = templates(major)
    for _ in range(150):
        fields = pools(connection, major)
        template = random.choice(known)
        names = [name for _, name, _, _ in Formatter().parse(template) if name]
        if all(fields[name] for name in names):
            actor = random.choice([None, None, 0, 1, 2])
            chosen = {name: random.choice(fields[name]) for name in names}
            run_one(connection, template.format(**chosen), actor)
