"""/metrics: who may read it, and that its numbers are those of the database."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_q.models import OrmQ, Schedule, Task
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from sync_sessions.schedules import setup_schedules
from tests.factories import (
    InstanceFactory,
    SectionFactory,
    SyncRecordFactory,
    SyncSessionFactory,
)

pytestmark = pytest.mark.django_db

NOW = timezone.now()
DAY = timedelta(days=1)


@pytest.fixture
def metrics(client: Client) -> Callable[[], dict[str, Any]]:
    """Ours: name → labels in order → number."""

    def read() -> dict[str, Any]:
        response = client.get("/metrics")
        assert response.status_code == 200
        found: dict[str, Any] = {}
        for family in text_string_to_metric_families(response.content.decode()):
            if family.name.startswith("whalefall_"):
                found[family.name.removeprefix("whalefall_")] = {
                    tuple(sample.labels.values()): sample.value for sample in family.samples
                }
        return found

    return read


EMPTY: dict[str, Any] = {
    "sessions": {},
    "records_failed": {},
    "record_seconds_mean": {},
    "record_seconds_longest": {},
    "records_pending": {(): 0},
    "records_running": {(): 0},
    "leases_expired": {(): 0},
    "leases_lost_24h": {(): 0},
    "queue_tasks": {(): 0},
    "queue_oldest_seconds": {(): 0},
    "worker_heartbeat_timestamp_seconds": {},
    "instances": {("reachable",): 0, ("unreachable",): 0, ("unknown",): 0},
    "coverage_ratio": {},
    "instances_never_read": {(): 0},
    "schedules_overdue": {(): 0},
    "schedules_paused": {(): 0},
}


@pytest.mark.both_databases
def test_nothing_yet_is_zero_where_it_is_counted_and_absent_where_it_is_unknown(
    metrics: Callable[[], dict[str, Any]],
) -> None:
    assert metrics() == EMPTY


@pytest.mark.both_databases
def test_numbers_are_those_of_the_database(metrics: Callable[[], dict[str, Any]]) -> None:
    here = InstanceFactory(last_reached_at=NOW)
    InstanceFactory(last_error="refused", last_reached_at=NOW)
    InstanceFactory()
    InstanceFactory(is_active=False, last_error="refused")
    for name, state in (("a", "complete"), ("b", "complete"), ("c", "unknown")):
        SectionFactory(instance=here, name=name, state=state)
    new, old = (
        SyncSessionFactory(status="completed", created_at=NOW - age) for age in (DAY / 2, 2 * DAY)
    )
    SyncSessionFactory(status="running", created_at=NOW - 2 * DAY)
    for session, total in ((new, 1.0), (new, 3.0), (old, 100.0)):
        SyncRecordFactory(
            session=session,
            instance=InstanceFactory(is_active=False),
            status="completed",
            timings={"read": 0.5, "total": total},
        )
    for session in (new, old):
        SyncRecordFactory(session=session, status="failed", error_code="WORKER_LOST", attempt=2)
    SyncRecordFactory(session=new, lease_until=NOW - DAY)
    SyncRecordFactory(session=new, status="running", lease_until=NOW + DAY)
    OrmQ.objects.create(key="k", payload="p", lock=NOW - DAY)
    Task.objects.create(id="t" * 32, name="t", func="f", started=NOW, stopped=NOW, success=True)
    setup_schedules()
    Schedule.objects.filter(name="clean_up").update(repeats=0)
    Schedule.objects.filter(name="sync_accounts").update(next_run=NOW - DAY)

    found = metrics()

    waited = found.pop("queue_oldest_seconds")[()]
    assert 0 <= waited - DAY.total_seconds() < 600
    active = 6  # with the instances of the four records that made their own
    assert found == {
        "sessions": {("accounts", "completed"): 1, ("accounts", "running"): 1},
        "records_failed": {("accounts", "WORKER_LOST"): 1},
        "record_seconds_mean": {("accounts", "read"): 0.5, ("accounts", "total"): 2},
        "record_seconds_longest": {("accounts", "read"): 0.5, ("accounts", "total"): 3},
        "records_pending": {(): 1},
        "records_running": {(): 1},
        "leases_expired": {(): 1},
        "leases_lost_24h": {(): 1},
        "queue_tasks": {(): 1},
        "worker_heartbeat_timestamp_seconds": {(): pytest.approx(NOW.timestamp())},
        "instances": {("reachable",): 1, ("unreachable",): 1, ("unknown",): active - 1},
        "coverage_ratio": {("accounts",): pytest.approx(2 / 3)},
        "instances_never_read": {(): active},
        "schedules_overdue": {(): 1},
        "schedules_paused": {(): 1},
    }


def test_number_of_queries_is_constant(client: Client) -> None:
    counts = []
    for number in (1, 6):
        for _ in range(number):
            SyncRecordFactory()
            SectionFactory()
        with CaptureQueriesContext(connection) as queries:
            client.get("/metrics")
        counts.append(len(queries))

    assert counts == [10, 10]


def test_requests_are_counted_too(client: Client) -> None:
    client.get("/api/v1/health")

    assert 'view="health"' in client.get("/metrics").content.decode()


@pytest.mark.parametrize(
    ("remote", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("", {}, 200),
        ("192.0.2.7", {}, 401),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 401),
        ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}, 401),
        ("192.0.2.7", {"Authorization": "Bearer s3cret-for-metrics"}, 200),
        ("192.0.2.7", {"Authorization": "bearer s3cret-for-metrics"}, 200),
        ("192.0.2.7", {"Authorization": "Bearer s3cret"}, 401),
        ("192.0.2.7", {"Authorization": "Basic s3cret-for-metrics"}, 401),
        ("127.0.0.1", {"Authorization": "Bearer wrong"}, 401),
    ],
)
def test_only_this_machine_or_the_token_may_read(
    client: Client, settings: Settings, remote: str, headers: dict[str, str], status: int
) -> None:
    settings.METRICS_TOKEN = "s3cret-for-metrics"

    response = client.get("/metrics", headers=headers, REMOTE_ADDR=remote)

    assert response.status_code == status
    if status == 401:
        assert b"whalefall_" not in response.content


@pytest.mark.parametrize("token", ["", "None"])
def test_without_a_token_of_ours_none_opens(client: Client, settings: Settings, token: str) -> None:
    settings.METRICS_TOKEN = ""
    headers = {"Authorization": f"Bearer {token}"}

    assert client.get("/metrics", headers=headers, REMOTE_ADDR="192.0.2.7").status_code == 401
    assert client.post("/metrics").status_code == 405
