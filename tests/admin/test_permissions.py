"""Who may see and do what."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import HeldReading
from instances.models import Instance
from sync_sessions.models import SyncSession
from tests.factories import (
    AccountChangeFactory,
    AccountFactory,
    SyncRecordFactory,
    TagFactory,
    UserFactory,
)

ClientAs = Callable[[str], Client]
READABLE = (
    *("accounts_account", "accounts_accountchange", "accounts_heldreading"),
    *("instances_instance", "sync_sessions_syncsession", "sync_sessions_syncrecord", "tags_tag"),
)
FOR_ADMINS = ("instances_credential", "users_user")


@pytest.fixture
def rows(db: None) -> dict[str, Any]:
    """One row of everything, by the name of its pages."""
    account = AccountFactory()
    record = SyncRecordFactory(instance=account.instance)
    summary = {"accounts": 9, "lost_accounts": 8, "edges": 7, "lost_edges": 6, "names": ["app"]}
    held = HeldReading.objects.create(record=record, reading={}, summary=summary)
    return {
        "accounts_account": account,
        "accounts_accountchange": AccountChangeFactory(account=account),
        "accounts_heldreading": held,
        "instances_instance": account.instance,
        "instances_credential": account.instance.credential,
        "sync_sessions_syncsession": record.session,
        "sync_sessions_syncrecord": record,
        "tags_tag": TagFactory(),
        "users_user": UserFactory(),
    }


def statuses(client: Client, name: str, row: Any) -> list[int]:
    list_page = reverse(f"admin:{name}_changelist")
    page = reverse(f"admin:{name}_change", args=[row.pk])
    return [client.get(url).status_code for url in (list_page, page)]


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
@pytest.mark.parametrize("name", READABLE)
def test_every_role_reads_the_mirror(
    client_as: ClientAs, rows: dict[str, Any], role: str, name: str
) -> None:
    assert statuses(client_as(role), name, rows[name]) == [200, 200]


@pytest.mark.parametrize("role", ["viewer", "operator"])
@pytest.mark.parametrize("name", FOR_ADMINS)
def test_credentials_and_users_are_for_admins(
    client_as: ClientAs, rows: dict[str, Any], role: str, name: str
) -> None:
    assert statuses(client_as(role), name, rows[name]) == [403, 403]


@pytest.mark.parametrize("name", FOR_ADMINS)
def test_admin_reads_credentials_and_users(
    client_as: ClientAs, rows: dict[str, Any], name: str
) -> None:
    assert statuses(client_as("admin"), name, rows[name]) == [200, 200]


@pytest.mark.parametrize("name", READABLE)
def test_somebody_without_a_role_sees_nothing(
    client: Client, rows: dict[str, Any], name: str
) -> None:
    client.force_login(UserFactory())
    assert statuses(client, name, rows[name]) == [403, 403]
    assert b"viewer, operator or admin" in client.get("/admin/").content


def test_home_needs_a_sign_in(client: Client, db: None) -> None:
    assert client.get("/admin/").status_code == 302


@pytest.mark.parametrize("name", [name for name in READABLE if name[:3] in {"acc", "syn"}])
def test_nobody_edits_the_mirror(admin_client: Client, rows: dict[str, Any], name: str) -> None:
    row = rows[name]
    add = f"/admin/{name.replace('_', '/', 1)}/add/"
    delete = f"/admin/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/delete/"
    page = reverse(f"admin:{name}_change", args=[row.pk])
    before = type(row).objects.values().get(pk=row.pk)
    admin_client.post(page, {"name": "changed", "status": "completed"})
    assert admin_client.get(add).status_code in {403, 404}
    assert admin_client.post(delete, {"post": "yes"}).status_code == 403
    assert type(row).objects.values().get(pk=row.pk) == before


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("operator", 302), ("admin", 302)])
@pytest.mark.parametrize(
    ("name", "button"),
    [
        ("instances_instance", "sync"),
        ("sync_sessions_syncsession", "cancel"),
        ("accounts_heldreading", "reject"),
    ],
)
def test_buttons_follow_the_role(
    client_as: ClientAs, rows: dict[str, Any], name: str, button: str, role: str, status: int
) -> None:
    url = reverse(f"admin:{name}_{button}", args=[rows[name].pk])
    assert client_as(role).post(url).status_code == status


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("operator", 200)])
def test_probe_follows_the_role(
    client_as: ClientAs, instance: Instance, role: str, status: int
) -> None:
    url = reverse("admin:instances_instance_probe", args=[instance.pk])
    assert client_as(role).post(url).status_code == status


def test_accept_is_not_for_viewers(client_as: ClientAs, rows: dict[str, Any]) -> None:
    held = rows["accounts_heldreading"]
    url = reverse("admin:accounts_heldreading_accept", args=[held.pk])
    assert client_as("viewer").post(url).status_code == 403
    held.refresh_from_db()
    assert held.decision == "pending"


def test_buttons_are_not_followed_by_links(admin_client: Client, instance: Instance) -> None:
    url = reverse("admin:instances_instance_sync", args=[instance.pk])
    assert admin_client.get(url).status_code == 405
    assert not SyncSession.objects.exists()


def test_viewer_is_offered_no_action(client_as: ClientAs, instance: Instance) -> None:
    page = client_as("viewer").get("/admin/instances/instance/").content.decode()
    assert "sync_accounts" not in page
    assert (
        "sync_accounts" in client_as("operator").get("/admin/instances/instance/").content.decode()
    )


def test_unknown_row_is_not_found(admin_client: Client) -> None:
    for path in ("accounts/account/1", "sync_sessions/syncsession/not-a-uuid"):
        assert admin_client.get(f"/admin/{path}/change/").status_code == 404


def test_refusal_in_the_console_is_one_line_in_the_log(
    db: None, client_as: ClientAs, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[logging.LogRecord] = []
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", lines.append)
    monkeypatch.setattr(logging.getLogger("django.request"), "handlers", [handler])

    assert client_as("viewer").get(reverse("admin:instances_credential_add")).status_code == 403

    assert [(line.levelname, line.exc_info) for line in lines] == [("WARNING", None)]
