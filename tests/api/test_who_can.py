"""Who can, and what one may do in the end, over HTTP."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Account, Classification, Grant
from instances.engines.base import MembershipRecord
from instances.engines.postgresql.effective import PostgreSQLEffective
from instances.models import Instance
from tests.factories import InstanceFactory, sync
from tests.toy_engine import Toy, reading, role, select_on, user

PATH = "/api/v1/accounts/who-can"


@pytest.fixture
def shop(instance: Instance, server_has: Any, monkeypatch: pytest.MonkeyPatch) -> Instance:
    monkeypatch.setattr(Toy, "effective", PostgreSQLEffective)
    accounts = [user("ada"), user("eve"), role("team"), role("readers")]
    links = [
        MembershipRecord("ada", "team"),
        MembershipRecord("team", "readers"),
        MembershipRecord("eve", "readers", inherits=False),
    ]
    grants = [
        select_on("shop.public.orders", "readers", grantable=True),
        select_on("shop.public.orders", "team", privilege="OWNER", is_owner=True),
    ]
    server_has(instance, reading(accounts, links, grants, version="18.1"))
    sync(instance)
    return instance


def holder(instance: Instance, name: str, via: list[str], **fields: Any) -> dict[str, Any]:
    way = {"via": via, "set_role": 0, "power": "", "to": "readers"}
    return {
        "instance": instance.name,
        "instance_id": instance.pk,
        "account": name,
        "account_id": Account.objects.get(name=name).pk,
        "privilege": "SELECT",
        "scope": "table",
        "grantable": True,
        "reachable": False,
        "via": via,
        "set_role": False,
        "condition": "",
        "ways": [{**way, "grantable": True, "condition": ""}],
        **fields,
    }


def test_holders_are_paged_with_what_could_not_be_told(viewer: APIClient, shop: Instance) -> None:
    never = InstanceFactory()
    everybody = [
        holder(shop, "ada", ["team", "readers"]),
        holder(shop, "readers", []),
        holder(shop, "team", ["readers"]),
    ]
    for page, items in ((1, everybody[:2]), (2, everybody[2:])):
        query = {"privilege": "select", "object": "shop.public.orders", "limit": "2"}
        assert viewer.get(PATH, {**query, "page": str(page)}).json()["data"] == {
            "items": items,
            "total": 3,
            "page": page,
            "pages": 2,
            "limit": 2,
            "could_not_be_told": [
                {
                    "instance": never.name,
                    "instance_id": never.pk,
                    "reason": "Its privileges have never been read.",
                }
            ],
        }


def test_set_role_and_instance_narrow_and_widen(viewer: APIClient, shop: Instance) -> None:
    query = {"privilege": "SELECT", "object": "shop.public.orders", "set_role": "true"}

    items = viewer.get(PATH, {**query, "instance": str(shop.pk)}).json()["data"]["items"]

    assert [one["account"] for one in items if one["set_role"]] == ["eve"]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"privilege": "SELECT"}, 400, "VALIDATION_ERROR"),
        ({"privilege": "SELECT", "object": "a..b"}, 400, "VALIDATION_ERROR"),
        ({"privilege": "SELECT", "object": "*", "instance": "0"}, 400, "VALIDATION_ERROR"),
        ({"privilege": "SELECT", "object": "*", "colour": "red"}, 400, "VALIDATION_ERROR"),
        ({"privilege": "SELECT", "object": "*", "at": "2999-01-01"}, 400, "VALIDATION_ERROR"),
        ({"privilege": "SELECT", "object": "a.b.c"}, 404, "RESOURCE_NOT_FOUND"),
    ],
)
def test_wrong_questions(
    viewer: APIClient, shop: Instance, query: dict[str, str], status: int, code: str
) -> None:
    response = viewer.get(PATH, query)

    assert (response.status_code, response.json()["message_code"]) == (status, code)


def test_permissions_in_the_end(viewer: APIClient, shop: Instance) -> None:
    account = Account.objects.get(name="eve")
    path = f"/api/v1/accounts/ledgers/{account.pk}/permissions"

    assert viewer.get(path).json()["data"]["permissions"] == []
    (held,) = viewer.get(path, {"effective": "true"}).json()["data"]["permissions"]
    assert held == {
        "privilege": "SELECT",
        "scope": "table",
        "database": "shop",
        "schema": "public",
        "object": "orders",
        "column": "",
        "grantable": True,
        "denied": False,
        "owner": False,
        "reachable": False,
        "via": ["readers"],
        "set_role": True,
        "condition": "",
        "ways": [
            {
                "via": ["readers"],
                "set_role": 1,
                "power": "",
                "to": "readers",
                "grantable": True,
                "condition": "",
            }
        ],
    }


# --- the list of accounts, by their own grants and classes ------------------------------------

LEDGERS = "/api/v1/accounts/ledgers"


def listed(client: APIClient, **query: str) -> list[str]:
    return [one["name"] for one in client.get(LEDGERS, query).json()["data"]["items"]]


@pytest.mark.both_databases
def test_accounts_are_listed_by_their_own_grants(viewer: APIClient, shop: Instance) -> None:
    grants = Grant.objects.filter(account__name="readers")

    assert listed(viewer, privilege="select") == ["readers"]
    assert listed(viewer, privilege="OWNER") == ["team"]
    assert listed(viewer, object="shop.public.orders") == ["readers", "team"]
    assert listed(viewer, privilege="SELECT", object="shop.public.orders") == ["readers"]
    assert listed(viewer, privilege="SELECT", object="shop.public.nothing") == []
    grants.close(grants.values_list("pk", flat=True), at=timezone.now())
    assert listed(viewer, object="shop.public.orders") == ["team"]


@pytest.mark.both_databases
def test_accounts_are_listed_by_their_class_of_now(viewer: APIClient, shop: Instance) -> None:
    kind = Classification.objects.create(code="ours", name="Ours")
    for name in ("ada", "eve"):
        Account.objects.get(name=name).assignments.create(
            classification=kind, is_manual=True, assigned_at=timezone.now()
        )
    Account.objects.get(name="eve").assignments.update(revoked_at=timezone.now())

    assert listed(viewer, classification=str(kind.pk)) == ["ada"]


def test_an_object_that_is_not_written_as_one_is_refused(viewer: APIClient) -> None:
    response = viewer.get(LEDGERS, {"object": "a..b"})

    assert (response.status_code, response.json()["message_code"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("path", [PATH, LEDGERS])
def test_pages_take_the_same_number_of_queries_whatever_the_size(
    viewer: APIClient, server_has: Any, shop: Instance, path: str
) -> None:
    query = {"privilege": "SELECT", "object": "shop.public.orders"}
    viewer.get(path, query)
    with CaptureQueriesContext(connection) as few:
        assert viewer.get(path, query).json()["data"]["total"] == (3 if path == PATH else 1)

    for number in range(5):
        names = [f"a{at}" for at in range(5 * number)]
        grants = [select_on("shop.public.orders", name) for name in (*names, "readers")]
        grants.append(select_on("shop.public.orders", "readers", privilege="OWNER", is_owner=True))
        another = InstanceFactory()
        accounts = [*map(user, names), role("readers")]
        server_has(another, reading(accounts, [], grants, version="18.1"))
        sync(another)

    with CaptureQueriesContext(connection) as many:
        assert viewer.get(path, query).json()["data"]["total"] > 50
    assert len(many) == len(few)
