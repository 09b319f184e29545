"""What runs by itself: listed, edited, paused, resumed, run now."""

from datetime import datetime, timedelta
from typing import Any
from unittest.mock import ANY
from zoneinfo import ZoneInfo

import pytest
from auditlog.models import LogEntry
from django.conf import settings
from django.utils import timezone
from django_q.models import Schedule, Task
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks, Settings
from rest_framework.test import APIClient

from sync_sessions.jobs import TITLES
from sync_sessions.models import SyncSession
from sync_sessions.schedules import setup_schedules
from sync_sessions.tasks import run_schedule
from tests.api.conftest import person_behind
from tests.api.envelopes import failure, page, success
from tests.factories import InstanceFactory, SyncRecordFactory, SyncSessionFactory

PATH = "/api/v1/scheduler/jobs"
SYNC = f"{PATH}/sync_accounts"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _schedules(db: None) -> None:
    setup_schedules()


def job(**fields: Any) -> dict[str, Any]:
    """``sync_accounts`` as it is set up."""
    return {
        "name": "sync_accounts",
        "title": "Sync accounts",
        "cron": "0 1 * * *",
        "explanation": "At 01:00, every day.",
        "paused": False,
        "running": False,
        "overdue": False,
        "problem": "",
        "last_run": None,
        "next_runs": nights(1),
        **fields,
    }


def nights(hour: int) -> list[str]:
    """The next five times that it is ``hour``."""
    now = timezone.localtime()
    first = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    days = range(int(first <= now), 5 + int(first <= now))
    return [spelt(first + timedelta(days=day)) for day in days]


