"""The capacity pages without a browser: what is unknown, partial or invented says so."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from capacity.charts import day_number
from capacity.models import SimulatedHistory
from instances.models import Database, Instance
from sync_sessions.models import SyncSession
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
    UserFactory,
)
from whalefall.core.display import bytes_text, human_bytes, percent_text

TODAY = timezone.localdate()
LISTS = ("instances", "databases")


def day(back: int) -> date:
    return TODAY - timedelta(days=back)


def make_rows(number: int, **fields: Any) -> None:
    for _ in range(number):
        database = DatabaseFactory(**fields)
        for back in (1, 0):
            DatabaseSizeFactory(database=database, measured_on=day(back))
            InstanceSizeFactory(instance=database.instance, measured_on=day(back))
            change = {"change_bytes": 3, "change_percent": 0.3, "previous_avg_bytes": 997}
            for make in (DatabaseAggregateFactory, InstanceAggregateFactory):
                owner = database if make is DatabaseAggregateFactory else database.instance
                key = "database" if make is DatabaseAggregateFactory else "instance"
                make(**{key: owner}, period_start=day(back), **change)
        ForecastFactory(database=database)
        ForecastFactory(instance=database.instance)
        TableSizeFactory(database=database)
        SectionFactory(
            instance=database.instance, category="capacity", state="unknown", read_at=None
        )


def content(client: Client, path: str) -> str:
    response = client.get(f"/admin/capacity/{path}")
    assert response.status_code == 200
    return response.content.decode()


def statements(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        content(client, path)
    return len(queries)


@pytest.mark.parametrize("path", ["instances/", "databases/", f"databases/?start={day(9)}"])
def test_lists_run_the_same_statements_for_6_rows_and_20(admin_client: Client, path: str) -> None:
    make_rows(6)
    few = statements(admin_client, path)
    make_rows(14)
    assert statements(admin_client, path) == few


@pytest.mark.parametrize("level", LISTS)
def test_a_page_runs_the_same_statements_for_any_history(admin_client: Client, level: str) -> None:
    make_rows(1)
    database = Database.objects.get()
    instance = database.instance
    path = f"{level}/{database.pk if level == 'databases' else instance.pk}/"
    few = statements(admin_client, path)
    for back in range(2, 30):
        DatabaseSizeFactory(database=database, measured_on=day(back))
        DatabaseAggregateFactory(database=database, period_start=day(back))
        InstanceSizeFactory(instance=instance, measured_on=day(back))
        InstanceAggregateFactory(instance=instance, period_start=day(back))
        ForecastFactory(database=database, made_on=day(back))
        TableSizeFactory(database=database)
    assert statements(admin_client, path) == few


@pytest.mark.parametrize("level", LISTS)
def test_short_addresses_lead_to_the_pages_with_their_filters(client: Client, level: str) -> None:
    response = client.get(f"/capacity/{level}?engine=toy")
    assert (response.status_code, response["Location"]) == (
        302,
        f"/admin/capacity/{level}/?engine=toy",
    )


@pytest.mark.parametrize("level", LISTS)
def test_buttons_are_there_for_whom_they_work(
    client_as: Callable[[str], Client], level: str
) -> None:
    InstanceFactory()
    pages = {
        role: content(client_as(role), f"{level}/") for role in ("viewer", "operator", "admin")
    }
    buttons = ("Collect capacity", "Aggregate now")
    seen = {
        role: {button for button in buttons if f">{button}</button>" in page}
        for role, page in pages.items()
    }
    assert seen == {
        "viewer": set(),
        "operator": {"Collect capacity"},
        "admin": {"Collect capacity", "Aggregate now"},
    }


def test_who_may_not_is_refused(client_as: Callable[[str], Client]) -> None:
    viewer, operator = client_as("viewer"), client_as("operator")
    assert viewer.post("/admin/capacity/collect/").status_code == 403
    assert viewer.post("/admin/capacity/aggregate/").status_code == 403
    assert operator.post("/admin/capacity/aggregate/").status_code == 403
    assert operator.get("/admin/capacity/collect/").status_code == 405
    assert not SyncSession.objects.exists()


def test_nobody_without_a_role_sees_sizes(client: Client, db: None) -> None:
    client.force_login(UserFactory())
    for path in ("instances/", "databases/", "instances/1/", "databases/1/"):
        assert client.get(f"/admin/capacity/{path}").status_code == 403


def test_collect_measures_the_instance_that_was_asked_for(admin_client: Client) -> None:
    chosen, _other = InstanceFactory(), InstanceFactory()

    response = admin_client.post("/admin/capacity/collect/", {"instance": chosen.pk})

    session = SyncSession.objects.get()
    assert response["Location"] == f"/admin/sync_sessions/syncsession/{session.pk}/change/"
    assert [record.instance for record in session.records.all()] == [chosen]
    assert (session.category, session.trigger) == ("capacity", "admin")


@pytest.mark.parametrize("given", [{}, {"instance": "99"}, {"instance": "x"}])
def test_collect_of_nobody_queues_nothing(admin_client: Client, given: dict[str, str]) -> None:
    InstanceFactory(is_active=False)

    response = admin_client.post("/admin/capacity/collect/", given, follow=True)

    assert "nothing was queued" in response.content.decode()
    assert not SyncSession.objects.exists()


def test_aggregate_now_leads_to_its_session(admin_client: Client) -> None:
    response = admin_client.post("/admin/capacity/aggregate/")

    session = SyncSession.objects.get()
    assert response["Location"] == f"/admin/sync_sessions/syncsession/{session.pk}/change/"
    assert (session.category, session.trigger) == ("aggregation", "admin")


# --- what is shown ------------------------------------------------------------------------------


def test_never_measured_says_what_to_do(admin_client: Client) -> None:
    assert "No server yet" in content(admin_client, "instances/")
    assert "collect_capacity" in content(admin_client, "databases/")
    database = DatabaseFactory()
    assert "never measured" in content(admin_client, "databases/")
    page = content(admin_client, f"databases/{database.pk}/")
    assert "It was never measured" in page
    assert "0 B" not in page


def test_an_unknown_part_is_shown_with_its_reason_and_grant(admin_client: Client) -> None:
    database = DatabaseFactory(name="shop")
    reason = {"state": "unknown", "read_at": None, "reason": "no CONNECT"}
    grant = "GRANT CONNECT ON DATABASE shop TO whalefall;"
    of_shop = {"instance": database.instance, "database": "shop", "needed_grant": grant}
    SectionFactory(**of_shop, category="capacity", name="sizes", **reason)
    SectionFactory(**of_shop, category="accounts", name="grants", state="unknown", reason="other")

    paths = (*(f"{level}/" for level in LISTS), f"databases/{database.pk}/")
    for path in (*paths, f"instances/{database.instance_id}/"):
        page = content(admin_client, path)
        assert "no CONNECT" in page
        assert grant in page
        assert "other" not in page.partition('id="unknown"')[2].partition("</section>")[0]


def test_doubtful_rows_are_marked(admin_client: Client) -> None:
    instance = InstanceFactory()
    frame = {"period": "weekly", "period_start": day(6), "period_end": TODAY}
    InstanceAggregateFactory(instance=instance, is_partial=True, **frame)
    InstanceSizeFactory(instance=instance, measured_on=day(4), is_suspect=True, unmeasured_count=2)
    SimulatedHistory.objects.create(instance=instance, until=day(5))

    page = content(admin_client, "instances/?period=weekly")

    marks = ("partial", "simulated", "suspect", "2 databases not measured")
    assert [mark for mark in marks if f">{mark}</span>" in page] == [*marks]
    assert f"last measured {day(4)}" in page


def test_a_wrong_filter_shows_why_and_no_rows(admin_client: Client) -> None:
    make_rows(1)
    page = content(admin_client, "databases/?start=2026-02-01&end=2026-01-01")
    assert "It is before the start." in page
    assert 'id="rows"' not in page


def test_without_a_script_the_table_is_there_and_the_charts_are_not(admin_client: Client) -> None:
    make_rows(1)
    page = content(admin_client, "databases/")
    assert "data-charts hidden>" in page
    assert (
        "The charts need JavaScript" in page.partition("<noscript>")[2].partition("</noscript>")[0]
    )
    rows = page.partition('id="rows"')[2]
    assert 'title="1,000 bytes">1000 B<' in rows
    assert 'title="+3 bytes"' in rows


def test_forecasts_are_shown_beside_what_happened(admin_client: Client) -> None:
    database = DatabaseFactory()
    fields = {"database": database, "status": "growing", "due_on": TODAY, "low_bytes": 90}
    ForecastFactory(**fields, predicted_bytes=110, high_bytes=120, actual_bytes=100)
    ForecastFactory(**fields, made_on=day(1), predicted_bytes=95, high_bytes=99, actual_bytes=100)
    ForecastFactory(**fields, made_on=day(2), predicted_bytes=95, high_bytes=99)

    response = admin_client.get(f"/admin/capacity/databases/{database.pk}/")

    grades = response.context["grades"].object_list
    assert [(one.error_percent, one.is_inside) for one in grades] == [
        (10.0, True),
        (-5.0, False),
        (None, None),
    ]


def test_an_instance_says_what_ate_it(admin_client: Client) -> None:
    database = DatabaseFactory(name="eater")
    for back, size in ((30, 1000), (0, 5096)):
        DatabaseSizeFactory(database=database, measured_on=day(back), total_bytes=size)
        InstanceSizeFactory(instance=database.instance, measured_on=day(back), total_bytes=size)

    page = content(admin_client, f"instances/{database.instance_id}/")

    card = page.partition('id="growth"')[2].partition("</section>")[0]
    assert "eater" in card
    assert card.count('title="+4,096 bytes"') == 2


# --- the numbers of the charts ------------------------------------------------------------------


def chart_of(client: Client, instance: Instance, query: str = "") -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/admin/capacity/instances/{instance.pk}/{query}").context[
        "charts"
    ]
    return found


def test_a_day_without_measurement_is_a_hole_in_the_line(admin_client: Client) -> None:
    instance = InstanceFactory()
    for back, size in ((5, 1), (4, 2), (1, 3)):
        InstanceAggregateFactory(instance=instance, period_start=day(back), avg_bytes=size)
    SimulatedHistory.objects.create(instance=instance, until=day(4))

    chart = chart_of(admin_client, instance)

    (series,) = chart["series"]
    assert [(one["x"], one["y"]) for one in series["points"]] == [
        (day_number(day(5)), 1),
        (day_number(day(4)), 2),
        (day_number(day(3)), None),
        (day_number(day(1)), 3),
    ]
    assert [one.get("simulated") for one in series["points"]] == [True, False, None, False]
    assert chart["simulated"] == day_number(day(4))


def test_the_band_is_of_the_newest_forecast_of_the_instance_itself(admin_client: Client) -> None:
    instance = InstanceFactory(storage_limit_bytes=5000)
    InstanceAggregateFactory(instance=instance)
    numbers = {"status": "growing", "latest_bytes": 1000, "due_on": TODAY + timedelta(days=28)}
    band = {"predicted_bytes": 1100, "low_bytes": 1050, "high_bytes": 1200}
    ForecastFactory(instance=instance, **numbers, **band)
    ForecastFactory(instance=instance, **numbers, made_on=day(1), predicted_bytes=7)
    ForecastFactory(database=DatabaseFactory(instance=instance), **numbers, predicted_bytes=8)

    (series,) = chart_of(admin_client, instance)["series"]

    assert series["limit"] == 5000
    assert series["forecast"] == {
        "from": day_number(TODAY),
        "to": day_number(TODAY) + 28,
        "latest": 1000,
        "predicted": 1100,
        "low": 1050,
        "high": 1200,
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1024**2 - 1, "1.0 MiB"),
        (150 * 1024**3, "150 GiB"),
        (-1536, "\N{MINUS SIGN}1.5 KiB"),
        (3 * 1024**6, "3072 PiB"),
    ],
)
def test_bytes_are_read_by_people(value: int, text: str) -> None:
    assert human_bytes(value) == text


def test_numbers_carry_the_exact_ones_and_a_sign() -> None:
    assert 'title="1,234,567 bytes"' in bytes_text(1234567)
    grown, shrunk = bytes_text(2048, signed=True), bytes_text(-2048, signed=True)
    assert ('title="+2,048 bytes"' in grown, "▲" in grown, "+2.0 KiB" in grown) == (True,) * 3
    assert ('title="-2,048 bytes"' in shrunk, "▼" in shrunk) == (True, True)
    assert 'title="unknown"' in bytes_text(None)
    assert 'title="unknown"' in percent_text(None)
    assert "\N{MINUS SIGN}1.5 %" in percent_text(-1.5)
    assert "> 0.0 %<" in percent_text(0.0)
