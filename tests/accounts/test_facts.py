"""Facts say unknown where something that would settle them was not read."""

import pytest

from accounts import facts, store, stored
from accounts.models import Account
from instances.engines.base import MembershipRecord, Section
from tests.factories import sync
from tests.toy_engine import reading, role, select_on, user

pytestmark = pytest.mark.both_databases

SHOP = Section("grants", "shop", "We may not connect.")
KNOWN = reading([user("app")], grants=[select_on("shop.public.orders", "app")])
PARTLY = reading([user("app")], grants=KNOWN.grants, unknown=[SHOP])


def can_grant(name="app"):
    return Account.objects.get(name=name).facts["can_grant"]


def test_no_way_to_grant_is_certain_only_when_everything_is_known(instance, server_has):
    server = server_has(instance, KNOWN)
    sync(instance)
    certain = can_grant()

    server.reading = PARTLY
    sync(instance)
    unsure = can_grant()
    server.reading = KNOWN
    sync(instance)

    assert certain == can_grant() == {"value": False, "reasons": []}
    assert unsure == {"value": None, "reasons": []}


def test_a_way_to_grant_is_certain_whatever_is_unknown(instance, server_has):
    accounts = [
        user("app"),
        user("owner"),
        user("admin"),
        user("creator", attributes={"grant_reasons": ["CREATEROLE"]}),
        role("readers"),
    ]
    grants = [
        select_on("shop.public.orders", "app", grantable=True),
        select_on("shop.public.orders", "owner", privilege="OWNER", is_owner=True),
    ]
    membership = MembershipRecord("admin", "readers", admin_option=True)
    server_has(instance, reading(accounts, [membership], grants, unknown=[SHOP]))

    sync(instance)

    assert {name: can_grant(name) for name in ("app", "owner", "admin", "creator", "readers")} == {
        "app": {"value": True, "reasons": ["GRANT OPTION"]},
        "owner": {"value": True, "reasons": ["OWNER"]},
        "admin": {"value": True, "reasons": ["ADMIN OPTION"]},
        "creator": {"value": True, "reasons": ["CREATEROLE"]},
        "readers": {"value": None, "reasons": []},
    }


def test_what_the_server_does_not_tell_is_unknown(instance, server_has):
    server_has(instance, reading([user("app", is_superuser=None, is_locked=None)]))

    sync(instance)

    unknown: dict[str, object] = {"value": None, "reasons": []}
    assert Account.objects.get().facts == {
        "superuser": unknown,
        "locked": unknown,
        "can_grant": {"value": False, "reasons": []},
        "password_absent": unknown,
        "password_expired": unknown,
        "password_never_expires": unknown,
        "can_become_superuser": unknown,
        "inherited_roles": {"value": 0, "reasons": []},
        "settable_roles": {"value": 0, "reasons": []},
    }


def test_facts_of_another_version_are_computed_anew_without_a_change_entry(
    instance, server_has, monkeypatch
):
    server_has(instance, KNOWN)
    sync(instance)
    newer = facts.FACTS_VERSION + 1

    for module in (store, stored):
        monkeypatch.setattr(module, "FACTS_VERSION", newer)
    monkeypatch.setattr(store, "compute_facts", lambda *_, **__: {"new": {"value": True}})
    record = sync(instance)

    account = Account.objects.get()
    assert (account.facts, account.facts_version) == ({"new": {"value": True}}, newer)
    assert record.counts["changes"] == 0
