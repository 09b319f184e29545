"""Effective privileges in a real browser: a question to the fleet, and the pages of an account."""

from collections.abc import Callable

import pytest
from django.test import Client
from playwright.sync_api import Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Account
from instances.engines.base import MembershipRecord
from instances.engines.postgresql.effective import PostgreSQLEffective
from tests.factories import InstanceFactory, sync
from tests.toy_engine import TOY_SERVERS, Toy, ToyServer, reading, role, select_on, user
from whalefall.users.models import User

pytestmark = pytest.mark.django_db(transaction=True)
ORDERS = "shop.sales.orders"
HOSTILE = '<img src=x onerror="alert(1)">' * 8
LONG = "a_very_long_name_" * 8


@pytest.fixture
def go(page: Page, live_server: LiveServer, person: Callable[..., User]) -> Callable[[str], Page]:
    """Opens a page as a viewer."""
    client = Client()
    client.force_login(person("viewer"))
    value = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": value, "url": live_server.url}])

    def open_(path: str) -> Page:
        page.goto(f"{live_server.url}{path}")
        return page

    return open_


@pytest.fixture
def ada(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Account:
    monkeypatch.setattr(Toy, "effective", PostgreSQLEffective)
    instance = InstanceFactory(name="shop-primary")
    accounts = [user("ada"), user(HOSTILE), *map(role, ("team", "readers", "analysts", LONG))]
    links = [
        MembershipRecord("ada", "team"),
        MembershipRecord("team", "readers"),
        MembershipRecord("readers", "analysts"),
        MembershipRecord(HOSTILE, LONG, inherits=False),
    ]
    grants = [
        select_on(ORDERS, "analysts"),
        select_on(ORDERS, LONG),
        select_on(f"shop.sales.{HOSTILE}", HOSTILE),
    ]
    TOY_SERVERS[instance.host] = ToyServer(reading(accounts, links, grants, version="18.1"))
    sync(instance)
    found: Account = Account.objects.get(name="ada")
    return found


def left(row: Locator, text: str) -> float:
    box = row.locator(".wf-tree li", has_text=text).last.bounding_box()
    assert box is not None
    return box["x"]


def test_a_path_of_three_roles_is_asked_for_and_seen_as_a_tree(
    go: Callable[[str], Page], ada: Account
) -> None:
    page = go("/admin/")
    page.click("#nav-sidebar-apps >> text=Who can")
    page.get_by_label("Privilege").fill("select")
    page.get_by_label("Object", exact=True).fill(ORDERS)
    page.get_by_role("button", name="Ask").click()
    row = page.locator("#holders tr", has=page.get_by_role("link", name="ada", exact=True))
    expect(row.locator(".wf-tree")).to_contain_text("analysts")
    steps = [f"role {name}" for name in ("team", "readers", "analysts")]
    places = [left(row, step) for step in steps]
    assert places == sorted(set(places))
    ends = row.locator("li li li li li")
    expect(ends).to_have_count(1)
    expect(ends).to_contain_text(f"granted on table {ORDERS}")
    row.get_by_role("link", name="What else may it do?").click()
    expect(page.locator("h2", has_text="What may ada do?")).to_be_visible()
    expect(page.locator("#privileges .wf-tree")).to_contain_text("team")


def test_what_an_account_may_do_is_filtered_and_asked_back(
    go: Callable[[str], Page], ada: Account
) -> None:
    page = go(f"/admin/accounts/account/{ada.pk}/change/")
    page.get_by_role("link", name="What may it do in the end?").click()
    page.get_by_label("Privilege").fill("insert")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#privileges")).to_contain_text("Nothing of what it may do matches.")
    page.get_by_role("link", name="Reset").click()
    page.get_by_role("link", name=f"Take away SELECT on {ORDERS}").click()
    expect(page.get_by_label("Privilege")).to_have_value("SELECT")
    expect(page.get_by_label("Object", exact=True)).to_have_value(ORDERS)
    page.go_back()
    page.get_by_role("link", name=f"Who else can SELECT on {ORDERS}").click()
    holders = page.locator("#holders .wf-tree strong")
    expect(holders).to_have_text([LONG, "ada", "analysts", "readers", "team"])


def test_a_wrong_object_is_explained_where_it_is_written(
    go: Callable[[str], Page], ada: Account
) -> None:
    page = go("/admin/accounts/who-can/")
    page.get_by_label("Privilege").fill("SELECT")
    page.get_by_label("Object", exact=True).fill("shop..orders")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("alert")).to_contain_text("A name is missing")
    expect(page.get_by_label("Object", exact=True)).to_have_value("shop..orders")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_long_and_hostile_names_are_text_in_a_narrow_window(
    go: Callable[[str], Page], page: Page, ada: Account, scheme: str
) -> None:
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": 480, "height": 800})
    hostile = Account.objects.get(name=HOSTILE)
    for path in (
        f"accounts/account/{hostile.pk}/change/",
        f"accounts/account/{hostile.pk}/effective/",
        f"accounts/who-can/?privilege=SELECT&object={ORDERS}&set_role=on",
    ):
        go(f"/admin/{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 480, path
        expect(page.locator(".wf-page").get_by_text(HOSTILE).first).to_be_visible()
        assert page.locator(".wf-page img").count() == 0
