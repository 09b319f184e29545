"""The actions that sync accounts and capacity, word for word as clients know them."""

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks
from rest_framework.test import APIClient
from structlog.testing import capture_logs

from accounts.models import HeldReading
from capacity.models import InstanceAggregate, InstanceSize
from instances.engines.errors import ConnectionFailed, UnusableAnswer
from instances.models import Instance
from sync_sessions.models import SyncRecord, SyncSession
from tests.api.conftest import person_behind
from tests.api.envelopes import failure, success
from tests.factories import InstanceFactory, SyncRecordFactory, SyncSessionFactory, sync
from tests.toy_engine import ToyServer, database, reading, sizes, user

PATH = "/api/v1/instances"
COUNTED = {"accounts": "accounts", "capacity": "databases"}
ServerHas = Callable[..., ToyServer]


@pytest.fixture(params=["accounts", "capacity"])
def category(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def all_of(category: str) -> str:
    return f"{PATH}/actions/sync-{category}"


def one(instance: Instance, category: str = "accounts") -> str:
    return f"{PATH}/{instance.pk}/actions/sync-{category}"


def failed(record: SyncRecord, message: str) -> dict[str, Any]:
    """``extra`` of a sync that failed."""
    result = {
        "status": "failed",
        "message": message,
        "success": False,
        "session_id": str(record.session_id),
        "counts": {},
    }
    return {"result": result, "instance_id": record.instance_id}


def test_sync_of_all_is_queued(
    operator: APIClient,
    instance: Instance,
    category: str,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    InstanceFactory(is_active=False)

    with django_capture_on_commit_callbacks() as queued:
        response = operator.post(all_of(category))

    session = SyncSession.objects.get()
    assert response.status_code == 202
    assert response.json() == success({"session_id": str(session.pk)}, "Queued.")
    assert len(queued) == 1
    assert [record.instance for record in session.records.all()] == [instance]
    assert (session.category, session.trigger) == (category, "api")
    assert session.requested_by == person_behind(operator)


def test_sync_of_all_without_an_active_instance_is_a_validation_error(
    operator: APIClient, category: str
) -> None:
    InstanceFactory(is_active=False)

    response = operator.post(all_of(category))

    assert response.status_code == 400
    assert response.json() == failure(
        "VALIDATION_ERROR", "No instance is active, so there is nothing to sync."
    )
    assert not SyncSession.objects.exists()


@pytest.mark.parametrize(
    ("category", "message"),
    [
        ("accounts", "2 accounts read, 2 changes found."),
        ("capacity", "1 databases, 1.5 KB."),
    ],
)
def test_sync_of_one_runs_now(
    operator: APIClient, instance: Instance, server_has: ServerHas, category: str, message: str
) -> None:
    server_has(instance, reading([user("app"), user("dba")]), sizes=sizes(database("shop", 1536)))

    response = operator.post(one(instance, category))

    record = SyncRecord.objects.get(category=category)
    assert response.status_code == 200
    assert response.json() == success(
        {
            "result": {
                "status": "completed",
                "message": message,
                "success": True,
                "session_id": str(record.session_id),
                "counts": record.counts,
            }
        },
        "Synced.",
    )
    assert message.startswith(f"{record.counts[COUNTED[category]]} ")


@pytest.mark.parametrize(("total", "size"), [(0, "0 bytes"), (None, "of unknown size")])
def test_sync_of_the_capacity_of_one_says_what_is_unknown(
    operator: APIClient, instance: Instance, server_has: ServerHas, total: int | None, size: str
) -> None:
    server_has(instance, sizes=sizes(database("shop", total)))

    response = operator.post(one(instance, "capacity"))

    assert response.json()["data"]["result"]["message"] == f"1 databases, {size}."


def test_sync_of_the_capacity_of_one_refreshes_the_aggregates_of_today(
    operator: APIClient, instance: Instance, server_has: ServerHas
) -> None:
    server_has(instance, sizes=sizes(database("shop", 70)))

    operator.post(one(instance, "capacity"))

    measured = InstanceSize.objects.get()
    today = InstanceAggregate.objects.get(period="daily", instance=instance)
    assert (today.period_start, today.avg_bytes) == (measured.measured_on, 70)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConnectionFailed("It refuses the login."), "DATABASE_CONNECTION_ERROR"),
        (UnusableAnswer("It answered with nonsense."), "SYNC_DATA_ERROR"),
    ],
)
def test_sync_of_one_that_fails_has_the_result_beside_the_error(
    operator: APIClient,
    instance: Instance,
    server_has: ServerHas,
    category: str,
    error: Any,
    code: str,
) -> None:
    server_has(instance, fails_with=error)

    response = operator.post(one(instance, category))

    record = SyncRecord.objects.get()
    assert response.status_code == 409
    assert response.json() == failure(code, str(error), extra=failed(record, str(error)))


def test_sync_of_one_while_another_runs_names_that_session(
    operator: APIClient, instance: Instance, server_has: ServerHas, category: str
) -> None:
    server_has(instance)
    running = SyncSessionFactory(status="running", category=category)
    SyncRecordFactory(session=running, instance=instance, status="running", category=category)

    response = operator.post(one(instance, category))

    record = SyncRecord.objects.exclude(session=running).get()
    assert response.status_code == 409
    assert response.json() == failure(
        "SYNC_ALREADY_RUNNING",
        record.error_message,
        extra={**failed(record, record.error_message), "session_id": str(running.pk)},
    )


def test_sync_of_one_that_is_held_back_names_the_held_reading(
    operator: APIClient, instance: Instance, server_has: ServerHas
) -> None:
    server = server_has(instance, reading([user(f"u{number}") for number in range(10)]))
    sync(instance)
    server.now_has(accounts=())

    response = operator.post(one(instance))

    held = HeldReading.objects.get()
    assert response.status_code == 409
    assert response.json() == failure(
        "SYNC_IMPLAUSIBLE",
        held.record.error_message,
        extra={
            **failed(held.record, held.record.error_message),
            **held.summary,
            "held_reading": held.pk,
        },
    )


def test_bug_during_a_sync_of_one_is_logged_once_and_named(
    operator: APIClient, instance: Instance, server_has: ServerHas
) -> None:
    server_has(instance, reading(), fails_with=ZeroDivisionError("a bug"))

    with capture_logs() as logs:
        response = operator.post(one(instance))

    record = SyncRecord.objects.get()
    tracebacks = [line["error_id"] for line in logs if line.get("exc_info")]
    assert response.status_code == 500
    assert response.json() == failure(
        "TASK_EXECUTION_FAILED",
        record.error_message,
        extra=failed(record, record.error_message),
    )
    assert len(tracebacks) == 1
    assert tracebacks[0] in record.error_message


def test_sync_of_an_unknown_instance_is_not_found(
    operator: APIClient, db: None, category: str
) -> None:
    deleted = InstanceFactory(deleted_at="2026-01-01T00:00:00Z")

    assert operator.post(f"{PATH}/999/actions/sync-{category}").status_code == 404
    assert operator.post(one(deleted, category)).json() == failure("RESOURCE_NOT_FOUND")


def test_sync_of_one_runs_without_a_transaction_around_it(
    root: APIClient, server_has: ServerHas, category: str
) -> None:
    instance = InstanceFactory()
    server_has(instance, sizes=sizes(database("shop")))

    response = root.post(one(instance, category))

    # The write is durable: inside another transaction it would have raised.
    assert response.status_code == 200
