"""The classifications that ship, after a real sync of the demo company."""

from collections import defaultdict
from contextlib import closing
from typing import Any

import pytest
from django.utils import timezone

from accounts.classify import classify_now
from accounts.models import Account, Assignment
from accounts.predicates.compiling import Rule, World
from accounts.system_rules import ship
from instances.engines.base import Target
from tests.engines.mysql.conftest import cleaned
from tests.factories import InstanceFactory, sync
from tests.live.mirrored import instance_of
from whalefall.demo.company import open_company
from whalefall.demo.servers import Server

pytestmark = [pytest.mark.django_db(transaction=True)]


def classes_of(server: Server, target: Target) -> dict[str, set[str]]:
    ship()
    instance = InstanceFactory(
        engine=server.engine,
        host=target.host,
        port=target.port,
        credential__username=target.username,
        credential__password=target.password,
    )
    assert sync(instance).status == "completed"
    classify_now([instance], trigger="command")
    found: dict[str, set[str]] = defaultdict(set)
    rows = Assignment.objects.open().filter(account__instance=instance)
    for code, name in rows.values_list("classification__code", "account__name"):
        found[code].add(name)
    return dict(found)


def test_postgresql(throwaway_postgresql: Server) -> None:
    all_powerful = {throwaway_postgresql.username, "move_2019"}

    target = open_company(throwaway_postgresql)
    assert classes_of(throwaway_postgresql, target) == {
        "superuser": all_powerful,
        "can-grant": {
            *all_powerful,
            *("dba", "ada"),  # by CREATEROLE, and by inheriting it
            *("shop_owner", "billing_owner", "warehouse_owner"),  # what they own
            "mia",  # WITH GRANT OPTION
        },
        "writes-everywhere": all_powerful,
        "reads-everything": {*all_powerful, "backup"},
        "password-expired": {"dashboard"},
        "password-never-expires": {
            *(*all_powerful, "whalefall", "Jörg Weiß", "freelancer"),
            *("backup", "migrations", "shop_search", "shop_web", "warehouse_scanner"),
        },
        "role": {
            *("shop_owner", "billing_owner", "warehouse_owner", "shop_reader", "shop_writer"),
            *("billing_clerk", "warehouse_staff", "analysts", "developers", "dba"),
        },
    }


def test_mariadb(throwaway_mariadb: Server) -> None:
    all_powerful = {f"{throwaway_mariadb.username}@localhost", "crm_import@%"}
    programs = {"crm_app@10.20.%", "wiki_app@localhost"}
    anywhere = {"crm_app@10.20.%", "guest@10.20.%", "crm_import@%"}
    anywhere |= {"ines@%", "jan@%", "petra@%", "oskar@%"}

    target = open_company(throwaway_mariadb)
    assert classes_of(throwaway_mariadb, target) == {
        "superuser": all_powerful,
        "can-grant": {*all_powerful, "oskar@%"},
        "writes-everywhere": all_powerful,
        "reads-everything": {*all_powerful, "backup@localhost"},
        "password-expired": {"petra@%"},
        "password-never-expires": {
            *(*all_powerful, *programs, *anywhere - {"oskar@%"}),
            *("backup@localhost", "newsletter@10.20.30.7", "whalefall@localhost"),
        },
        "wildcard-host": anywhere,
        "locked": {"jan@%"},
        "role": {"crm_reader", "crm_agent", "wiki_editor"},
        "service-account": programs,
    }


EVERYTHING = "GRANT ALL PRIVILEGES ON *.* TO"
WRITES = "GRANT INSERT, UPDATE, DELETE ON *.* TO"
PLANTED = f"""
CREATE DATABASE wf_classes;
CREATE ROLE wf_reader;
CREATE ROLE wf_writer;
GRANT SELECT ON *.* TO wf_reader;
{WRITES} wf_writer;
CREATE USER wf_all@'%' IDENTIFIED BY 'Hush-1' PASSWORD EXPIRE INTERVAL 9 DAY;
{EVERYTHING} wf_all@'%';
CREATE USER wf_super@localhost IDENTIFIED BY 'Hush-1' PASSWORD EXPIRE INTERVAL 9 DAY;
GRANT SUPER ON *.* TO wf_super@localhost;
CREATE USER wf_giver@localhost IDENTIFIED BY 'Hush-1' PASSWORD EXPIRE INTERVAL 9 DAY;
GRANT SELECT ON wf_classes.* TO wf_giver@localhost WITH GRANT OPTION;
CREATE USER app_wf@'10.0.0._' IDENTIFIED BY 'Hush-1' PASSWORD EXPIRE NEVER;
{WRITES} app_wf@'10.0.0._';
CREATE USER wf_net@'10.0.0.0/255.255.255.0' IDENTIFIED BY 'Hush-1' PASSWORD EXPIRE;
GRANT ALL PRIVILEGES ON wf_classes.* TO wf_net@'10.0.0.0/255.255.255.0';
CREATE USER 'wf.person'@localhost IDENTIFIED BY 'Hush-1' ACCOUNT LOCK;
GRANT wf_reader TO 'wf.person'@localhost;
GRANT wf_writer TO 'wf.person'@localhost;
SET DEFAULT ROLE wf_reader /*M! FOR */ /*!80000 TO */ 'wf.person'@localhost;
"""


