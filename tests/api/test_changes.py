"""The change feed, the history of one account, and readings that wait for a decision."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from unittest.mock import ANY

import pytest
from rest_framework.test import APIClient

from accounts.models import Account, AccountChange, HeldReading
from instances.engines.postgresql.effective import PostgreSQLEffective
from instances.models import Instance
from sync_sessions.models import SyncSession
from tests.api.conftest import person_behind
from tests.api.envelopes import failure, page, success
from tests.factories import AccountChangeFactory, AccountFactory, sync
from tests.toy_engine import Toy, ToyServer, reading, select_on, user

FEED, HELD = "/api/v1/account-change-logs", "/api/v1/held-readings"
ServerHas = Callable[..., ToyServer]


def document(change: AccountChange) -> dict[str, Any]:
    account = change.account
    instance = account.instance
    return {
        "id": change.pk,
        "account": {
            "id": account.pk,
            "name": account.name,
            "kind": "user",
            "instance": {"id": instance.pk, "name": instance.name, "engine": "toy"},
        },
        "kind": "added",
        "cause": "observed",
        "diff": {},
        "session": None,
        "occurred_at": ANY,
    }


def keys(client: APIClient, path: str, **query: Any) -> list[int]:
    response = client.get(path, query)
    assert response.status_code == 200, response.json()
    return [item["id"] for item in response.json()["data"]["items"]]


def test_changes_are_listed_newest_first(viewer: APIClient) -> None:
    older, newer = AccountChangeFactory(), AccountChangeFactory()

    assert viewer.get(FEED).json() == page(document(newer), document(older))


def test_one_change_tells_its_effect(
    viewer: APIClient, instance: Instance, server_has: ServerHas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Toy, "effective", PostgreSQLEffective)
    start = reading([user("ada")])
    server = server_has(instance, start)
    sync(instance)
    first = AccountChange.objects.get()
    server.now_has(grants=(select_on("shop.public.orders", "ada"),))
    sync(instance)
    change = AccountChange.objects.latest("pk")

    told = viewer.get(f"{FEED}/{change.pk}").json()["data"]
    unknown = viewer.get(f"{FEED}/{first.pk}").json()["data"]

    place = {"scope": "table", "database": "shop", "schema": "public", "object": "orders"}
    gained = {"account": "ada", "privilege": "SELECT", **place, "column": "", "how": "holds"}
    count = {"privilege": "SELECT", "scope": "table", "how": "holds", "accounts": 1, "objects": 1}
    assert told["effect"] == {
        "gained": [count],
        "lost": [],
        "depends": 0,
        "examples": {"gained": [gained], "lost": []},
        "is_complete": True,
        "reasons": [],
    }
    assert unknown["effect"] == {
        "gained": None,
        "lost": None,
        "depends": 0,
        "examples": {"gained": [], "lost": []},
        "is_complete": False,
        "reasons": ["Nobody had read the server before, so nobody knows what was new."],
    }


def test_changes_are_filtered(viewer: APIClient) -> None:
    old = AccountChangeFactory(kind="removed", occurred_at=datetime(2026, 1, 1, tzinfo=UTC))
    new = AccountChangeFactory(cause="visibility", account__name="dba")

    assert keys(viewer, FEED, instance=old.account.instance_id) == [old.pk]
    assert keys(viewer, FEED, account=new.account_id) == [new.pk]
    assert keys(viewer, FEED, kind="removed") == [old.pk]
    assert keys(viewer, FEED, cause="visibility") == [new.pk]
    assert keys(viewer, FEED, since="2026-06-01T00:00:00Z") == [new.pk]
    assert keys(viewer, FEED, until="2026-06-01T00:00:00Z") == [old.pk]
    assert keys(viewer, FEED, search="dba") == [new.pk]
    assert keys(viewer, FEED, sort="occurred_at") == [old.pk, new.pk]


def test_history_is_that_of_one_account(viewer: APIClient) -> None:
    change = AccountChangeFactory()
    AccountChangeFactory()
    path = f"/api/v1/accounts/ledgers/{change.account_id}/change-history"

    assert viewer.get(path).json() == page(document(change))
    assert keys(viewer, path, kind="removed") == []
    assert viewer.get(path.replace(str(change.account_id), "999")).status_code == 404


def test_account_without_changes_has_an_empty_history(viewer: APIClient) -> None:
    path = f"/api/v1/accounts/ledgers/{AccountFactory().pk}/change-history"

    assert viewer.get(path).json() == page()


def held_reading(instance: Instance, server_has: ServerHas) -> HeldReading:
    server = server_has(instance, reading([user(f"u{number}") for number in range(10)]))
    sync(instance)
    server.now_has(accounts=(user("u0"),))
    return sync(instance).held_reading


def held_document(held: HeldReading, **fields: Any) -> dict[str, Any]:
    instance = held.record.instance
    assert instance is not None
    return {
        "id": held.pk,
        "instance": {"id": instance.pk, "name": instance.name, "engine": "toy"},
        "session": str(held.record.session_id),
        "read_at": ANY,
        "summary": held.summary,
        "decision": "pending",
        "decided_by": None,
        "decided_at": None,
        **fields,
    }


def test_held_reading_waits_for_a_decision(
    viewer: APIClient, instance: Instance, server_has: ServerHas
) -> None:
    held = held_reading(instance, server_has)

    assert viewer.get(HELD).json() == page(held_document(held))
    assert viewer.get(f"{HELD}/{held.pk}").json() == success(held_document(held))
    assert keys(viewer, HELD, decision="accepted") == []
    assert keys(viewer, HELD, instance=instance.pk) == [held.pk]


def test_accepted_reading_is_applied_as_it_was_stored(
    operator: APIClient, instance: Instance, server_has: ServerHas
) -> None:
    held = held_reading(instance, server_has)

    response = operator.post(f"{HELD}/{held.pk}/actions/accept")

    session = SyncSession.objects.get(trigger="api")
    assert response.status_code == 200
    assert response.json() == success({"session_id": str(session.pk)}, "Accepted and applied.")
    assert [one.name for one in Account.objects.present()] == ["u0"]
    held.refresh_from_db()
    assert held.decided_by == session.requested_by == person_behind(operator)


def test_rejected_reading_changes_nothing_and_stays_rejected(
    operator: APIClient, instance: Instance, server_has: ServerHas
) -> None:
    held = held_reading(instance, server_has)

    rejected = operator.post(f"{HELD}/{held.pk}/actions/reject")
    again = operator.post(f"{HELD}/{held.pk}/actions/accept")

    decided = {"decision": "rejected", "decided_at": ANY}
    by = person_behind(operator).username
    assert rejected.json() == success(held_document(held, decided_by=by, **decided), "Rejected.")
    assert (again.status_code, again.json()) == (
        409,
        failure(
            "CONSTRAINT_VIOLATION",
            f"Held reading {held.pk} is rejected already; look at the newest reading of the "
            "instance.",
        ),
    )
    assert Account.objects.present().count() == 10
