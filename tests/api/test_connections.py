"""Connecting while the caller waits: preflight, test-connection, and what they never send."""

from collections.abc import Callable
from typing import Any
from unittest.mock import ANY

import pytest
from django.db import connections
from rest_framework.test import APIClient

from instances.engines.base import Section, Target
from instances.engines.errors import ConnectionFailed, QueryRefused, ServerTimeout
from instances.models import Instance
from tests.api.envelopes import failure, invalid, success
from tests.factories import InstanceFactory
from tests.toy_engine import TOY_SERVERS, Toy, ToyServer, reading

PATH = "/api/v1/instances"
TEST = f"{PATH}/actions/test-connection"
GRANTS = Section("grants", "shop", "Our login may not connect.", "GRANT CONNECT ON shop TO us")
TYPED = {
    "engine": "toy",
    "host": "new.example.org",
    "port": 5432,
    "username": "dba",
    "password": "typed-in-password",
}

ServerHas = Callable[..., ToyServer]


def section(name: str, database: str = "", reason: str = "", grant: str = "") -> dict[str, Any]:
    return {
        "name": name,
        "database": database,
        "is_complete": not reason,
        "reason": reason,
        "needed_grant": grant,
    }


PREFLIGHT = {
    "version": "1.0",
    "coverage": 0.8,
    "sections": [
        section("accounts"),
        section("memberships"),
        section("server"),
        section("grants", "shop", GRANTS.reason, GRANTS.needed_grant),
        section("databases"),
    ],
    "needed_grants": ["GRANT CONNECT ON shop TO us"],
}


@pytest.fixture
def targets(monkeypatch: pytest.MonkeyPatch) -> list[Target]:
    """Every target that was connected to."""
    seen: list[Target] = []
    connect = Toy.open

    def spy(engine: Toy) -> None:
        seen.append(engine.target)
        connect(engine)

    monkeypatch.setattr(Toy, "open", spy)
    return seen


def test_preflight_says_what_our_login_can_not_see(
    operator: APIClient, instance: Instance, server_has: ServerHas
) -> None:
    server_has(instance, reading(unknown=[GRANTS]))

    response = operator.get(f"{PATH}/{instance.pk}/preflight")

    assert (response.status_code, response.json()) == (200, success(PREFLIGHT))


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ConnectionFailed("It refuses the login."), 409, "DATABASE_CONNECTION_ERROR"),
        (ServerTimeout("It did not answer."), 504, "DATABASE_TIMEOUT"),
        (QueryRefused("It refused the roles query."), 502, "DATABASE_QUERY_ERROR"),
    ],
)
def test_preflight_of_a_server_in_trouble_is_an_error(
    operator: APIClient,
    instance: Instance,
    server_has: ServerHas,
    error: Any,
    status: int,
    code: str,
) -> None:
    server_has(instance, reading(), fails_with=error)

    response = operator.get(f"{PATH}/{instance.pk}/preflight")

    assert response.status_code == status
    assert response.json() == failure(code, str(error), suggestions=list(error.suggestions))


def test_connection_status_tells_what_is_stored(
    viewer: APIClient, operator: APIClient, instance: Instance, server_has: ServerHas
) -> None:
    path = f"{PATH}/{instance.pk}/connection-status"
    unknown = {"status": "unknown", "version": "", "last_reached_at": None, "last_error": ""}

    assert viewer.get(path).json() == success(unknown)

    operator.get(f"{PATH}/{instance.pk}/preflight")
    text = f"Cannot connect to {instance.host}."
    assert viewer.get(path).json() == success(
        {**unknown, "status": "unreachable", "last_error": text}
    )

    server_has(instance, reading())
    operator.get(f"{PATH}/{instance.pk}/preflight")
    assert viewer.get(path).json() == success(
        {**unknown, "status": "reachable", "last_reached_at": ANY}
    )


def test_stored_instance_is_tested_with_its_own_credential(
    operator: APIClient, instance: Instance, server_has: ServerHas, targets: list[Target]
) -> None:
    server_has(instance, reading(unknown=[GRANTS]))

    response = operator.post(TEST, {"instance_id": instance.pk})

    assert (response.status_code, response.json()) == (200, success(PREFLIGHT))
    assert [(one.host, one.password) for one in targets] == [(instance.host, "hush-hush")]


