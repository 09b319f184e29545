"""What the pages of one row show."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import HeldReading
from accounts.pages import open_grants, powers
from instances.models import Instance
from sync_sessions.models import SyncEvent
from tests.factories import (
    AccountChangeFactory,
    AccountFactory,
    GrantFactory,
    InstanceFactory,
    MembershipFactory,
    SectionFactory,
    SecurableFactory,
    SyncRecordFactory,
)

HOSTILE = "<script>alert(1)</script>'\"\\`&amp;@%"


def shown(client: Client, row: Any, query: str = "") -> str:
    meta = row._meta
    path = f"/admin/{meta.app_label}/{meta.model_name}/{row.pk}/change/{query}"
    return client.get(path).content.decode()


def test_hostile_names_are_escaped_everywhere(admin_client: Client) -> None:
    instance = InstanceFactory(name=HOSTILE, last_error=HOSTILE, version=HOSTILE)
    SectionFactory(instance=instance, state="unknown", reason=HOSTILE, needed_grant=HOSTILE)
    account = AccountFactory(instance=instance, name=HOSTILE, attributes={HOSTILE: HOSTILE})
    place = SecurableFactory(instance=instance, database=HOSTILE, schema=HOSTILE, name=HOSTILE)
    GrantFactory(account=account, securable=place, privilege=HOSTILE, grantor=account)
    MembershipFactory(member=account, role=AccountFactory(instance=instance), grantor=account)
    edge = {"privilege": HOSTILE, "scope": "table", "object": HOSTILE, "grantor": HOSTILE}
    diff = {"grants": [edge], "attributes": {HOSTILE: [None, HOSTILE]}}
    change = AccountChangeFactory(account=account, kind="granted", diff=diff)
    record = SyncRecordFactory(instance=instance, error_code="X", error_message=HOSTILE)
    SyncEvent.objects.create(
        session=record.session, record=record, event=HOSTILE, fields={HOSTILE: HOSTILE}, at=NOW
    )
    summary = {"accounts": 1, "lost_accounts": 1, "edges": 1, "lost_edges": 1, "names": [HOSTILE]}
    held = HeldReading.objects.create(record=record, reading={}, summary=summary)
    rows = (instance, account, change, record, record.session, held)
    pages = [shown(admin_client, row) for row in rows]
    lists = ["", *(f"{row._meta.app_label}/{row._meta.model_name}/" for row in rows)]
    pages += [admin_client.get(f"/admin/{path}").content.decode() for path in lists]
    for page in pages:
        assert "<script>alert" not in page
    assert sum("&lt;script&gt;alert(1)" in page for page in pages) >= 10


NOW = timezone.now()


def test_names_keep_their_case_in_the_heading(admin_client: Client) -> None:
    account = AccountFactory(name="alice")
    heading = shown(admin_client, account).split("<h1", 1)[1].split("</h1>", 1)[0]
    assert "alice" in heading
    assert "Alice" not in heading


def test_account_page_shows_powers_and_what_nobody_knows(
    admin_client: Client, instance: Instance
) -> None:
    account = AccountFactory(instance=instance, name="app")
    place = SecurableFactory(instance=instance, name="orders")
    for privilege in ("SELECT", "INSERT"):
        GrantFactory(account=account, securable=place, privilege=privilege)
    gone = GrantFactory(account=account, privilege="TRUNCATE")
    gone.valid_to = timezone.now()
    gone.save()
    SectionFactory(
        instance=instance,
        name="grants",
        database="crm",
        state="unknown",
        reason="no right to connect",
        needed_grant="GRANT CONNECT ON DATABASE crm TO us;",
    )
    page = shown(admin_client, account)
    for text in ("orders", "SELECT", "INSERT", "no right to connect", "GRANT CONNECT ON DATABASE"):
        assert text in page
    assert "TRUNCATE" not in page
    assert "known" in page.split("What it may do")[1][:200]


def test_account_without_grants_on_an_unread_server_is_unknown(admin_client: Client) -> None:
    assert "Unknown: this server was never read." in shown(admin_client, AccountFactory())


def test_thousands_of_grants_are_paged_with_their_number(
    admin_client: Client, instance: Instance
) -> None:
    account = AccountFactory(instance=instance)
    place = SecurableFactory(instance=instance)
    for number in range(501):
        GrantFactory(account=account, securable=place, privilege=f"P{number:03d}")
    first, second = shown(admin_client, account), shown(admin_client, account, "?grants=2")
    assert "1–500 of 501" in first
    assert "P499" in first
    assert "P500" not in first
    assert "P500" in second


def test_privileges_given_alike_stand_together(instance: Instance) -> None:
    account, boss = AccountFactory(instance=instance), AccountFactory(instance=instance)
    place = SecurableFactory(instance=instance, name="orders")
    since = timezone.now()
    given: tuple[tuple[str, dict[str, Any]], ...] = (
        ("SELECT", {}),
        ("INSERT", {}),
        ("UPDATE", {"grantor": boss}),
        ("DELETE", {"is_denied": True}),
        ("TRIGGER", {"valid_from": since + timedelta(days=1)}),
    )
    for privilege, options in given:
        fields = {"valid_from": since, **options}
        GrantFactory(account=account, securable=place, privilege=privilege, **fields)
    [(where, some)] = powers(open_grants(account))
    assert where == "shop / public"
    assert sorted(power.privileges for power in some) == [
        ["DELETE"],
        ["INSERT", "SELECT"],
        ["TRIGGER"],
        ["UPDATE"],
    ]


def test_instance_page_names_the_missing_grant_and_counts_only_what_is_known(
    admin_client: Client, instance: Instance
) -> None:
    SectionFactory(instance=instance)
    SectionFactory(
        instance=instance, name="grants", state="unknown", reason="refused", needed_grant="GRANT x"
    )
    AccountFactory(instance=instance, is_superuser=None)
    page = shown(admin_client, instance)
    assert "1 of 2" in page
    assert "GRANT x" in page
    assert "and 1 unknown" in page
    assert "known: 1" in " ".join(page.split())


def test_instance_never_read_has_no_number_of_accounts(
    admin_client: Client, instance: Instance
) -> None:
    page = shown(admin_client, instance)
    assert "never read" in page
    assert "Superusers" not in page


def test_session_page_has_records_events_and_their_errors(admin_client: Client) -> None:
    record = SyncRecordFactory(status="failed", error_code="DATABASE_TIMEOUT", error_message="slow")
    page = shown(admin_client, record.session)
    assert "DATABASE_TIMEOUT" in page
    assert "slow" in page
    assert "1 of 1 done, 1 failed" in page


def test_progress_is_counted(admin_client: Client) -> None:
    record = SyncRecordFactory(status="running")
    SyncRecordFactory(session=record.session, status="completed")
    url = f"/admin/sync_sessions/syncsession/{record.session.pk}/progress/"
    answer = admin_client.get(url).json()
    assert (answer["total"], answer["completed"], answer["open"]) == (2, 1, 1)
    assert answer["is_open"]


def test_home_without_a_server_says_how_to_add_one(admin_client: Client) -> None:
    page = admin_client.get("/admin/").content.decode()
    assert "/admin/instances/credential/add/" in page
    assert "add_instance" in page


def test_home_names_what_needs_attention(admin_client: Client, instance: Instance) -> None:
    Instance.objects.filter(pk=instance.pk).update(last_error="refused the login")
    SectionFactory(instance=instance)
    SectionFactory(instance=instance, name="grants", state="unknown")
    record = SyncRecordFactory(instance=instance, session__status="failed")
    summary = {"accounts": 9, "lost_accounts": 8, "edges": 7, "lost_edges": 6, "names": []}
    HeldReading.objects.create(record=record, reading={}, summary=summary)
    page = " ".join(admin_client.get("/admin/").content.decode().split())
    for text in ("refused the login", "would lose 8 of 9", "0 of 1 servers fully read", "at least"):
        assert text in page
    assert "Nothing needs attention" not in page


@pytest.mark.parametrize("path", ["", "accounts/account/", "instances/instance/"])
def test_pages_ask_no_other_host(admin_client: Client, instance: Instance, path: str) -> None:
    page = admin_client.get(f"/admin/{path}").content.decode()
    assert 'src="http' not in page
    assert 'href="http' not in page
