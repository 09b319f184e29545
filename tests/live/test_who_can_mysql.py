"""Who can and what one may do in the end, by command, on MySQL and MariaDB: as it is when tried."""

from collections.abc import Iterator
from contextlib import closing
from io import StringIO
from json import loads
from typing import Any

import MySQLdb
import pytest
from django.core.management import call_command

from accounts.models import Account, RoleClosure
from instances.engines.mysql.effective import MySQLEffective
from instances.models import Instance
from tests.engines.mysql.conftest import cleaned, plant
from tests.factories import sync
from tests.live.mirrored import instance_of
from tests.live.mysql_trying import allowed
from whalefall.demo.servers import Server

pytestmark = pytest.mark.django_db
PEOPLE = ("ada", "bob", "eve", "mia", "zoe")
PLANTED = [
    "CREATE DATABASE wc_shop",
    "CREATE TABLE wc_shop.orders (id int, note text)",
    "CREATE PROCEDURE wc_shop.pay() SQL SECURITY INVOKER DO 1",
    "CREATE ROLE wc_readers, wc_lead, wc_boss, wc_chief",
    *[f"CREATE USER {name}@localhost" for name in PEOPLE],
    "GRANT wc_readers TO wc_lead",
    "GRANT wc_boss TO wc_chief",
    "GRANT wc_lead TO ada@localhost, bob@localhost",
    "GRANT wc_chief TO eve@localhost, mia@localhost",
    "GRANT SELECT ON `wc\\_%`.* TO wc_readers",
    "GRANT EXECUTE ON PROCEDURE wc_shop.pay TO wc_lead",
    "GRANT INSERT (note) ON wc_shop.orders TO zoe@localhost WITH GRANT OPTION",
    "GRANT SUPER ON *.* TO wc_boss",
]
QUESTIONS = {
    ("SELECT", "wc_shop.orders.id"): "SELECT id FROM wc_shop.orders WHERE FALSE",
    ("INSERT", "wc_shop.orders.note"): (
        "INSERT INTO wc_shop.orders (note) SELECT 'x' FROM (SELECT 1) AS one WHERE FALSE"
    ),
    ("EXECUTE", "wc_shop.pay"): "CALL wc_shop.pay()",
    ("CREATE", "wc_shop"): "CREATE DATABASE wc_shop",
    ("SELECT", "information_schema.TABLES"): "SELECT 1 FROM information_schema.TABLES WHERE FALSE",
}


@pytest.fixture(params=["mysql", "mariadb"])
def planted(request: pytest.FixtureRequest) -> Iterator[Server]:
    with cleaned(request.getfixturevalue(request.param)) as server:
        word = "FOR" if server.kind == "mariadb" else "TO"
        default = [("wc_lead", "ada"), ("wc_chief", "eve")]
        active = [f"SET DEFAULT ROLE {role} {word} {name}@localhost" for role, name in default]
        plant(server, *PLANTED, *active)
        yield server


@pytest.fixture
def instance(planted: Server) -> Instance:
    made = instance_of(planted)
    record = sync(made)
    assert (record.status, record.coverage) == ("completed", 1.0)
    made.refresh_from_db()
    return made


def answer(command: str, *question: str) -> Any:
    out = StringIO()
    call_command(command, *question, "--json", stdout=out)
    return loads(out.getvalue())


def who_can(instance: Instance, *question: str) -> dict[str, Any]:
    found = answer("who_can", *question, "--instance", instance.name)
    return {one["account"]: one for one in found}


def can(server: Server, name: str, sql: str, role: str = "") -> bool:
    with closing(server.connect(username=name, password="")) as connection:
        cursor = connection.cursor()
        try:
            cursor.execute(f"SET ROLE {role}" if role else "DO 1")
        except MySQLdb.Error:
            return False
        return allowed(cursor, sql)


def test_mirror_answers_as_the_server(planted: Server, instance: Instance) -> None:
    for question, sql in QUESTIONS.items():
        ours = set(who_can(instance, *question))
        with_roles = set(who_can(instance, *question, "--set-role"))
        really = {f"{name}@localhost" for name in PEOPLE if can(planted, name, sql)}
        taken = {
            f"{name}@localhost"
            for name in PEOPLE
            if any(can(planted, name, sql, role) for role in ("", "wc_lead", "wc_chief"))
        }
        everybody = {f"{name}@localhost" for name in PEOPLE}
        assert (ours & everybody, with_roles & everybody) == (really, taken), question


def test_path_of_roles_is_named(instance: Instance) -> None:
    suffix = "" if "MariaDB" in instance.version else "@%"
    roles = [f"wc_lead{suffix}", f"wc_readers{suffix}"]

    found = who_can(instance, "SELECT", "wc_shop.orders", "--set-role")

    assert (found["ada@localhost"]["via"], found["bob@localhost"]["via"]) == (roles, roles)
    assert "set_role" not in found["ada@localhost"]
    assert found["bob@localhost"]["set_role"] is True


def test_account_says_what_it_may_do_in_the_end(instance: Instance) -> None:
    suffix = "" if "MariaDB" in instance.version else "@%"
    told = answer("privileges", instance.name, "bob@localhost", "--effective")
    (zoe,) = answer("privileges", instance.name, "zoe@localhost", "--effective")

    assert [(one["privilege"], one["database"], one["via"], one["set_role"]) for one in told] == [
        ("SELECT", "wc\\_%", [f"wc_lead{suffix}", f"wc_readers{suffix}"], True),
        ("EXECUTE", "wc_shop", [f"wc_lead{suffix}"], True),
    ]
    assert (zoe["privilege"], zoe["column"], zoe["grantable"]) == ("INSERT", "note", True)


def test_superuser_by_a_role_of_a_role_is_a_fact(instance: Instance) -> None:
    suffix = "" if "MariaDB" in instance.version else "@%"
    accounts = Account.objects.filter(instance=instance)

    facts = {name: accounts.get(name=f"{name}@localhost").facts for name in ("ada", "eve", "mia")}
    roles = RoleClosure.objects.filter(account__instance=instance, role__name=f"wc_boss{suffix}")

    def fact(name: str, kind: str) -> tuple[Any, Any]:
        return facts[name][kind]["value"], facts[name][kind]["reasons"]

    boss = [f"wc_boss{suffix}"]
    assert fact("eve", "can_become_superuser") == fact("mia", "can_become_superuser")
    assert fact("mia", "can_become_superuser") == (True, boss)
    assert fact("ada", "can_become_superuser") == (False, [])
    assert fact("eve", "can_grant") == (True, [f"SUPER of wc_boss{suffix}"])
    assert fact("mia", "can_grant") == (False, [])
    reached = set(roles.values_list("account__name", "inherits", "depth"))
    assert {one for one in reached if "localhost" in one[0] and one[0] != "root@localhost"} == {
        ("eve@localhost", True, 2),
        ("mia@localhost", False, 2),
    }


def test_all_that_a_server_grants_on_itself_can_be_asked_about(planted: Server) -> None:
    told: Any = planted.execute("SHOW PRIVILEGES")
    [(version,)] = planted.execute("SELECT version()")

    words = {name.upper() for name, _, _ in told} - {"USAGE", "PROXY", "GRANT OPTION"}
    assert words - set(MySQLEffective.privileges("server", version)) == set()