def spelt(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def test_every_job_is_listed(viewer: APIClient) -> None:
    document = viewer.get(PATH).json()
    items = document["data"]["items"]

    assert document == page(*items)
    assert [(item["name"], item["title"]) for item in items] == [
        (name, TITLES[name]) for name in settings.SCHEDULES
    ]
    assert viewer.get(SYNC).json() == success(job())
    assert job() in items


def test_jobs_have_pages_like_every_list(viewer: APIClient) -> None:
    names = list(settings.SCHEDULES)
    shown = [viewer.get(PATH, {"page": one, "limit": 4}).json()["data"] for one in (1, 2, 3)]

    assert [item["name"] for one in shown for item in one["items"]] == names
    assert [len(one.pop("items")) for one in shown] == [4, 4, 1]
    assert shown == [{"total": 9, "page": one, "pages": 3, "limit": 4} for one in (1, 2, 3)]


def test_next_runs_are_in_the_zone_of_the_installation(
    viewer: APIClient, settings: Settings
) -> None:
    settings.TIME_ZONE = "Asia/Kathmandu"
    with timezone.override(ZoneInfo("Asia/Kathmandu")):
        runs = viewer.get(SYNC).json()["data"]["next_runs"]

    assert [one[10:] for one in runs] == ["T01:00:00+05:45"] * 5


def test_last_run_is_the_newest_session_of_the_schedule(viewer: APIClient) -> None:
    SyncSessionFactory(schedule="clean_up")
    SyncSessionFactory(status="completed")
    old = timezone.now() - timedelta(days=1)
    SyncSessionFactory(schedule="sync_accounts", status="failed", created_at=old)
    session = SyncSessionFactory(schedule="sync_accounts", status="partial")

    last = viewer.get(SYNC).json()["data"]["last_run"]

    at = spelt(session.created_at)
    assert last == {"at": at, "outcome": "partial", "session_id": str(session.pk)}


@pytest.mark.parametrize("is_good", [True, False])
def test_start_that_failed_is_not_hidden_behind_an_older_success(
    viewer: APIClient, is_good: bool
) -> None:
    day = timedelta(days=1)
    session = SyncSessionFactory(
        schedule="sync_accounts", status="completed", created_at=timezone.now() - day
    )
    task = task_of("sync_accounts", success=is_good)

    last = viewer.get(SYNC).json()["data"]["last_run"]

    assert last == (
        {"at": spelt(session.created_at), "outcome": "completed", "session_id": str(session.pk)}
        if is_good
        else {"at": spelt(task.started), "outcome": "failed", "session_id": None}
    )


def task_of(schedule: str, **fields: Any) -> Any:
    """What django-q2 stored of the newest start of ``schedule``."""
    now = timezone.now()
    task = Task.objects.create(id="t" * 32, name="t", func="f", started=now, stopped=now, **fields)
    Schedule.objects.filter(name=schedule).update(task=task.pk)
    return task


@pytest.mark.parametrize(("is_good", "outcome"), [(True, "completed"), (False, "failed")])
def test_what_keeps_no_session_tells_how_its_task_ended(
    viewer: APIClient, is_good: bool, outcome: str
) -> None:
    task = task_of("reap_sessions", success=is_good)

    data = viewer.get(f"{PATH}/reap_sessions").json()["data"]

    assert data["last_run"] == {"at": spelt(task.started), "outcome": outcome, "session_id": None}
    assert data["running"] is None


def test_overdue_paused_and_broken_jobs_say_so(viewer: APIClient) -> None:
    rows = Schedule.objects.all()
    past = timezone.now() - timedelta(minutes=10)
    rows.filter(name__in=["clean_up", "sync_accounts"]).update(next_run=past)
    rows.filter(name="clean_up").update(repeats=0)
    rows.filter(name="calculate_account").update(cron="61 * * * *")

    found = {item["name"]: item for item in viewer.get(PATH).json()["data"]["items"]}

    assert found["sync_accounts"] == job(overdue=True)
    clean = found["clean_up"]
    assert (clean["paused"], clean["overdue"], clean["next_runs"]) == (True, False, [])
    broken = found["calculate_account"]
    assert "out of range" in broken["problem"]
    assert (broken["next_runs"], broken["explanation"]) == ([], "")


def test_list_takes_a_constant_number_of_queries(
    viewer: APIClient, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for name in settings.SCHEDULES:
        SyncSessionFactory(schedule=name)
    viewer.get(PATH)  # the permissions are known from here on

    with django_assert_num_queries(2):
        viewer.get(PATH)
    task_of("clean_up", success=True)
    with django_assert_num_queries(3):
        viewer.get(PATH)


def test_unknown_job_and_parameter_are_refused(admin: APIClient) -> None:
    Schedule.objects.create(name="somebody_s_own", func="math.sqrt")
    for path, method in (
        (f"{PATH}/nothing", "get"),
        (f"{PATH}/somebody_s_own", "get"),
        (f"{PATH}/somebody_s_own/actions/pause", "post"),
        (f"{PATH}/nothing/actions/resume", "post"),
        (f"{PATH}/nothing/actions/run", "post"),
    ):
        response = getattr(admin, method)(path)
        assert (response.status_code, response.json()) == (404, failure("RESOURCE_NOT_FOUND"))
    assert admin.put(f"{PATH}/nothing", {"cron": "* * * * *"}).status_code == 404
    assert admin.get(PATH, {"search": "x"}).status_code == 400


# --- edited -------------------------------------------------------------------------------------


def test_cron_is_changed_and_the_next_run_with_it(admin: APIClient) -> None:
    response = admin.put(SYNC, {"cron": " 0  3 * * * "})

    changed = job(cron="0 3 * * *", explanation="At 03:00, every day.", next_runs=nights(3))
    assert response.json() == success(changed, "Saved.")
    assert spelt(Schedule.objects.get(name="sync_accounts").next_run) == nights(3)[0]
    entry = LogEntry.objects.get(object_repr="sync_accounts")
    assert entry.changes == {"cron": ["0 1 * * *", "0 3 * * *"]}


@pytest.mark.parametrize("cron", ["61 * * * *", "0 0 30 2 *", "* * * *", "", None, 5, "a\0b", []])
def test_wrong_cron_is_refused_and_stored_nowhere(admin: APIClient, cron: Any) -> None:
    before = list(Schedule.objects.values())

    response = admin.put(SYNC, {"cron": cron})

    assert (response.status_code, response.json()["message_code"]) == (400, "VALIDATION_ERROR")
    assert list(response.json()["extra"]["fields"]) == ["cron"]
    assert list(Schedule.objects.values()) == before


def test_pause_and_resume(admin: APIClient) -> None:
    paused = admin.post(f"{SYNC}/actions/pause")
    changed = admin.put(SYNC, {"cron": "0 3 * * *"})
    resumed = admin.post(f"{SYNC}/actions/resume")

    assert paused.json() == success(job(paused=True, next_runs=[]), "Paused.")
    assert changed.json()["data"]["paused"] is True
    after = job(cron="0 3 * * *", explanation="At 03:00, every day.", next_runs=nights(3))
    assert resumed.json() == success(after, "Resumed.")


# --- run now ------------------------------------------------------------------------------------


@pytest.fixture
def person(admin: APIClient) -> str:
    return person_behind(admin).username


@pytest.mark.django_db(transaction=True)
def test_run_now_launches_a_session_that_belongs_to_the_schedule(root: APIClient) -> None:
    instance = InstanceFactory()
    setup_schedules()

    response = root.post(f"{SYNC}/actions/run")

    session = SyncSession.objects.get()
    assert response.status_code == 202
    assert response.json() == success({"session_id": str(session.pk)}, "Started.")
    assert (session.schedule, session.trigger, session.category) == (
        "sync_accounts",
        "api",
        "accounts",
    )
    assert session.requested_by == person_behind(root)
    assert session.records.get().instance == instance


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", sorted(set(settings.SCHEDULES) - {"reap_sessions"}))
def test_every_job_can_be_run_and_is_not_started_while_it_runs(root: APIClient, name: str) -> None:
    setup_schedules()
    InstanceFactory()

    first = root.post(f"{PATH}/{name}/actions/run")
    again = root.post(f"{PATH}/{name}/actions/run")
    run_schedule(name)

    session = SyncSession.objects.get()
    assert (first.status_code, session.schedule) == (202, name)
    assert again.status_code == 409
    assert again.json() == failure(
        "SYNC_ALREADY_RUNNING", ANY, extra={"session_id": str(session.pk)}
    )
    assert root.get(f"{PATH}/{name}").json()["data"]["running"] is True


@pytest.mark.django_db(transaction=True)
def test_other_work_on_the_same_instances_does_not_stop_a_schedule(root: APIClient) -> None:
    setup_schedules()
    instance = InstanceFactory()
    SyncRecordFactory(instance=instance, session__status="running", status="running")

    assert root.post(f"{SYNC}/actions/run").status_code == 202


@pytest.mark.django_db(transaction=True)
def test_what_keeps_no_session_is_done_at_once(root: APIClient) -> None:
    setup_schedules()
    past = timezone.now() - timedelta(hours=1)
    record = SyncRecordFactory(status="running", attempt=1, lease_until=past)

    response = root.post(f"{PATH}/reap_sessions/actions/run")

    record.refresh_from_db()
    assert response.json() == success({"session_id": None}, "Started.")
    assert record.status == "pending"


def test_nothing_is_left_of_a_start_that_fails(
    admin: APIClient,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    """As when another worker ties its session between our look and our own."""
    InstanceFactory()
    other = SyncSessionFactory(schedule="sync_accounts", status="running")
    monkeypatch.setattr(
        "sync_sessions.querysets.SyncSessionQuerySet.exists", lambda _rows: False, raising=True
    )

    with django_capture_on_commit_callbacks() as queued:
        response = admin.post(f"{SYNC}/actions/run")

    assert response.json() == failure(
        "SYNC_ALREADY_RUNNING", ANY, extra={"session_id": str(other.pk)}
    )
    assert (list(SyncSession.objects.all()), queued) == ([other], [])
