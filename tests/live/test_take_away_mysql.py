"""The scripts that take a privilege away and restore it, run on real MySQL and MariaDB servers."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from random import Random

import pytest

from accounts.effects import Difference, compared
from accounts.models import Account
from accounts.moments import Beside
from accounts.objects import parse_object
from accounts.take_away import Removal, take_away
from accounts.worlds import world_of
from instances.engines.effective import WHOLE_SERVER, Thing, World
from instances.engines.mysql.effective import MySQLEffective
from instances.engines.mysql.names import identifier
from instances.engines.statements import Statement
from instances.models import Instance
from tests.engines.mysql.conftest import cleaned, plant
from tests.factories import sync
from tests.live.mirrored import instance_of, open_edges
from tests.live.mysql_trying import allowed, tries
from tests.live.mysql_worlds import DATABASES, restore
from tests.live.mysql_worlds import world as random_world
from tests.live.profiles import LONG
from whalefall.demo.servers import Server

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_believe_everything")]

ADA, BOB, EVE, KIM = (f"ta_{name}@localhost" for name in ("ada", "bob", "eve", "kim"))
HOSTILE = "ta_`\"ho'st@ile@localhost"
USERS = (ADA, BOB, EVE, KIM, "ta_eve@%", HOSTILE)
TABLE = "t`\"'x"


def quoted(account: str) -> str:
    user, _, host = account.rpartition("@")
    return f"{identifier(user)}@{identifier(host)}"


PLANTED = [
    "CREATE DATABASE ta_shop",
    'CREATE DATABASE `ta_``we"ird`',
    "CREATE TABLE ta_shop.orders (id int, note text)",
    "CREATE TABLE ta_shop.two (id int, note text)",
    f'CREATE TABLE `ta_``we"ird`.{identifier(TABLE)} (id int, `a``b` int)',
    "CREATE PROCEDURE ta_shop.pay() SQL SECURITY INVOKER DO 1",
    "CREATE FUNCTION ta_shop.pay() RETURNS int DETERMINISTIC SQL SECURITY INVOKER RETURN 1",
    *[f"CREATE USER {quoted(user)}" for user in USERS],
    "CREATE ROLE ta_readers, ta_lead, ta_second",
    # A role of a role, by a pattern, with options.
    "GRANT SELECT ON `ta\\_sh%`.* TO ta_readers WITH GRANT OPTION",
    "GRANT ta_readers TO ta_lead",
    f"GRANT ta_lead TO {quoted(ADA)} WITH ADMIN OPTION",
    f"GRANT ta_lead TO {quoted(KIM)}",
    f"GRANT ta_second TO {quoted(ADA)}, {quoted(BOB)}",
    "GRANT EVENT ON `ta\\_sh%`.* TO ta_second",
    # Rows that hide others: without the first, the next decides.
    f"GRANT DELETE ON ta_shop.* TO {quoted(BOB)} WITH GRANT OPTION",
    f"GRANT DELETE ON `ta\\_%`.* TO {quoted(BOB)}",
    f"GRANT INSERT ON ta_shop.* TO {quoted(EVE)}",
    f"GRANT EVENT ON `ta\\_other`.* TO {quoted(EVE)}",
    f"GRANT INDEX, DROP ON `ta\\_o%`.* TO {quoted(EVE)}",
    "GRANT INSERT, DELETE ON ta_shop.* TO `ta_eve`@`%`",
    # Columns beside their table, and alone with the option.
    f"GRANT UPDATE, UPDATE (id), UPDATE (note) ON ta_shop.two TO {quoted(BOB)}",
    f"GRANT INSERT (note) ON ta_shop.two TO {quoted(BOB)} WITH GRANT OPTION",
    f'GRANT UPDATE (`a``b`) ON `ta_``we"ird`.{identifier(TABLE)} TO {quoted(HOSTILE)}'
    " WITH GRANT OPTION",
    f"GRANT EXECUTE ON PROCEDURE ta_shop.pay TO {quoted(EVE)} WITH GRANT OPTION",
    f"GRANT EXECUTE, ALTER ROUTINE ON FUNCTION ta_shop.pay TO {quoted(EVE)}",
    f"GRANT PROXY ON {quoted(BOB)} TO {quoted(EVE)} WITH GRANT OPTION",
    f"GRANT PROCESS, SUPER ON *.* TO {quoted(HOSTILE)} WITH GRANT OPTION",
]
ONLY_ON = {
    "mysql": [
        f"SET DEFAULT ROLE ta_lead, ta_second TO {quoted(ADA)}",
        f"SET DEFAULT ROLE ta_second TO {quoted(BOB)}",
    ],
    "mariadb": [
        f"SET DEFAULT ROLE ta_lead FOR {quoted(ADA)}",
        f"SET DEFAULT ROLE ta_second FOR {quoted(BOB)}",
        "GRANT INSERT ON ta_shop.orders TO PUBLIC",
        "GRANT ta_second TO PUBLIC",
    ],
}
Question = tuple[str, str, str, bool, str]
"""Account, privilege, object, whether by SET ROLE as well, and what to try."""

QUESTIONS: list[Question] = [
    (ADA, "SELECT", "ta_shop.orders", False, "SELECT 1 FROM ta_shop.orders WHERE FALSE"),
    (KIM, "SELECT", "ta_shop.orders", True, ""),
    (ADA, "EVENT", "ta_shop", False, ""),
    (BOB, "DELETE", "ta_shop.orders", False, "DELETE FROM ta_shop.orders WHERE FALSE"),
    (EVE, "INSERT", "ta_shop.two", False, "INSERT INTO ta_shop.two SELECT 1, 2 FROM dual LIMIT 0"),
    (BOB, "UPDATE", "ta_shop.two", False, ""),
    (BOB, "UPDATE", "ta_shop.two.note", False, "UPDATE ta_shop.two SET note = 1 WHERE FALSE"),
    (BOB, "INSERT", "ta_shop.two.note", False, ""),
    (HOSTILE, "UPDATE", '"ta_`we""ird"."t`""\'x"."a`b"', False, ""),
    (HOSTILE, "PROCESS", "*", False, "SHOW ENGINE INNODB STATUS"),
    (EVE, "EXECUTE", 'ta_shop."PROCEDURE pay"', False, "CALL ta_shop.pay()"),
    (EVE, "EVENT", "ta_other", False, ""),
    (EVE, "EXECUTE", "ta_shop.pay", False, "SELECT ta_shop.pay()"),
    (EVE, "PROXY", f'"{BOB}"', False, ""),
]
PLACES = {**DATABASES, "ta_shop": ["orders"], "ta_other": []}
OURS = ("eff_", "ta_")
KINDS = ("PROCEDURE ", "FUNCTION ")
OF_EVERYBODY = (ADA, "INSERT", "ta_shop.orders", False, "")
HOLED = [
    "SET GLOBAL partial_revokes = ON",
    f"GRANT CREATE, DROP ON *.* TO {quoted(BOB)} WITH GRANT OPTION",
    f"GRANT BACKUP_ADMIN ON *.* TO {quoted(BOB)} WITH GRANT OPTION",
    f"REVOKE CREATE, DROP ON ta_shop.* FROM {quoted(BOB)}",
    f"REVOKE CREATE ON `ta\\_x`.* FROM {quoted(BOB)}",
    f"GRANT EVENT, INSERT ON *.* TO {quoted(EVE)}",
    f"GRANT EVENT ON ta_shop.* TO {quoted(EVE)}",
    f"REVOKE INSERT ON ta_shop.* FROM {quoted(EVE)}",
]
WITH_HOLES = [
    (BOB, "CREATE", "ta_other", False, "CREATE TABLE ta_other.no_such (a int)"),
    (EVE, "EVENT", "ta_shop", False, ""),
    (EVE, "EVENT", "*", False, ""),
]


@pytest.fixture(params=["mysql", "mariadb"])
def planted(request: pytest.FixtureRequest) -> Iterator[Server]:
    with (
        cleaned(request.getfixturevalue(request.param)) as server,
        closing(server.connect()) as root,
    ):
        try:
            plant(server, *PLANTED, *ONLY_ON[server.kind])
            yield server
        finally:
            restore(server, root)


def run(server: Server, statements: Sequence[Statement]) -> None:
    for one in statements:
        server.execute(one.sql)


def read(instance: Instance) -> World:
    record = sync(instance)
    assert (record.status, record.coverage) == ("completed", 1.0)
    instance.refresh_from_db()
    return world_of(instance)


def can(server: Server, account: str, sql: str) -> bool:
    with closing(server.connect(username=account.rpartition("@")[0], password="")) as connection:
        return allowed(connection.cursor(), sql)


def told(removal: Removal) -> Counter[Difference]:
    return Counter([*removal.effect.lost, *removal.effect.gained])


def check(server: Server, removal: Removal, before: World, sql: str = "") -> None:
    """The script and its inverse do what was told."""
    account, privilege, parts = removal.account, removal.privilege, removal.parts
    instance, start = account.instance, open_edges(account.instance)
    question = (account.name, privilege, parts)
    assert not sql or can(server, account.name, sql), question

    run(server, removal.statements)
    after = read(instance)

    again = take_away(account, privilege, parts, set_role=removal.set_role)
    assert again.is_held is False, (question, removal.statements)
    assert not sql or not can(server, account.name, sql), question
    real = compared(MySQLEffective, Beside(before, after), sorted(before.principals), ())
    wanted = [one for one in real.lost if is_wanted(one, removal)]
    everything = Counter(real.lost) - Counter(wanted) + Counter(real.gained)
    assert told(removal) == everything, (question, removal.statements)
    assert [*untold(server.kind, removal, before, after)] == [], (question, removal.statements)

    run(server, removal.undo)
    read(instance)
    assert open_edges(instance) == start, (question, removal.statements, removal.undo)
    assert not sql or can(server, account.name, sql), question


def untold(kind: str, removal: Removal, before: World, after: World) -> Iterator[object]:
    """Who may do what since then and could not, or the other way round, without a word of it.

    By asking for each privilege on each thing, which other tests compare with trying.
    """
    was, now = MySQLEffective(before), MySQLEffective(after)
    for account, one in before.principals.items():
        for privilege, thing, _ in tries(kind, PLACES) if one.name.startswith(OURS) else ():
            could, still = (holds(world, account, privilege, thing) for world in (was, now))
            asked = (removal.account.pk, removal.privilege, list(removal.parts))
            parts = parts_of(thing)[: len(removal.parts)]
            if {could, still} == {True, False} and (account, privilege, parts) != asked:
                told = removal.effect.lost if could else removal.effect.gained
                who = (one.name, privilege)
                if not any(
                    (other.account, other.privilege) == who and is_in(thing, other.thing)
                    for other in told
                ):
                    yield *who, thing, could


def holds(rules: MySQLEffective, account: int, privilege: str, thing: Thing) -> bool | None:
    """None for what hangs on the client, or on chance."""
    ways = list(rules.ways(account, privilege, thing))
    return any(not way.condition for way in ways) or (None if ways else False)


def is_in(thing: Thing, wide: Thing) -> bool:
    if wide.scope == "database":
        return MySQLEffective.covers(wide.database, thing.database)
    return wide in (thing, WHOLE_SERVER, replace(thing, scope="table", column=""))


def parts_of(thing: Thing) -> list[str]:
    return [part for part in (thing.database, thing.name, thing.column) if part]


def is_wanted(one: Difference, removal: Removal) -> bool:
    """A routine's bare name asks for the procedure and the function of it."""
    parts = parts_of(one.thing)
    if one.thing.scope == "routine" and not removal.parts[-1].startswith(KINDS):
        parts[-1] = parts[-1].partition(" ")[2]
    asked = (removal.account.name, removal.privilege, list(removal.parts))
    return (one.account, one.privilege, parts) == asked