def test_stored_credential_is_never_sent_to_another_host(
    admin: APIClient, instance: Instance, targets: list[Target]
) -> None:
    mixed = admin.post(TEST, {"instance_id": instance.pk, "host": "evil.example.org"})
    without_password = {name: value for name, value in TYPED.items() if name != "password"}
    borrowed = admin.post(TEST, {**TYPED, "credential": instance.credential_id})
    silent = admin.post(TEST, without_password)

    text = "There is no such field; known are instance_id."
    assert (mixed.status_code, mixed.json()) == (400, invalid(host=text))
    assert (borrowed.status_code, list(borrowed.json()["extra"]["fields"])) == (400, ["credential"])
    assert (silent.status_code, silent.json()) == (
        400,
        invalid(password="This field is required."),
    )
    assert targets == []


def test_typed_in_parameters_are_tested_and_nothing_is_stored(
    admin: APIClient, targets: list[Target]
) -> None:
    TOY_SERVERS["new.example.org"] = ToyServer(reading(unknown=[GRANTS]))

    response = admin.post(TEST, TYPED)

    assert (response.status_code, response.json()) == (200, success(PREFLIGHT))
    assert [(one.host, one.username, one.password) for one in targets] == [
        ("new.example.org", "dba", "typed-in-password")
    ]
    assert not Instance.objects.exists()


def test_typed_in_password_is_in_no_answer_and_no_log(
    admin: APIClient, caplog: pytest.LogCaptureFixture
) -> None:
    error = ConnectionFailed("driver says: password typed-in-password is wrong")
    TOY_SERVERS["new.example.org"] = ToyServer(reading(), fails_with=error)

    response = admin.post(TEST, TYPED)

    assert response.status_code == 409
    assert b"typed-in-password" not in response.content
    assert "typed-in-password" not in caplog.text


def test_only_who_may_add_instances_may_type_a_server_in(
    operator: APIClient, targets: list[Target]
) -> None:
    response = operator.post(TEST, TYPED)

    assert (response.status_code, response.json()) == (403, failure("PERMISSION_REQUIRED"))
    assert targets == []


def test_instance_in_the_recycle_bin_is_not_tested(admin: APIClient, instance: Instance) -> None:
    admin.delete(f"{PATH}/{instance.pk}")

    response = admin.post(TEST, {"instance_id": instance.pk})

    text = f'Invalid pk "{instance.pk}" - object does not exist.'
    assert (response.status_code, response.json()) == (400, invalid(instance_id=text))


def test_preflight_opens_no_transaction_of_ours_while_the_server_answers(
    root: APIClient, server_has: ServerHas
) -> None:
    instance, inside = InstanceFactory(), []
    ours = connections["default"]  # the server is read in another thread, which has its own
    server_has(instance, reading(), during_read=lambda: inside.append(ours.in_atomic_block))

    root.get(f"{PATH}/{instance.pk}/preflight")
    root.post(TEST, {"instance_id": instance.pk})

    # Accounts, sizes and tables, twice.
    assert inside == [False] * 6


def test_driver_that_hangs_holds_up_nobody(
    root: APIClient, server_has: ServerHas, settings: Any
) -> None:
    settings.PROBE_TIMEOUT_SECONDS = 0.2
    instance = InstanceFactory()
    server = server_has(instance, hangs=True, ignores_interrupt=True)
    text = f"{instance.host} did not answer within 0.2 s; the attempt was ended."
    suggestions = ["Check the load of the server, or raise the time-outs in the settings."]

    for answer in (
        lambda: root.get(f"{PATH}/{instance.pk}/preflight"),
        lambda: root.post(TEST, {"instance_id": instance.pk}),
    ):
        response = answer()
        assert response.status_code == 504
        assert response.json() == failure("DATABASE_TIMEOUT", text, suggestions=suggestions)
    server.released.set()

    status = root.get(f"{PATH}/{instance.pk}/connection-status").json()["data"]
    assert (status["status"], status["last_error"]) == ("unreachable", text)
