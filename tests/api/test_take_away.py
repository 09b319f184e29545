"""How a privilege is taken away: over HTTP and in the command."""

from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from json import loads
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import Account
from instances.engines.base import MembershipRecord, Section
from instances.engines.postgresql.effective import PostgreSQLEffective
from instances.engines.postgresql.statements import PostgreSQLStatements
from instances.models import Instance
from tests.factories import sync
from tests.toy_engine import Toy, ToyServer, reading, role, select_on, user

pytestmark = pytest.mark.django_db
ORDERS = "shop.sales.orders"
ASKED = {"privilege": "select", "object": ORDERS}


@pytest.fixture
def server(
    instance: Instance, server_has: Callable[..., ToyServer], monkeypatch: pytest.MonkeyPatch
) -> ToyServer:
    monkeypatch.setattr(Toy, "effective", PostgreSQLEffective)
    monkeypatch.setattr(Toy, "statements_of", PostgreSQLStatements)
    accounts = [user("ada"), user("eve"), *map(role, ("own<er", "team"))]
    links = [MembershipRecord("ada", "team", grantor="own<er")]
    grants = [
        select_on(ORDERS, "team", grantor="own<er"),
        select_on(ORDERS, "team", privilege="INSERT", grantor="own<er"),
        select_on(ORDERS, "team", privilege="DELETE", grantor="own<er"),
        select_on(ORDERS, "own<er", privilege="OWNER", is_owner=True),
    ]
    made = server_has(instance, reading(accounts, links, grants, version="18.1"))
    sync(instance)
    return made


def named(name: str) -> Account:
    found: Account = Account.objects.get(name=name)
    return found


@pytest.fixture
def ada(server: ToyServer) -> Account:
    return named("ada")


EXPECTED = {
    "statements": [
        {"database": "shop", "sql": 'REVOKE SELECT ON TABLE "sales"."orders" FROM "team";'}
    ],
    "undo": [{"database": "shop", "sql": 'GRANT SELECT ON TABLE "sales"."orders" TO "team";'}],
}


def ask(client: APIClient, account: Account, **query: Any) -> Any:
    return client.get(f"/api/v1/accounts/ledgers/{account.pk}/take-away", {**ASKED, **query})


def test_the_whole_answer(viewer: APIClient, ada: Account) -> None:
    """Of two cuts with one statement, the one that takes less away: the rest of the role stays."""
    also = {"gained": [], "lost": [], "depends": 0, "is_complete": True, "reasons": []}
    count = {"privilege": "SELECT", "scope": "table", "how": "holds", "accounts": 1, "objects": 1}
    example = {
        "account": "team",
        "privilege": "SELECT",
        "scope": "table",
        "database": "shop",
        "schema": "sales",
        "object": "orders",
        "column": "",
        "how": "holds",
    }
    assert ask(viewer, ada).json()["data"] == {
        "instance": ada.instance.name,
        "instance_id": ada.instance_id,
        "account": "ada",
        "account_id": ada.pk,
        "privilege": "SELECT",
        "object": ["shop", "sales", "orders"],
        "set_role": False,
        "held": True,
        **EXPECTED,
        "is_least": True,
        "also": {**also, "lost": [count], "examples": {"gained": [], "lost": [example]}},
        "obstacles": [],
        "unknown": [],
    }


def test_command_prints_the_same(viewer: APIClient, ada: Account) -> None:
    out = StringIO()
    arguments = ("take_away", ada.instance.name, "ada", "select", ORDERS)
    call_command(*arguments, "--json", stdout=out)
    assert loads(out.getvalue()) == ask(viewer, ada).json()["data"]

    out = StringIO()
    call_command(*arguments, stdout=out)
    code = [line for line in out.getvalue().splitlines() if not line.startswith("--")]
    assert code == [EXPECTED["statements"][0]["sql"]]


def test_not_held_is_not_unknown(viewer: APIClient, server: ToyServer, ada: Account) -> None:
    eve = named("eve")
    answer = ask(viewer, eve).json()["data"]
    assert (answer["held"], answer["unknown"], answer["statements"]) == (False, [], [])

    section = Section("grants", "shop", "No right.", "")
    known = server.reading
    assert known is not None
    server.reading = replace(known, sections=[*known.sections[:2], section])
    sync(eve.instance)
    answer = ask(viewer, eve).json()["data"]
    assert (answer["held"], answer["unknown"]) == (None, ["No right."])
    assert ask(viewer, ada).json()["data"]["also"]["is_complete"] is False


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"object": "shop.sales.missing"}, 404, "RESOURCE_NOT_FOUND"),
        ({"object": "shop..orders"}, 400, "VALIDATION_ERROR"),
        ({"privilege": "FLY"}, 400, "VALIDATION_ERROR"),
        ({"other": "x"}, 400, "VALIDATION_ERROR"),
    ],
)
def test_what_can_not_be_asked(
    viewer: APIClient, ada: Account, query: Any, status: int, code: str
) -> None:
    response = ask(viewer, ada, **query)
    assert (response.status_code, response.json()["message_code"]) == (status, code)


def test_engine_without_statements(
    viewer: APIClient, ada: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Toy, "statements_of", None)
    response = ask(viewer, ada)
    assert (response.status_code, response.json()["message_code"]) == (409, "SNAPSHOT_MISSING")


def test_queries_do_not_grow(viewer: APIClient, server: ToyServer) -> None:
    counts = []
    for more in (0, 30):
        names = [f"more{number}" for number in range(more)]
        known = server.reading
        assert known is not None
        server.reading = replace(
            known,
            accounts=[*known.accounts, *map(user, names)],
            grants=[*known.grants, *(select_on(ORDERS, name, grantor="team") for name in names)],
        )
        sync(Instance.objects.get())
        ask(viewer, named("ada"))
        with CaptureQueriesContext(connection) as captured:
            assert ask(viewer, named("ada")).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1]
