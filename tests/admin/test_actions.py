"""Buttons and actions: what they start, and what they say."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account, HeldReading
from instances.engines.base import Section
from instances.models import Instance
from sync_sessions.models import SyncRecord, SyncSession
from tests.factories import InstanceFactory, SyncRecordFactory, SyncSessionFactory, sync
from tests.toy_engine import reading, user

LIST = "/admin/instances/instance/"
ClientAs = Callable[[str], Client]


def run(client: Client, action: str, instances: list[Instance]) -> Any:
    chosen = {"action": action, "_selected_action": [one.pk for one in instances]}
    return client.post(LIST, chosen, follow=True)


def button(client: Client, row: Any, name: str) -> Any:
    meta = row._meta
    url = reverse(f"admin:{meta.app_label}_{meta.model_name}_{name}", args=[row.pk])
    return client.post(url, follow=True)


def test_sync_queues_a_session_of_the_active_ones_and_links_to_it(client_as: ClientAs) -> None:
    active = InstanceFactory.create_batch(2)
    away = [InstanceFactory(is_active=False), InstanceFactory(deleted_at=timezone.now())]
    response = run(client_as("operator"), "sync_accounts", [*active, *away])
    session = SyncSession.objects.get()
    assert session.trigger == "admin"
    assert session.requested_by is not None
    assert session.requested_by.username == "operator"
    assert {record.instance for record in session.records.all()} == set(active)
    assert f"/admin/sync_sessions/syncsession/{session.pk}/change/" in response.content.decode()


def test_sync_of_nothing_active_says_so(admin_client: Client) -> None:
    response = run(admin_client, "sync_accounts", [InstanceFactory(is_active=False)])
    assert "nothing was queued" in response.content.decode()
    assert not SyncSession.objects.exists()


def test_sync_button_on_an_instance(admin_client: Client, instance: Instance) -> None:
    button(admin_client, instance, "sync")
    assert SyncRecord.objects.get().instance == instance


def test_probe_shows_what_is_missing_and_the_grant(
    admin_client: Client, instance: Instance, server_has: Any
) -> None:
    missing = Section("memberships", reason="no right", needed_grant="GRANT <all> TO us;")
    server_has(instance, reading([user("app")], unknown=[missing]))
    page = run(admin_client, "probe_selected", [instance]).content.decode()
    assert "no right" in page
    assert "GRANT &lt;all&gt; TO us;" in page
    assert "80 %" in page


def test_probe_of_a_server_that_is_away_says_why(admin_client: Client, instance: Instance) -> None:
    page = button(admin_client, instance, "probe").content.decode()
    assert f"Cannot connect to {instance.host}." in page


def test_probe_takes_a_handful(admin_client: Client) -> None:
    response = run(admin_client, "probe_selected", InstanceFactory.create_batch(6))
    assert "choose at most 5" in response.content.decode()


def test_deleting_an_instance_puts_it_into_the_bin_with_its_accounts(
    admin_client: Client, instance: Instance, server_has: Any
) -> None:
    server_has(instance, reading([user("app")]))
    sync(instance)
    admin_client.post(f"{LIST}{instance.pk}/delete/", {"post": "yes"})
    instance.refresh_from_db()
    assert instance.deleted_at is not None
    assert Account.objects.filter(instance=instance).count() == 1
    assert list(admin_client.get(LIST).context["cl"].result_list) == []
    run_on_bin(admin_client, instance)
    instance.refresh_from_db()
    assert instance.deleted_at is None


def run_on_bin(client: Client, instance: Instance) -> Any:
    chosen = {"action": "take_back", "_selected_action": [instance.pk]}
    return client.post(f"{LIST}?bin=yes", chosen, follow=True)


def test_restoring_fails_when_the_place_is_taken(admin_client: Client) -> None:
    gone = InstanceFactory(name="crm", deleted_at=timezone.now())
    InstanceFactory(name="crm", host="other.example.org")
    response = run_on_bin(admin_client, gone)
    gone.refresh_from_db()
    assert gone.deleted_at is not None
    [message] = response.context["messages"]
    assert "crm" in str(message)
    assert message.level_tag == "error"


def test_a_second_instance_of_a_name_or_address_is_refused(
    admin_client: Client, instance: Instance
) -> None:
    entered = {
        "name": instance.name,
        "engine": "toy",
        "host": instance.host,
        "port": instance.port,
        "service_name": "",
        "credential": instance.credential_id,
        "tls_mode": "prefer",
        "is_active": "on",
    }
    errors = admin_client.post(f"{LIST}add/", entered).context["errors"].as_data()
    assert len(errors) == 2
    assert Instance.objects.count() == 1


def test_cancel_stops_a_session(client_as: ClientAs) -> None:
    record = SyncRecordFactory()
    button(client_as("operator"), record.session, "cancel")
    record.session.refresh_from_db()
    assert record.session.status == "cancelled"


def test_cancel_of_a_finished_session_says_so(admin_client: Client) -> None:
    session = SyncSessionFactory(status="completed")
    assert "was over" in button(admin_client, session, "cancel").content.decode()


@pytest.fixture
def held(instance: Instance, server_has: Any) -> HeldReading:
    """Nine of ten accounts are missing in the second reading."""
    server = server_has(instance, reading([user(f"app-{number}") for number in range(10)]))
    sync(instance)
    server.now_has(accounts=(user("app-0"),))
    sync(instance)
    return HeldReading.objects.get()


def present(instance: Instance) -> int:
    return Account.objects.present().filter(instance=instance).count()


@pytest.mark.django_db(transaction=True)
def test_accepting_applies_the_stored_reading(
    client_as: ClientAs, instance: Instance, held: HeldReading
) -> None:
    assert present(instance) == 10
    client = client_as("operator")
    page = client.get(f"/admin/accounts/heldreading/{held.pk}/change/").content.decode()
    assert "<strong>9</strong> of 10" in page
    assert "app-9" in page
    response = button(client, held, "accept")
    assert present(instance) == 1
    held.refresh_from_db()
    assert (held.decision, str(held.decided_by)) == ("accepted", "operator")
    assert response.context["session"].trigger == "admin"


@pytest.mark.django_db(transaction=True)
def test_rejecting_keeps_the_mirror(
    admin_client: Client, instance: Instance, held: HeldReading
) -> None:
    button(admin_client, held, "reject")
    assert present(instance) == 10
    assert "rejected" in button(admin_client, held, "accept").content.decode()
    assert present(instance) == 10


def test_viewer_is_told_who_decides(client_as: ClientAs, held: HeldReading) -> None:
    page = client_as("viewer").get(f"/admin/accounts/heldreading/{held.pk}/change/")
    assert "waits for a decision by an operator or admin" in page.content.decode()
