"""The page of schedules, and running failed records again."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from django_q.models import Schedule
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from sync_sessions.models import SyncSession
from sync_sessions.schedules import setup_schedules
from tests.factories import InstanceFactory, SyncRecordFactory, SyncSessionFactory
from whalefall.users.models import User

PATH = "/admin/schedules/"


@pytest.fixture
def _schedules(db: None) -> None:
    setup_schedules()


@pytest.mark.usefixtures("_schedules")
def test_cron_is_changed_and_a_wrong_one_stays_in_its_form(admin_client: Client) -> None:
    saved = admin_client.post(PATH, {"name": "clean_up", "action": "change", "cron": "15 6 * * *"})
    wrong = admin_client.post(PATH, {"name": "clean_up", "action": "change", "cron": "61 <b>"})

    assert saved.headers["Location"] == f"{PATH}#clean_up"
    assert Schedule.objects.get(name="clean_up").cron == "15 6 * * *"
    text = wrong.content.decode()
    assert 'value="61 &lt;b&gt;"' in text
    assert "five fields are needed" in text
    assert "At 06:15, every day." in text


@pytest.mark.usefixtures("_schedules")
def test_pause_and_resume(admin_client: Client) -> None:
    admin_client.post(PATH, {"name": "clean_up", "action": "pause"})
    paused = admin_client.get(PATH).content.decode()
    admin_client.post(PATH, {"name": "clean_up", "action": "resume"})

    assert paused.count("none while it is paused") == 1
    assert "none while it is paused" not in admin_client.get(PATH).content.decode()


@pytest.mark.usefixtures("_schedules")
def test_run_now_leads_to_its_session_and_is_refused_while_it_runs(admin_client: Client) -> None:
    InstanceFactory()

    started = admin_client.post(PATH, {"name": "sync_accounts", "action": "run"})
    again = admin_client.post(PATH, {"name": "sync_accounts", "action": "run"})

    session = SyncSession.objects.get()
    assert str(session.pk) in started.headers["Location"]
    assert (session.trigger, session.schedule) == ("admin", "sync_accounts")
    assert session.requested_by is not None
    assert "still goes on" in again.content.decode()


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("operator", 403), ("admin", 302)])
@pytest.mark.usefixtures("_schedules")
def test_only_an_admin_changes_schedules(
    client_as: Callable[[str], Client], role: str, status: int
) -> None:
    client = client_as(role)

    page = client.get(PATH)

    assert page.status_code == 200
    assert (b"Run now" in page.content) == (role == "admin")
    assert client.post(PATH, {"name": "clean_up", "action": "pause"}).status_code == status


def test_missing_schedules_are_said_to_be_missing(admin_client: Client, db: None) -> None:
    text = admin_client.get(PATH).content.decode()

    assert "Not set up" in text
    assert "sync_accounts" in text


def test_unknown_schedule_is_not_found(admin_client: Client, db: None) -> None:
    for action in ("run", "pause", "resume", "change"):
        assert admin_client.post(PATH, {"name": "x", "action": action}).status_code in {302, 404}
    assert not Schedule.objects.exists()


def test_failed_records_are_run_again_from_the_page(admin_client: Client, db: None) -> None:
    session = SyncSessionFactory(status="partial")
    failed = SyncRecordFactory(session=session, status="failed")
    SyncRecordFactory(session=session, status="completed")
    address = f"/admin/sync_sessions/syncsession/{session.pk}"

    page = admin_client.get(f"{address}/change/").content.decode()
    response = admin_client.post(f"{address}/retry/")

    again = SyncSession.objects.get(retry_of=session)
    assert "Run failed ones again" in page
    assert str(again.pk) in response.headers["Location"]
    assert [one.instance for one in again.records.all()] == [failed.instance]
    assert str(again.pk) in admin_client.get(f"{address}/change/").content.decode()


@pytest.mark.django_db(transaction=True)
def test_page_in_a_browser(
    page: Page, live_server: LiveServer, person: Callable[[str], User]
) -> None:
    setup_schedules()
    SyncSessionFactory(schedule="sync_accounts", status="partial")
    Schedule.objects.filter(name="clean_up").update(repeats=0)
    Schedule.objects.filter(name="forecast_capacity").update(cron="61 " * 19)
    Schedule.objects.filter(name="collect_table_sizes").update(
        next_run=timezone.now() - timedelta(days=1)
    )
    person("admin")
    page.goto(f"{live_server.url}/auth/login")
    page.fill("#id_username", "admin")
    page.fill("#id_password", "let-me-in")
    page.click("[type=submit]")
    page.goto(f"{live_server.url}{PATH}")

    row = page.locator("#sync_accounts")
    row.locator("summary").click()
    row.locator("[name=cron]").fill("30 2 * * mon-fri")
    row.get_by_role("button", name="Save").click()

    expect(page.locator("#sync_accounts")).to_contain_text("At 02:30, on Monday–Friday.")
    page.set_viewport_size({"width": 480, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 480
