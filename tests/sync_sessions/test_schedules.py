"""The schedules in django-q2: set up, edited, guarded; and that the scheduler minds them."""

import ast
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.brokers import get_broker
from django_q.models import OrmQ, Schedule
from django_q.scheduler import scheduler
from django_q.signing import SignedPackage
from django_q.tasks import async_task
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings
from structlog.testing import capture_logs

from sync_sessions.cluster import look
from sync_sessions.jobs import TITLES
from sync_sessions.schedules import (
    START,
    change_cron,
    pause,
    pause_broken_schedules,
    resume,
    setup_schedules,
)
from whalefall.core.errors import InvalidRequest

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _keep_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the one with the test's transaction."""
    for module in ("django_q.scheduler", "sync_sessions.cluster"):
        monkeypatch.setattr(f"{module}.close_old_django_connections", lambda: None)


def make_due(**rows: object) -> None:
    Schedule.objects.filter(**rows).update(next_run=timezone.now() - timedelta(minutes=1))


def started() -> list[str]:
    """What the scheduler has queued."""
    tasks = [SignedPackage.loads(row.payload) for row in OrmQ.objects.order_by("pk")]
    return [task["args"][0] if task["func"] == START else task["func"] for task in tasks]


@pytest.mark.both_databases
def test_every_schedule_is_created_once_and_not_run_at_once():
    before = timezone.now()

    assert setup_schedules() == list(settings.SCHEDULES)
    assert setup_schedules() == []

    rows = Schedule.objects.values_list("name", "func", "args", "cron")
    assert {name: (func, ast.literal_eval(args), cron) for name, func, args, cron in rows} == {
        name: (START, (name,), cron) for name, (_task, cron) in settings.SCHEDULES.items()
    }
    assert all(one.next_run > before for one in Schedule.objects.all())


def test_daily_sync_is_due_at_one_in_the_local_time_zone(settings: Settings):
    settings.TIME_ZONE = "Asia/Tokyo"
    with timezone.override("Asia/Tokyo"):
        setup_schedules()

        due = timezone.localtime(Schedule.objects.get(name="sync_accounts").next_run)

    assert (due.hour, due.minute) == (1, 0)
    assert due - timezone.now() <= timedelta(days=1)


def test_what_an_operator_changed_stays_and_what_is_ours_is_renewed():
    setup_schedules()
    change_cron("sync_accounts", "30 2 * * *")
    pause("clean_up")
    Schedule.objects.filter(name="sync_accounts").update(func="an.older.function", args=None)
    before = Schedule.objects.values("name", "cron", "repeats", "next_run").order_by("name")
    expected = list(before)

    setup_schedules()

    assert list(before.all()) == expected
    row = Schedule.objects.get(name="sync_accounts")
    assert (row.func, row.args, row.cron) == (START, "('sync_accounts',)", "30 2 * * *")


def test_wrong_cron_creates_nothing(settings: Settings):
    settings.SCHEDULES = {**settings.SCHEDULES, "broken": ("accounts.tasks.x", "61 * * * *")}

    with pytest.raises(InvalidRequest, match="broken"):
        setup_schedules()

    assert not Schedule.objects.exists()


@pytest.mark.parametrize("name", settings.SCHEDULES)
def test_every_schedule_has_a_function_and_a_title(name: str):
    assert callable(import_string(settings.SCHEDULES[name][0]))
    assert name in TITLES


@pytest.mark.both_databases
def test_paused_is_passed_over_and_resumed_goes_on_without_what_was_missed():
    setup_schedules()
    pause("sync_accounts")
    make_due(name__in=["sync_accounts", "clean_up"])

    scheduler()
    resume("sync_accounts")
    scheduler()

    assert started() == ["clean_up"]
    assert Schedule.objects.get(name="sync_accounts").next_run > timezone.now()


@pytest.mark.parametrize(
    "broken",
    [
        {"cron": "61 * * * *"},
        {"cron": "0 0 30 2 *"},
        {"cron": None},
        {"cron": "x"},
        {"args": "not a literal"},
    ],
)
@pytest.mark.both_databases
def test_a_broken_row_does_not_stop_the_others(broken: dict[str, str | None]):
    setup_schedules()
    Schedule.objects.filter(name="sync_accounts").update(**broken)
    make_due()
    scheduler()
    stopped = started()

    with capture_logs() as logs:
        assert pause_broken_schedules() == ["sync_accounts"]
    scheduler()

    assert stopped == []  # or this test shows nothing
    assert sorted(started()) == sorted(set(settings.SCHEDULES) - {"sync_accounts"})
    assert [(one["event"], one["schedule"]) for one in logs] == [
        ("schedule_paused", "sync_accounts")
    ]
    assert pause_broken_schedules() == []


def test_workers_guard_the_schedules_each_time_before_they_look():
    setup_schedules()
    Schedule.objects.filter(name="sync_accounts").update(cron="61 * * * *")
    make_due()

    look()

    assert sorted(started()) == sorted(set(settings.SCHEDULES) - {"sync_accounts"})


@pytest.mark.parametrize(("waiting", "beats"), [(0, 1), (1, 0)])
def test_workers_prove_that_they_work_when_nothing_else_does(
    waiting: int, beats: int, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
):
    for _ in range(waiting):
        async_task("math.sqrt", 4)

    with django_capture_on_commit_callbacks(execute=True):
        look(get_broker())

    assert started().count("sync_sessions.tasks.beat") == beats


def test_guard_leaves_whole_rows_alone():
    setup_schedules()
    Schedule.objects.create(name="own", func="math.sqrt", schedule_type=Schedule.DAILY, args="4")
    before = list(Schedule.objects.order_by("pk").values())

    assert pause_broken_schedules() == []
    assert list(Schedule.objects.order_by("pk").values()) == before


def test_broken_row_can_not_be_resumed_until_its_expression_is_right(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
):
    setup_schedules()
    Schedule.objects.filter(name="clean_up").update(cron="broken", repeats=0)

    with pytest.raises(InvalidRequest):
        resume("clean_up")
    change_cron("clean_up", "0 6 * * *")
    resume("clean_up")

    row = Schedule.objects.get(name="clean_up")
    assert (row.cron, row.repeats) == ("0 6 * * *", -1)
