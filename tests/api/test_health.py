"""Health: shallow for anybody, in detail for whoever is signed in."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import ANY

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_q.models import OrmQ, Schedule, Task
from rest_framework.test import APIClient
from structlog.testing import capture_logs

from sync_sessions.schedules import setup_schedules
from tests.api.envelopes import failure, success
from tests.factories import SyncRecordFactory, SyncSessionFactory
from whalefall.monitoring.health import CHECKS

PATH = "/api/v1/health/detailed"
MINUTE = timedelta(minutes=1)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _all_is_well(db: None) -> None:
    setup_schedules()
    ended(timezone.now())


def ended(at: Any) -> None:
    """A worker has ended a task then, and none later."""
    Task.objects.all().delete()
    Task.objects.create(id="t" * 32, name="t", func="f", started=at, stopped=at, success=True)


def told(viewer: APIClient) -> dict[str, Any]:
    data: dict[str, Any] = viewer.get(PATH).json()["data"]
    return data


def check(viewer: APIClient, name: str) -> dict[str, Any]:
    data = told(viewer)
    [found] = [one for one in data["checks"] if one["name"] == name]
    assert data["status"] == found["status"]  # it is the worst
    return dict(found)


def without_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    """On PostgreSQL the months are not there yet."""
    monkeypatch.delitem(CHECKS, "partitions")


def test_shallow_health_is_public(client: Client) -> None:
    for method in (client.get, client.head):
        assert method("/api/v1/health").status_code == 200
    assert client.get("/api/v1/health").json() == success({"status": "ok"})


def test_shallow_health_says_when_the_own_database_is_away(client: Client) -> None:
    def away(*_: Any) -> None:
        raise OperationalError("no such host hush-hush")

    with connection.execute_wrapper(away):
        response = client.get("/api/v1/health")

    assert response.status_code == 503
    assert response.json() == failure(
        "INTERNAL_ERROR", "Whalefall's own database does not answer.", recoverable=True
    )


def test_details_need_a_sign_in(client: Client) -> None:
    assert client.get(PATH).json() == failure("AUTHENTICATION_REQUIRED")


def test_all_is_well(viewer: APIClient) -> None:
    assert viewer.get(PATH).json() == success(
        {
            "status": "ok",
            "checked_at": ANY,
            "checks": [
                {"name": name, "status": "ok", "message": ANY, "suggestion": ""} for name in CHECKS
            ],
        }
    )


@pytest.mark.parametrize(("minutes", "status"), [(4, "ok"), (6, "warning")])
def test_queue_that_nobody_works_on(viewer: APIClient, minutes: int, status: str) -> None:
    OrmQ.objects.create(key="whalefall", payload="x", lock=timezone.now() - minutes * MINUTE)
    OrmQ.objects.create(key="whalefall", payload="x", lock=timezone.now() - MINUTE)
    OrmQ.objects.create(key="whalefall", payload="taken", lock=timezone.now() + 60 * MINUTE)

    found = check(viewer, "queue")

    assert (found["status"], found["message"][:12]) == (status, "2 tasks wait")


@pytest.mark.parametrize(
    ("minutes", "lease", "status"),
    [(2, None, "ok"), (4, None, "failed"), (4, 1, "warning"), (4, -1, "failed")],
)
def test_workers_that_are_silent(
    viewer: APIClient, minutes: int, lease: int | None, status: str
) -> None:
    ended(timezone.now() - minutes * MINUTE)
    if lease is not None:
        SyncRecordFactory(status="running", lease_until=timezone.now() + lease * MINUTE)

    assert check(viewer, "workers")["status"] == status


def test_worker_that_was_never_seen_is_unknown(viewer: APIClient) -> None:
    Task.objects.all().delete()

    assert check(viewer, "workers") == {
        "name": "workers",
        "status": "unknown",
        "message": "No worker has ever done anything.",
        "suggestion": "Start one: manage.py worker.",
    }


def schedule(**fields: Any) -> Callable[[], object]:
    return lambda: Schedule.objects.filter(name="clean_up").update(**fields)


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        (schedule(repeats=0), "warning", "Are paused: clean_up."),
        (
            schedule(cron="61 * * * *"),
            "failed",
            "Have no valid cron expression, so never run: clean_up.",
        ),
        (
            schedule(next_run=timezone.now() - timedelta(days=1)),
            "failed",
            "Are overdue: clean_up.",
        ),
        (schedule(name="gone"), "warning", "Are not set up: clean_up."),
    ],
)
def test_schedules(
    viewer: APIClient, change: Callable[[], object], status: str, message: str
) -> None:
    change()

    found = check(viewer, "schedules")

    assert (found["status"], found["message"]) == (status, message)
    assert found["suggestion"]


def test_records_that_nobody_rescues(viewer: APIClient) -> None:
    SyncRecordFactory(status="running", lease_until=timezone.now() - 4 * MINUTE)

    assert check(viewer, "runs")["status"] == "warning"


def test_migration_that_is_not_applied(viewer: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "django.db.migrations.recorder.MigrationRecorder.applied_migrations", lambda _self: {}
    )

    found = check(viewer, "database")

    assert (found["status"], found["suggestion"]) == ("failed", "Run manage.py migrate.")


def test_part_that_can_not_be_asked_is_unknown_and_does_not_hide_the_others(
    viewer: APIClient,
) -> None:
    def refuse(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        if "django_q_ormq" in sql:
            raise OperationalError("secret detail")
        return execute(sql, *args)

    with connection.execute_wrapper(refuse), capture_logs() as logs:
        data = told(viewer)

    states = {one["name"]: one["status"] for one in data["checks"]}
    assert (data["status"], states) == (
        "unknown",
        {**dict.fromkeys(CHECKS, "ok"), "queue": "unknown"},
    )
    assert [one["fallback_reason"] for one in logs if one.get("fallback")] == ["health_unknown"]


def test_number_of_queries_is_constant(viewer: APIClient) -> None:
    told(viewer)
    counts = []
    for number in (1, 6):
        for _ in range(number):
            session = SyncSessionFactory(schedule="clean_up", status="failed")
            SyncRecordFactory(session=session, status="running")
        with CaptureQueriesContext(connection) as queries:
            told(viewer)
        counts.append(len(queries))

    assert counts[0] == counts[1]
