"""People of each role, and a browser."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from playwright.sync_api import Browser, Page, sync_playwright

from tests.factories import UserFactory
from whalefall.users.models import User
from whalefall.users.roles import permissions_of

CHROMIUM = Path("/usr/bin/chromium")
QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


@pytest.fixture
def person(db: None) -> Callable[[str], User]:
    """A user with one role."""

    def make(role: str, **fields: Any) -> User:
        user: User = UserFactory(**{"username": role, **fields})
        user.groups.add(group_of(role))
        return user

    return make


def group_of(role: str) -> Group:
    """The group of a migration, made again after a transactional test has emptied the tables."""
    group, is_new = Group.objects.get_or_create(name=role)
    if is_new:
        for app, codename in permissions_of(role):
            key = {"content_type__app_label": app, "codename": codename}
            group.permissions.add(Permission.objects.get(**key))
    return group


@pytest.fixture
def client_as(person: Callable[[str], User]) -> Callable[[str], Client]:
    def make(role: str) -> Client:
        client = Client()
        client.force_login(person(role))
        return client

    return make


@pytest.fixture
def admin_client(client_as: Callable[[str], Client]) -> Client:
    return client_as("admin")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        assert "CI" not in os.environ, "chromium is missing: apt-get install chromium"
        pytest.skip("chromium is not installed")
    # Playwright runs a loop in this thread, where Django would forbid its ORM.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET.split())
        yield started
        started.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh page; the test fails when it asked any other host, or logged an error."""
    context = browser.new_context()
    opened = context.new_page()
    problems: list[str] = []
    opened.on("request", lambda one: problems.append(one.url) if is_outside(one.url) else None)
    opened.on("pageerror", lambda error: problems.append(str(error)))
    yield opened
    context.close()
    assert problems == []


def is_outside(url: str) -> bool:
    return not url.removeprefix("blob:").startswith(
        ("http://localhost", "http://127.0.0.1", "data:")
    )
