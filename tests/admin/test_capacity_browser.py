"""The capacity pages in a real browser: the charts are drawn, the buttons lead to a session."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from capacity.models import SimulatedHistory
from instances.models import Database
from tests.factories import (
    DatabaseAggregateFactory,
    DatabaseFactory,
    DatabaseSizeFactory,
    ForecastFactory,
    InstanceAggregateFactory,
    InstanceFactory,
    InstanceSizeFactory,
    SectionFactory,
    TableSizeFactory,
)
from whalefall.users.models import User

pytestmark = pytest.mark.django_db(transaction=True)
GIB = 1 << 30
TODAY = timezone.localdate()
DAYS = 40


@pytest.fixture
def signed_in(page: Page, live_server: LiveServer, person: Callable[[str], User]) -> Page:
    person("admin")
    page.goto(f"{live_server.url}/admin/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", "let-me-in")
    page.click("[type=submit]")
    expect(page.locator("h1")).to_contain_text("Overview")
    return page


@pytest.fixture
def shop(transactional_db: None) -> Database:
    """Forty days of a database that grows, half of them invented, two of them not measured."""
    instance = InstanceFactory(name="shop-server", storage_limit_bytes=90 * GIB)
    database: Database = DatabaseFactory(name="shop", instance=instance)
    SimulatedHistory.objects.create(instance=instance, until=TODAY - timedelta(days=DAYS // 2))
    before = None
    for back in range(DAYS, -1, -1):
        day, size = TODAY - timedelta(days=back), (60 - back) * GIB - (back % 3) * GIB // 2
        if back in (10, 11):
            continue
        change: dict[str, float] = {}
        if before is not None:
            grown = size - before
            change = {"change_bytes": grown, "change_percent": 100 * grown / before}
        shared = {"period_start": day, "avg_bytes": size, "previous_avg_bytes": before, **change}
        DatabaseAggregateFactory(database=database, **shared)
        InstanceAggregateFactory(instance=instance, **shared)
        DatabaseSizeFactory(database=database, measured_on=day, total_bytes=size)
        InstanceSizeFactory(instance=instance, measured_on=day, total_bytes=size)
        before = size
    ahead = {"due_on": TODAY + timedelta(days=28), "latest_bytes": before, "slope_bytes": GIB}
    band = {"predicted_bytes": 88 * GIB, "low_bytes": 84 * GIB, "high_bytes": 93 * GIB}
    full = {"limit_bytes": 90 * GIB, "full_first_on": TODAY, "full_on": TODAY}
    for owner in ({"database": database}, {"instance": instance}):
        ForecastFactory(**owner, status="growing", samples=DAYS, **ahead, **band, **full)
    TableSizeFactory(database=database, name="orders", total_bytes=20 * GIB, estimated_rows=9000)
    SectionFactory(
        instance=instance,
        category="capacity",
        name="sizes",
        database="secret",
        state="unknown",
        reason="permission denied for database secret",
        needed_grant="GRANT CONNECT ON DATABASE secret TO whalefall;",
        read_at=None,
    )
    return database


def painted(page: Page) -> list[int]:
    """How many pixels of each chart are not transparent."""
    counts: list[int] = page.locator("canvas").evaluate_all(
        """all => all.map(one => one.getContext("2d")
            .getImageData(0, 0, one.width, one.height).data
            .filter((value, at) => at % 4 === 3 && value > 0).length)"""
    )
    return counts


@pytest.mark.parametrize(
    ("level", "button", "category"),
    [("instances", "Collect capacity", "capacity"), ("databases", "Aggregate now", "aggregation")],
)
def test_a_list_draws_its_charts_and_its_button_leads_to_a_session(
    signed_in: Page, live_server: LiveServer, shop: Database, level: str, button: str, category: str
) -> None:
    signed_in.goto(f"{live_server.url}/capacity/{level}")
    expect(signed_in.locator("#rows tbody tr")).to_have_count(1)
    expect(signed_in.locator("#rows tbody tr")).to_contain_text("60.0 GiB")
    expect(signed_in.locator("[data-charts]")).to_be_visible()
    assert all(pixels > 1000 for pixels in painted(signed_in)), painted(signed_in)
    assert len(painted(signed_in)) == 3
    signed_in.get_by_role("button", name=button).click()
    expect(signed_in.locator("[data-live=summary] h2")).to_contain_text(category)


@pytest.mark.parametrize("level", ["instances", "databases"])
def test_a_row_leads_to_its_page_with_its_own_charts(
    signed_in: Page, live_server: LiveServer, shop: Database, level: str
) -> None:
    signed_in.goto(f"{live_server.url}/capacity/{level}?period=daily")
    signed_in.locator("#rows tbody a").first.click()
    expect(signed_in.locator("#forecasts tbody tr")).to_have_count(1)
    expect(signed_in.locator("#days .wf-badge").first).to_have_text("simulated")
    assert all(pixels > 1000 for pixels in painted(signed_in)), painted(signed_in)


def test_narrow_capacity_pages_do_not_scroll_sideways(
    signed_in: Page, live_server: LiveServer, shop: Database
) -> None:
    Database.objects.update(name="a_very_long_name_" * 12)
    signed_in.set_viewport_size({"width": 400, "height": 800})
    for path in ("instances/", "databases/", f"databases/{shop.pk}/"):
        signed_in.goto(f"{live_server.url}/admin/capacity/{path}")
        assert signed_in.evaluate("document.documentElement.scrollWidth") <= 400
