"""Sessions under both of their names: what ran, on what, and how it ended."""

from datetime import timedelta
from typing import Any
from unittest.mock import ANY

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks
from rest_framework.test import APIClient

from sync_sessions.models import SyncEvent, SyncRecord, SyncSession
from tests.api.envelopes import failure, page, success
from tests.factories import SyncRecordFactory, SyncSessionFactory, UserFactory

PATH = "/api/v1/sessions"


def document(session: SyncSession, **fields: Any) -> dict[str, Any]:
    return {
        "id": str(session.pk),
        "category": "accounts",
        "trigger": "command",
        "status": "pending",
        "requested_by": None,
        "created_at": ANY,
        "started_at": None,
        "finished_at": None,
        "cancel_requested_at": None,
        "schedule": "",
        "retry_of": None,
        "total": 0,
        "completed": 0,
        "failed": 0,
        "cancelled": 0,
        "open": 0,
        **fields,
    }


def record_document(record: SyncRecord, **fields: Any) -> dict[str, Any]:
    instance = record.instance
    assert instance is not None
    return {
        "id": record.pk,
        "instance": {"id": instance.pk, "name": instance.name, "engine": "toy"},
        "category": "accounts",
        "status": "pending",
        "attempt": 0,
        "started_at": None,
        "finished_at": None,
        "counts": {},
        "coverage": None,
        "error_code": "",
        "error_message": "",
        "timings": {},
        **fields,
    }


@pytest.fixture
def session(db: None) -> SyncSession:
    """One record failed, one done."""
    made: SyncSession = SyncSessionFactory(status="partial", requested_by=UserFactory(username="a"))
    SyncRecordFactory(session=made, status="completed", coverage=1.0)
    SyncRecordFactory(
        session=made, status="failed", error_code="DATABASE_TIMEOUT", error_message="Too slow."
    )
    return made


@pytest.mark.parametrize("path", [PATH, "/api/v1/sync-sessions"])
def test_session_is_shown_with_its_progress(
    viewer: APIClient, session: SyncSession, path: str
) -> None:
    expected = document(session, status="partial", requested_by="a", total=2, completed=1, failed=1)

    assert viewer.get(path).json() == page(expected)
    assert viewer.get(f"{path}/{session.pk}").json() == success(expected)


def test_session_is_found_however_its_id_is_spelt(viewer: APIClient, session: SyncSession) -> None:
    response = viewer.get(f"{PATH}/{str(session.pk).upper()}")

    assert response.json()["data"]["id"] == str(session.pk)


def test_sessions_are_filtered(viewer: APIClient, session: SyncSession) -> None:
    other = SyncSessionFactory(status="completed", trigger="schedule")

    for query in ({"status": "completed"}, {"trigger": "schedule"}, {"limit": 1}):
        assert found(viewer, **query) == [other]
    for query in ({"status": "done"}, {"instance": "9" * 30}, {"retry_of": "x"}, {"since": "then"}):
        assert viewer.get(PATH, query).status_code == 400


def found(viewer: APIClient, **query: Any) -> list[SyncSession]:
    items = viewer.get(PATH, query).json()["data"]["items"]
    return [SyncSession.objects.get(pk=item["id"]) for item in items]


def test_sessions_are_filtered_by_what_they_belong_to(
    viewer: APIClient, session: SyncSession
) -> None:
    hour = timedelta(hours=1)
    again = SyncSessionFactory(
        retry_of=session,
        schedule="sync_accounts",
        created_at=session.created_at + hour,
        requested_by=UserFactory(username="b"),
    )
    instance = session.records.values_list("instance", flat=True)[0]

    assert found(viewer, retry_of=session.pk) == [again]
    assert found(viewer, schedule="sync_accounts") == [again]
    assert found(viewer, requested_by="b") == [again]
    assert found(viewer, search="sync_acc") == [again]
    assert found(viewer, instance=instance) == [session]
    assert found(viewer, since=(session.created_at + hour / 2).isoformat()) == [again]
    assert found(viewer, until=(session.created_at + hour / 2).isoformat()) == [session]
    assert found(viewer, sort="created_at") == [session, again]
    assert found(viewer, sort="-created_at") == [again, session]


