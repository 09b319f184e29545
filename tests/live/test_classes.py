"""The classifications that ship, after a real sync of the demo company."""

from collections import defaultdict

import pytest

from accounts.classify import classify_now
from accounts.models import Assignment
from accounts.system_rules import ship
from tests.factories import InstanceFactory, sync
from whalefall.demo.company import open_company
from whalefall.demo.servers import Server

pytestmark = [pytest.mark.django_db(transaction=True)]


def classes_of(server: Server) -> dict[str, set[str]]:
    ship()
    target = open_company(server)
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

    assert classes_of(throwaway_postgresql) == {
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

    assert classes_of(throwaway_mariadb) == {
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
