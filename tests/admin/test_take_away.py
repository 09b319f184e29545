"""How do I take it away: the page of an account, in a real browser."""

from collections.abc import Callable

import pytest
from django.test import Client
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Account
from instances.engines.base import AccountKind, GrantRecord, MembershipRecord, Scope
from instances.engines.postgresql.effective import PostgreSQLEffective
from instances.engines.postgresql.statements import PostgreSQLStatements
from tests.factories import InstanceFactory, sync
from tests.toy_engine import TOY_SERVERS, Toy, ToyServer, reading, role, select_on, user
from whalefall.users.models import User

pytestmark = pytest.mark.django_db(transaction=True)
ORDERS = "shop.sales.orders"
HOSTILE = '<img src=x onerror="alert(1)">' * 8


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
    """Reads the orders by two grantors; one of them has passed it on."""
    monkeypatch.setattr(Toy, "effective", PostgreSQLEffective)
    monkeypatch.setattr(Toy, "statements_of", PostgreSQLStatements)
    instance = InstanceFactory(name="shop-primary")
    everybody = user("public", kind=AccountKind.PUBLIC, can_login=False)
    accounts = [everybody, user("ada"), user(HOSTILE), *map(role, ("owner", "granter"))]
    grants = [
        GrantRecord("public", "USAGE", Scope.SCHEMA, "shop", "sales", grantor="owner"),
        select_on(ORDERS, "owner", grantor="owner"),
        select_on(ORDERS, "owner", privilege="OWNER", is_owner=True),
        select_on(ORDERS, "granter", grantor="owner", grantable=True),
        select_on(ORDERS, "ada", grantor="owner", grantable=True),
        select_on(ORDERS, "ada", grantor="granter"),
        select_on(ORDERS, HOSTILE, grantor="ada"),
        *(select_on(ORDERS, f"reader{number}", grantor="ada") for number in range(120)),
    ]
    accounts += [user(f"reader{number}") for number in range(120)]
    links = [MembershipRecord("granter", "owner", grantor="owner")]
    TOY_SERVERS[instance.host] = ToyServer(reading(accounts, links, grants, version="18.1"))
    sync(instance)
    found: Account = Account.objects.get(name="ada")
    return found


def test_asked_from_the_privileges_of_an_account(go: Callable[[str], Page], ada: Account) -> None:
    page = go(f"/admin/accounts/account/{ada.pk}/effective/")
    page.get_by_role("link", name=f"Take away SELECT on {ORDERS}").first.click()

    statements = page.locator("#statements pre")
    expect(statements).to_have_count(1)
    lines = statements.inner_text().splitlines()
    assert len([line for line in lines if line.startswith("REVOKE")]) == 123
    assert lines[-4:] == [
        'REVOKE SELECT ON TABLE "sales"."orders" FROM "ada";',
        'SET ROLE "granter";',
        'REVOKE SELECT ON TABLE "sales"."orders" FROM "ada";',
        "RESET ROLE;",
    ]
    expect(page.locator("#undo pre")).to_contain_text(
        'GRANT SELECT ON TABLE "sales"."orders" TO "ada" WITH GRANT OPTION;'
    )
    expect(page.locator("#besides tbody tr")).to_have_count(100)
    expect(page.locator("#besides")).to_contain_text("and 21 more")
    expect(page.locator("#besides")).to_contain_text(HOSTILE[:30])
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.set_viewport_size({"width": 480, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_is_not_held_or_can_come_back(go: Callable[[str], Page], ada: Account) -> None:
    page = go(f"/admin/accounts/account/{ada.pk}/take-away/")
    expect(page.locator(".wf-error")).to_have_count(0)
    page.get_by_label("Privilege").fill("insert")
    page.get_by_label("Object", exact=True).fill(ORDERS)
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text(f"It does not hold INSERT on {ORDERS}.")).to_be_visible()

    owner = Account.objects.get(name="owner")
    page = go(f"/admin/accounts/account/{owner.pk}/take-away/?privilege=SELECT&object={ORDERS}")
    expect(page.locator("#obstacles")).to_contain_text("owner owns TABLE")
    page = go(f"/admin/accounts/account/{owner.pk}/take-away/?privilege=SELECT&object=a.b.c")
    expect(page.get_by_text("Could not be told")).to_be_visible()