def test_records_are_those_of_the_session(viewer: APIClient, session: SyncSession) -> None:
    SyncRecordFactory()
    done, failed = session.records.select_related("instance").order_by("pk")
    error = {"error_code": "DATABASE_TIMEOUT", "error_message": "Too slow.", "status": "failed"}

    response = viewer.get(f"{PATH}/{session.pk}/records")

    assert response.json() == page(
        record_document(done, status="completed", coverage=1.0), record_document(failed, **error)
    )
    filtered = viewer.get(f"{PATH}/{session.pk}/records", {"status": "failed"})
    assert filtered.json() == page(record_document(failed, **error))


def test_events_and_error_logs(viewer: APIClient, session: SyncSession) -> None:
    failed = session.records.get(status="failed")
    for level, event in (("info", "record_started"), ("warning", "record_failed")):
        SyncEvent.objects.create(
            session=session,
            record=failed,
            level=level,
            event=event,
            fields={"n": 1},
            at=session.created_at,
        )

    events = viewer.get(f"{PATH}/{session.pk}/events").json()["data"]["items"]
    logs = viewer.get(f"{PATH}/{session.pk}/error-logs").json()["data"]["items"]

    warning = {
        "id": ANY,
        "record": failed.pk,
        "level": "warning",
        "event": "record_failed",
        "fields": {"n": 1},
        "at": ANY,
    }
    assert events == [{**warning, "level": "info", "event": "record_started"}, warning]
    assert logs == [
        {
            "id": failed.pk,
            "instance": {
                "id": failed.instance_id,
                "name": str(failed.instance),
                "engine": "toy",
            },
            "attempt": 0,
            "started_at": None,
            "finished_at": None,
            "error_code": "DATABASE_TIMEOUT",
            "error_message": "Too slow.",
            "events": [warning],
        }
    ]


@pytest.mark.parametrize("part", ["", "/records", "/events", "/error-logs"])
def test_unknown_session_is_not_found(viewer: APIClient, part: str) -> None:
    for key in ("00000000-0000-0000-0000-000000000000", "7"):
        response = viewer.get(f"{PATH}/{key}{part}")

        assert (response.status_code, response.json()) == (404, failure("RESOURCE_NOT_FOUND"))


def test_cancel_ends_what_has_not_begun(operator: APIClient) -> None:
    session = SyncSessionFactory()
    SyncRecordFactory(session=session)

    response = operator.post(f"{PATH}/{session.pk}/actions/cancel")

    ended = {"started_at": ANY, "finished_at": ANY, "cancel_requested_at": ANY}
    assert response.json() == success(
        document(session, status="cancelled", total=1, cancelled=1, **ended),
        "The session is being cancelled.",
    )


def test_finished_session_can_not_be_cancelled(operator: APIClient, session: SyncSession) -> None:
    response = operator.post(f"{PATH}/{session.pk}/actions/cancel")

    assert response.status_code == 409
    assert response.json() == failure(
        "CONSTRAINT_VIOLATION", "The session is partial already, or was told to stop."
    )


def test_failed_records_are_run_again_in_a_new_session(
    operator: APIClient,
    session: SyncSession,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks() as queued:
        response = operator.post(f"{PATH}/{session.pk}/actions/retry-failed")

    again = SyncSession.objects.exclude(pk=session.pk).get()
    assert response.status_code == 202
    assert response.json() == success({"session_id": str(again.pk)}, "Queued.")
    assert len(queued) == 1
    assert again.retry_of == session
    assert [record.instance for record in again.records.all()] == [
        session.records.get(status="failed").instance
    ]


def test_session_without_failed_records_is_not_run_again(operator: APIClient) -> None:
    response = operator.post(f"{PATH}/{SyncSessionFactory().pk}/actions/retry-failed")

    assert (response.status_code, response.json()["message_code"]) == (400, "VALIDATION_ERROR")
