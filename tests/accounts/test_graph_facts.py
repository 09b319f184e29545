"""What an account has through others stands in its facts, and moves with them."""

from typing import Any

import pytest

from accounts.models import Account, AccountChange
from instances.engines.base import MembershipRecord, Section
from tests.factories import sync
from tests.toy_engine import ToyServer, reading, select_on, user

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db]


def fact(account: str, name: str) -> tuple[Any, list[str]]:
    found = Account.objects.get(name=account).facts[name]
    return found["value"], found["reasons"]


@pytest.fixture
def server(instance: Any, server_has: Any) -> ToyServer:
    """``ada`` inherits ``team``, which could become ``root``; ``eve`` could become ``ada``."""
    accounts = [user(name) for name in ("ada", "eve", "team")] + [user("root", is_superuser=True)]
    links = [
        MembershipRecord("ada", "team"),
        MembershipRecord("team", "root", inherits=False),
        MembershipRecord("eve", "ada", inherits=False),
    ]
    made: ToyServer = server_has(instance, reading(accounts, links))
    sync(instance)
    return made


def test_roles_are_counted_apart(server):
    counts = {
        name: (fact(name, "inherited_roles")[0], fact(name, "settable_roles")[0])
        for name in ("ada", "eve", "team", "root")
    }

    assert counts == {"ada": (1, 1), "eve": (0, 3), "team": (0, 1), "root": (0, 0)}


def test_who_could_become_superuser_is_told_with_whom(server):
    assert {
        name: fact(name, "can_become_superuser") for name in ("ada", "eve", "team", "root")
    } == {
        "ada": (True, ["root"]),
        "eve": (True, ["root"]),
        "team": (True, ["root"]),
        "root": (False, []),
    }


def test_inheriting_alone_makes_nobody_superuser(instance, server):
    server.now_has(memberships=[MembershipRecord("team", "root", can_set=False)])
    sync(instance)

    assert fact("team", "can_become_superuser") == (False, [])


def test_facts_of_others_move_with_a_role_without_an_entry_of_theirs(instance, server):
    entries = AccountChange.objects.exclude(account__name="team").count()

    server.now_has(grants=[select_on("shop.public.orders", "team", grantable=True)])
    sync(instance)

    assert fact("ada", "can_grant") == (True, ["GRANT OPTION of team"])
    assert fact("eve", "can_grant") == (False, [])
    assert AccountChange.objects.exclude(account__name="team").count() == entries


def test_superuser_that_ends_ends_for_all_who_could_become_it(instance, server):
    ordinary = [user(name) for name in ("ada", "eve", "team", "root")]
    server.now_has(accounts=ordinary)
    sync(instance)

    assert fact("eve", "can_become_superuser") == (False, [])


def test_unknown_memberships_make_no_certain_fact(instance, server_has):
    hidden = Section("memberships", "", "We may not read them.")
    server_has(instance, reading([user("ada")], unknown=[hidden]))
    sync(instance)

    assert fact("ada", "can_become_superuser") == (None, [])
    assert fact("ada", "inherited_roles") == (None, [])
