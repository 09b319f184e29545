"""The console in a real browser: sign in, look at an account, watch a session."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from sync_sessions.models import SyncRecord, SyncSession
from tests.factories import AccountFactory, GrantFactory, SectionFactory, SyncRecordFactory
from whalefall.users.models import User

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def signed_in(page: Page, live_server: LiveServer, person: Callable[[str], User]) -> Page:
    person("operator")
    page.goto(f"{live_server.url}/admin/")
    page.fill("#id_username", "operator")
    page.fill("#id_password", "let-me-in")
    page.click("[type=submit]")
    expect(page.locator("h1")).to_contain_text("Overview")
    return page


def test_operator_finds_an_account_and_what_it_may_do(
    signed_in: Page, live_server: LiveServer
) -> None:
    account = AccountFactory(name="<i>app</i>", is_superuser=None)
    SectionFactory(instance=account.instance)
    GrantFactory(account=account, privilege="TRUNCATE")
    signed_in.goto(f"{live_server.url}/admin/")
    signed_in.click("#nav-sidebar-apps >> text=Accounts >> nth=1")
    signed_in.click("text=<i>app</i>")
    expect(signed_in.locator("#grants")).to_contain_text("TRUNCATE")
    superuser = signed_in.locator(".wf-facts > div:has(dt:text-is('Superuser'))")
    expect(superuser.locator("dd")).to_have_text("–")


def test_a_session_is_watched_until_its_end(signed_in: Page, live_server: LiveServer) -> None:
    record = SyncRecordFactory(status="running", session__status="running")
    key = record.session.pk
    signed_in.goto(f"{live_server.url}/admin/sync_sessions/syncsession/{key}/change/")
    expect(signed_in.locator("[data-text]")).to_have_text("0 of 1 done")
    SyncRecord.objects.filter(pk=record.pk).update(status="failed", error_code="WORKER_LOST")
    expect(signed_in.locator("[data-text]")).to_have_text("1 of 1 done, 1 failed")
    expect(signed_in.locator("#records")).to_contain_text("WORKER_LOST")
    SyncSession.objects.filter(pk=key).update(status="failed")
    expect(signed_in.locator("[data-live=summary] h2")).to_contain_text("failed")
    expect(signed_in.get_by_role("button", name="Cancel")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_window_does_not_scroll_sideways(
    signed_in: Page, live_server: LiveServer, scheme: str
) -> None:
    account = AccountFactory(name="a_very_long_name_" * 12)
    SectionFactory(instance=account.instance, state="unknown", reason="r" * 300)
    signed_in.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    signed_in.set_viewport_size({"width": 400, "height": 800})
    for path in ("", "accounts/account/", f"accounts/account/{account.pk}/change/"):
        signed_in.goto(f"{live_server.url}/admin/{path}")
        assert signed_in.evaluate("document.documentElement.scrollWidth") <= 400