def check_all(server: Server, questions: Sequence[Question]) -> None:
    instance = instance_of(server)
    before = read(instance)
    for name, privilege, place, set_role, sql in questions:
        account = Account.objects.select_related("instance").get(instance=instance, name=name)
        removal = take_away(account, privilege, parse_object(place), set_role=set_role)
        assert (removal.is_held, bool(removal.statements)) == (True, True), (name, place)
        check(server, removal, before, sql)


def test_scripts_do_what_they_say(planted: Server) -> None:
    of_everybody = [OF_EVERYBODY] if planted.kind == "mariadb" else []
    check_all(planted, [*QUESTIONS, *of_everybody])


@pytest.mark.parametrize("planted", ["mysql"], indirect=True)
def test_holes_are_dug_again(planted: Server) -> None:
    plant(planted, *HOLED)
    check_all(planted, WITH_HOLES)


# --- worlds that nobody thought of --------------------------------------------------------------

SEEDS = (1, 4, *(Random().sample(range(10**4, 10**9), 60) if LONG else ()))


@pytest.mark.parametrize("partial_revokes", ["OFF", "ON"])
def test_any_world_on_mysql(mysql: Server, partial_revokes: str) -> None:
    check_worlds(mysql, partial_revokes=partial_revokes)


def test_any_world_on_mariadb(mariadb: Server) -> None:
    check_worlds(mariadb)


def check_worlds(server: Server, **settings: str) -> None:
    done: Counter[bool] = Counter()
    for seed in SEEDS:
        with random_world(server, seed, **settings) as found:
            for removal in asked(found, server.kind, Random(seed)):
                done[bool(removal.statements)] += 1
                if removal.statements:
                    check(server, removal, found)
                else:
                    assert removal.obstacles
    assert done[True] > 2 * len(SEEDS)


def asked(world: World, kind: str, random: Random) -> Iterator[Removal]:
    """How to take away some of what the accounts have."""
    rules = MySQLEffective(world)
    people = [key for key, one in world.principals.items() if one.name.startswith("eff_")]
    questions = [
        (account, privilege, thing, set_role)
        for account in people
        for privilege, thing, _ in tries(kind, DATABASES)
        if privilege in rules.privileges(thing.scope, world.version)
        for set_role, found in [(False, rules.ways), (True, rules.ways_by_set_role)]
        if any(found(account, privilege, thing))
    ]
    accounts = Account.objects.select_related("instance")
    for account, privilege, thing, set_role in random.sample(questions, 4):
        yield take_away(accounts.get(pk=account), privilege, parts_of(thing), set_role=set_role)