@pytest.mark.parametrize("kind", ["mysql", "mariadb"])
def test_both_flavours_of_mysql(kind: str, request: pytest.FixtureRequest) -> None:
    with cleaned(request.getfixturevalue(kind)) as server:
        for statement in PLANTED.split(";"):
            if statement.strip():
                server.execute(statement)
        found = classes_of(server, server.target())

    # MariaDB: whoever may UPDATE the grant tables is all-powerful. MySQL guards them.
    reader, writer = (
        ("wf_reader@%", "wf_writer@%") if kind == "mysql" else ("wf_reader", "wf_writer")
    )
    by_update = {"app_wf@10.0.0._", writer} if kind == "mariadb" else set()
    network, person = "wf_net@10.0.0.0/255.255.255.0", "wf.person@localhost"
    mine = {code: {one for one in names if "wf" in one} for code, names in found.items()}
    assert {code: names for code, names in mine.items() if names} == {
        "superuser": {"wf_all@%", "wf_super@localhost", *by_update},
        "can-grant": {"wf_all@%", "wf_super@localhost", "wf_giver@localhost", *by_update},
        "writes-everywhere": {"wf_all@%", "app_wf@10.0.0._", writer},
        "reads-everything": {"wf_all@%", person, reader},
        "password-expired": {network},
        "password-never-expires": {network, person, "app_wf@10.0.0._"},
        "wildcard-host": {"wf_all@%", network, "app_wf@10.0.0._"},
        "locked": {person},
        "role": {reader, writer},
        "service-account": {"app_wf@10.0.0._"},
        "personal-account": {person},
    }


def told(match: dict[str, Any]) -> tuple[set[str], set[str]]:
    """Of whom it is true, and of whom false."""
    truth = World(timezone.now(), {}).truth(Rule("", {"match": match}))
    yes, no = (
        set(Account.objects.filter(one).values_list("name", flat=True))
        for one in (truth.yes, truth.no)
    )
    return yes, no


def test_what_public_has_everybody_has(throwaway_mariadb: Server) -> None:
    server = throwaway_mariadb
    for statement in (
        "CREATE DATABASE pub_db",
        "CREATE TABLE pub_db.t (a int)",
        "CREATE ROLE near",
        "CREATE ROLE far",
        "CREATE USER pu@localhost",
        "GRANT SELECT ON `pub\\_db`.* TO far",
        "GRANT far TO near",
        "GRANT near TO PUBLIC",
    ):
        server.execute(statement)
    instance = instance_of(server)
    sync(instance)
    everybody = {"near", "far", "pu@localhost", "public", "root@localhost", "mariadb.sys@localhost"}
    with closing(server.connect(username="pu", password="")) as plain:
        plain.cursor().execute("SELECT * FROM pub_db.t")

        assert told({"privilege": {"name": ["SELECT"], "database": ["pub_db"]}}) == (
            everybody,
            set(),
        )
        assert told({"role": {"name": ["near"]}}) == (everybody - {"near"}, {"near"})
        assert told({"superuser": True}) == ({"root@localhost"}, everybody - {"root@localhost"})

        server.execute("GRANT ALL ON *.* TO far WITH GRANT OPTION")
        sync(instance)

    with closing(server.connect(username="pu", password="")) as powerful:
        powerful.cursor().execute("CREATE USER made@localhost")
        powerful.cursor().execute("GRANT SELECT ON *.* TO made@localhost")
    found = Account.objects.get(name="pu@localhost").facts
    assert {name: found[name] for name in ("superuser", "can_become_superuser", "can_grant")} == {
        "superuser": {"value": True, "reasons": ["SUPER of far"]},
        "can_become_superuser": {"value": True, "reasons": ["far"]},
        "can_grant": {"value": True, "reasons": ["GRANT OPTION of far"]},
    }
    by_role = {"near", "public"}
    assert told({"superuser": True}) == (everybody - by_role, by_role)
