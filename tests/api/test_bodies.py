"""What is sent is understood or refused, never passed over: every route that writes."""

import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import ANY

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from sync_sessions.models import SyncSession
from tests.api.envelopes import failure, invalid, success
from tests.api.test_roles import ALLOWED

WRITES = [key for key in ALLOWED if key[1] != "get"]


def answers(
    client: APIClient, there: dict[str, object], body: str, routes: list[tuple[str, str]] = WRITES
) -> Iterator[tuple[tuple[str, str], Any]]:
    """What each route answers to ``body``; each finds everything as it was."""
    for path, method in routes:
        before = transaction.savepoint()
        address = f"/api/v1/{path.format(**there)}"
        yield (path, method), client.generic(method.upper(), address, body, "application/json")
        transaction.savepoint_rollback(before)


@pytest.mark.parametrize("body", ["{bad", "[1]", '"text"'], ids=["no-json", "list", "text"])
def test_a_body_that_is_no_object_is_refused_everywhere(
    admin: APIClient,
    objects: dict[str, object],
    body: str,
) -> None:
    sessions = list(SyncSession.objects.values())
    wrong = {
        key: response.json()
        for key, response in answers(admin, objects, body)
        if (response.status_code, response.json()["message_code"]) != (400, "VALIDATION_ERROR")
        or list(SyncSession.objects.values()) != sessions
    }

    assert wrong == {}


BODYLESS = [
    *((path, method) for path, method in WRITES if method == "delete"),
    *((path, "post") for path, _ in WRITES if path.startswith("instances/") and "sync-" in path),
    ("instances/{id}/actions/restore", "post"),
    ("held-readings/{id}/actions/accept", "post"),
    ("held-readings/{id}/actions/reject", "post"),
    ("partitions", "post"),
    ("partitions/actions/cleanup", "post"),
    *((f"scheduler/jobs/{{job}}/actions/{verb}", "post") for verb in ("pause", "resume", "run")),
    *((path, method) for path, method in WRITES if "sessions/{session}" in path),
]


def test_an_action_without_fields_refuses_any(
    admin: APIClient,
    objects: dict[str, object],
) -> None:
    body = json.dumps({"dry_run": True})

    found = {key: one.json() for key, one in answers(admin, objects, body, BODYLESS)}

    assert found == dict.fromkeys(BODYLESS, invalid(dry_run="This takes no body."))


def test_a_field_that_there_is_not_is_named_everywhere(
    admin: APIClient,
    objects: dict[str, object],
) -> None:
    routes = [key for key in WRITES if key not in BODYLESS]

    found = {
        key: (one.status_code, one.json()["message_code"], one.json()["extra"]["fields"])
        for key, one in answers(admin, objects, '{"hots": "x"}', routes)
    }

    assert found == dict.fromkeys(routes, (400, "VALIDATION_ERROR", {"hots": ANY}))


def test_the_fields_that_there_are_are_told(admin: APIClient) -> None:
    response = admin.post("/api/v1/tags", {"nmae": "x", "categroy": "y", "id": 5})

    text = "There is no such field; known are category, name."
    assert (response.status_code, response.json()) == (400, invalid(categroy=text, nmae=text))


EDITED = {
    "instances/{id}": {},
    "credentials/{id}": {"password": "another-one"},
    "tags/{id}": {},
    "users/{id}": {},
    "accounts/classifications/{id}": {},
    "accounts/classifications/rules/{id}": {},
    "scheduler/jobs/{job}": {},
}


def test_every_row_that_can_be_put_is_in_the_list_above() -> None:
    assert {path for path, method in WRITES if method == "put"} == set(EDITED)


@pytest.mark.parametrize("path", EDITED)
def test_what_was_read_can_be_sent_back(
    admin: APIClient,
    objects: dict[str, object],
    path: str,
) -> None:
    address = f"/api/v1/{path.format(**objects)}"
    read = admin.get(address).json()["data"]

    response = admin.put(address, {**read, **EDITED[path]})

    assert (response.status_code, response.json()) == (200, success(read, "Saved."))
    assert admin.get(address).json()["data"] == read


@pytest.mark.parametrize("body", ["", "{}", "null"])
def test_an_empty_body_is_none(admin: APIClient, body: str) -> None:
    response = admin.generic("POST", "/api/v1/partitions", body, "application/json")

    assert response.status_code == 202


def test_names_that_no_answer_can_hold_are_told_and_not_all_of_many(admin: APIClient) -> None:
    odd = admin.generic("POST", "/api/v1/partitions", '{"\\ud800": 1}', "application/json")
    many = admin.post("/api/v1/partitions", {f"f{number:03}": 1 for number in range(1000)})

    assert (odd.status_code, odd.json()) == (400, invalid(**{"\\ud800": "This takes no body."}))
    assert many.json() == failure(
        "VALIDATION_ERROR",
        extra={"fields": {f"f{number:03}": ["This takes no body."] for number in range(20)}},
    )
