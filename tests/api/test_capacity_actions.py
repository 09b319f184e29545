"""The two sync-capacity actions, word for word as clients know them."""

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks
from rest_framework.test import APIClient

from capacity.models import InstanceAggregate, InstanceSize
from instances.engines.errors import ConnectionFailed, UnusableAnswer
from instances.models import Instance
from sync_sessions.models import SyncRecord, SyncSession
from tests.api.conftest import person_behind
from tests.api.envelopes import failure, success
from tests.factories import InstanceFactory, SyncRecordFactory, SyncSessionFactory
from tests.toy_engine import ToyServer, database, sizes

PATH = "/api/v1/instances"
ALL = f"{PATH}/actions/sync-capacity"
ServerHas = Callable[..., ToyServer]


def one(instance: Instance) -> str:
    return f"{PATH}/{instance.pk}/actions/sync-capacity"


def failed(record: SyncRecord, message: str) -> dict[str, Any]:
    """``extra`` of a collection that failed."""
    result = {
        "status": "failed",
        "message": message,
        "success": False,
        "session_id": str(record.session_id),
        "counts": {},
    }
    return {"result": result, "instance_id": record.instance_id}


def test_collection_of_all_is_queued(
    operator: APIClient,
    instance: Instance,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    InstanceFactory(is_active=False)

    with django_capture_on_commit_callbacks() as queued:
        response = operator.post(ALL)

    session = SyncSession.objects.get()
    assert response.status_code == 202
    assert response.json() == success({"session_id": str(session.pk)}, "Queued.")
    assert len(queued) == 1
    assert [record.instance for record in session.records.all()] == [instance]
    assert (session.category, session.trigger) == ("capacity", "api")
    assert session.requested_by == person_behind(operator)


def test_collection_of_all_without_an_active_instance_is_a_validation_error(
    operator: APIClient,
) -> None:
    InstanceFactory(is_active=False)

    response = operator.post(ALL)

    assert response.status_code == 400
    assert response.json() == failure(
        "VALIDATION_ERROR", "No instance is active, so there is nothing to sync."
    )
    assert not SyncSession.objects.exists()


@pytest.mark.parametrize(
    ("total", "size"), [(1536, "1.5 KB"), (0, "0 bytes"), (None, "of unknown size")]
)
def test_collection_of_one_runs_now(
    operator: APIClient, instance: Instance, server_has: ServerHas, total: int | None, size: str
) -> None:
    server_has(instance, sizes=sizes(database("shop", total)))

    response = operator.post(one(instance))

    record = SyncRecord.objects.get(category="capacity")
    assert response.status_code == 200
    assert response.json() == success(
        {
            "result": {
                "status": "completed",
                "message": f"1 databases, {size}.",
                "success": True,
                "session_id": str(record.session_id),
                "counts": record.counts,
            }
        },
        "Synced.",
    )
    assert record.counts["databases"] == 1


def test_collection_of_one_refreshes_the_aggregates_of_today(
    operator: APIClient, instance: Instance, server_has: ServerHas
) -> None:
    server_has(instance, sizes=sizes(database("shop", 70)))

    operator.post(one(instance))

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
def test_collection_of_one_that_fails_has_the_result_beside_the_error(
    operator: APIClient, instance: Instance, server_has: ServerHas, error: Any, code: str
) -> None:
    server_has(instance, fails_with=error)

    response = operator.post(one(instance))

    record = SyncRecord.objects.get()
    assert response.status_code == 409
    assert response.json() == failure(code, str(error), extra=failed(record, str(error)))


def test_collection_of_one_while_another_runs_names_that_session(
    operator: APIClient, instance: Instance, server_has: ServerHas
) -> None:
    server_has(instance, sizes=sizes(database("shop")))
    running = SyncSessionFactory(status="running", category="capacity")
    SyncRecordFactory(session=running, instance=instance, status="running", category="capacity")

    response = operator.post(one(instance))

    record = SyncRecord.objects.exclude(session=running).get()
    assert response.status_code == 409
    assert response.json() == failure(
        "SYNC_ALREADY_RUNNING",
        record.error_message,
        extra={**failed(record, record.error_message), "session_id": str(running.pk)},
    )


def test_collection_of_an_unknown_instance_is_not_found(operator: APIClient, db: None) -> None:
    deleted = InstanceFactory(deleted_at="2026-01-01T00:00:00Z")

    assert operator.post(f"{PATH}/999/actions/sync-capacity").status_code == 404
    assert operator.post(one(deleted)).json() == failure("RESOURCE_NOT_FOUND")


def test_collection_of_one_runs_without_a_transaction_around_it(
    root: APIClient, server_has: ServerHas
) -> None:
    instance = InstanceFactory()
    server_has(instance, sizes=sizes(database("shop")))

    response = root.post(one(instance))

    # The write is durable: inside another transaction it would have raised.
    assert response.status_code == 200
