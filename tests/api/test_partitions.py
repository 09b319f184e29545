"""Partitions over HTTP: the list, the status, and the two runs that an admin starts."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from accounts.history import KEPT_SINCE
from sync_sessions.models import SyncSession
from tests.admin.conftest import client_as, person  # noqa: F401 -- fixtures
from tests.api.conftest import person_behind
from tests.capacity.keeping import maintained, today  # noqa: F401 -- a fixture
from tests.factories import (
    AccountFactory,
    InstanceSizeFactory,
    SectionFactory,
    SyncRecordFactory,
    SyncSessionFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def data(client: APIClient, path: str) -> Any:
    response = client.get(f"/api/v1/{path}")
    assert response.status_code == 200
    return response.json()["data"]


def test_status_and_list_agree_with_the_database(viewer, today):  # noqa: F811
    today("2026-11-23")
    InstanceSizeFactory(measured_on=date(2026, 11, 3))
    connection.check_constraints()
    maintained()
    is_partitioned = connection.vendor == "postgresql"

    status = data(viewer, "partitions/status")
    listed = data(viewer, "partitions?limit=3")

    about_parts: dict[str, Any] = {
        "missing_months": [] if is_partitioned else None,
        "default_rows": 0 if is_partitioned else None,
        "has_next_month": True if is_partitioned else None,
        "is_healthy": True,
    }
    assert status == {
        "is_partitioned": is_partitioned,
        "is_healthy": True,
        "first_kept_on": "2024-11-01",
        "tables": [
            {"table": "capacity_databasesize", "oldest_on": None, **about_parts},
            {"table": "capacity_instancesize", "oldest_on": "2026-11-03", **about_parts},
        ],
    }
    if not is_partitioned:
        assert (listed["items"], listed["total"]) == ([], 0)
        return
    assert (listed["total"], listed["pages"]) == (10, 4)
    assert all(item.pop("total_bytes") > 0 for item in listed["items"])
    table = {"table": "capacity_databasesize", "rows": None, "is_default": False}
    assert listed["items"][1:] == [
        {
            **table,
            "name": "capacity_databasesize_2026_11",
            "from": "2026-11-01",
            "to": "2026-12-01",
        },
        {
            **table,
            "name": "capacity_databasesize_2026_12",
            "from": "2026-12-01",
            "to": "2027-01-01",
        },
    ]
    default = {"name": "capacity_databasesize_default", "from": None, "to": None}
    assert listed["items"][0] == {**table, **default, "is_default": True}


def test_unknown_parameter_is_refused(viewer):
    response = viewer.get("/api/v1/partitions?tabel=x")
    assert (response.status_code, response.json()["message_code"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    ("path", "task"),
    [("partitions", "maintain_for_record"), ("partitions/actions/cleanup", "drop_old_for_record")],
)
def test_admin_queues_a_run(admin, operator, path, task):
    assert operator.post(f"/api/v1/{path}").status_code == 403

    response = admin.post(f"/api/v1/{path}")

    session = SyncSession.objects.get()
    assert response.status_code == 202
    assert response.json()["data"] == {"session_id": str(session.pk)}
    assert (session.category, session.trigger) == ("partitions", "api")
    assert session.task == f"capacity.tasks.{task}"
    assert session.requested_by == person_behind(admin)


def test_permissions_of_a_forgotten_moment_are_refused(viewer):
    account = AccountFactory(first_seen_at=datetime(2020, 1, 1, tzinfo=UTC))
    SyncRecordFactory(
        session=SyncSessionFactory(category="clean_up", status="completed"),
        instance=None,
        category="clean_up",
        counts={KEPT_SINCE: 20240101},
    )
    path = f"/api/v1/accounts/ledgers/{account.pk}/permissions?at="
    SectionFactory(instance=account.instance, name="table")

    refused = viewer.get(f"{path}2023-12-31T12:00:00Z")
    answered = viewer.get(f"{path}2024-01-01T12:00:00Z")

    assert (refused.status_code, refused.json()["message_code"]) == (409, "SNAPSHOT_MISSING")
    assert "kept since 2024-01-01" in refused.json()["message"]
    assert answered.status_code == 200


# --- the page ---------------------------------------------------------------------------------


def test_page_shows_the_state_and_lets_only_admins_press(client_as, today):  # noqa: F811
    today("2026-11-23")
    page = "/admin/capacity/partitions/"
    viewer: Client = client_as("viewer")
    shown = viewer.get(page).content.decode()
    assert "capacity_instancesize" in shown
    assert "Daily sizes are kept since 2024-11-01" in shown
    assert "Maintain now" not in shown
    if connection.vendor == "postgresql":
        assert "Needs maintenance" in shown
        assert "2026-11 2026-12 2027-01 2027-02" in shown
        assert "capacity_databasesize_default" in shown
    else:
        assert "has no partitions" in shown
    assert viewer.post(page, {"action": "maintain"}).status_code == 403
    assert not SyncSession.objects.exists()

    admin: Client = client_as("admin")
    assert "Maintain now" in admin.get(page).content.decode()
    response = admin.post(page, {"action": "maintain"})

    session = SyncSession.objects.get()
    assert (session.task, session.trigger) == ("capacity.tasks.maintain_for_record", "admin")
    assert str(session.pk) in response.headers["Location"]
