"""Swagger UI and Redoc in a real browser: they show the API, and nothing reaches another host."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Request, expect
from pytest_django.live_server_helper import LiveServer

from tests.admin.conftest import is_outside
from whalefall.users.models import User

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("path", ["docs", "redoc"])
def test_documentation_is_shown_without_another_host(
    browser: Browser, live_server: LiveServer, person: Callable[[str], User], path: str
) -> None:
    person("viewer")
    context = browser.new_context()
    page = context.new_page()
    asked: list[Request] = []
    page.on("request", lambda one: asked.append(one))
    page.goto(f"{live_server.url}/auth/login")
    page.fill("#id_username", "viewer")
    page.fill("#id_password", "let-me-in")
    page.click("[type=submit]")

    page.goto(f"{live_server.url}/api/v1/{path}/")
    expect(page.get_by_text("/api/v1/scheduler/jobs/").first).to_be_attached(timeout=60_000)

    # The page's own policy stops Redoc from fetching its makers' logo: "csp" is before the network.
    sent = [one.url for one in asked if is_outside(one.url) and one.failure != "csp"]
    context.close()
    assert sent == []
    assert asked
