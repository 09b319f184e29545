"""Lists run the same statements for five rows and for fifty, and show unknown as unknown."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.attention import overview
from accounts.models import HeldReading
from instances.models import Instance
from tests.factories import (
    AccountChangeFactory,
    AccountFactory,
    GrantFactory,
    InstanceFactory,
    MembershipFactory,
    SectionFactory,
    SyncRecordFactory,
    TagFactory,
)

LISTS = (
    *("accounts/account", "accounts/accountchange", "accounts/heldreading"),
    *("instances/instance", "instances/credential", "sync_sessions/syncsession"),
    *("sync_sessions/syncrecord", "tags/tag", "users/user"),
)


def make_rows(number: int) -> None:
    for _ in range(number):
        instance = InstanceFactory(last_error="refused")
        instance.tags.add(TagFactory())
        SectionFactory(instance=instance)
        SectionFactory(instance=instance, name="grants", state="unknown", read_at=None)
        account = AccountFactory(instance=instance)
        MembershipFactory(member=account)
        record = SyncRecordFactory(instance=instance, status="failed", session__status="failed")
        AccountChangeFactory(account=account, session=record.session)
        HeldReading.objects.create(record=record, reading={}, summary=SUMMARY)


SUMMARY = {"accounts": 9, "lost_accounts": 8, "edges": 7, "lost_edges": 6, "names": ["app"]}


def statements(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        response = client.get(path)
    assert response.status_code == 200
    return len(queries)


@pytest.mark.parametrize("path", ["", *(f"{name}/" for name in LISTS)])
def test_pages_run_the_same_statements_at_5_and_50_rows(admin_client: Client, path: str) -> None:
    make_rows(5)
    few = statements(admin_client, f"/admin/{path}")
    make_rows(45)
    assert statements(admin_client, f"/admin/{path}") == few


def test_an_account_page_runs_the_same_statements_for_any_number_of_edges(
    admin_client: Client,
) -> None:
    account = AccountFactory(kind="role")
    path = f"/admin/accounts/account/{account.pk}/change/"

    def add(number: int) -> None:
        for _ in range(number):
            GrantFactory(account=account)
            MembershipFactory(member=account)
            MembershipFactory(role=account, member__instance=account.instance)
            AccountChangeFactory(account=account)

    add(2)
    few = statements(admin_client, path)
    add(20)
    assert statements(admin_client, path) == few


def test_list_hides_system_and_removed_accounts_until_asked(admin_client: Client) -> None:
    instance = InstanceFactory()
    AccountFactory(instance=instance, name="shown-one")
    AccountFactory(instance=instance, name="engine-own", is_system=True)
    AccountFactory(instance=instance, name="gone-one", removed=True)
    AccountFactory(instance__deleted_at=timezone.now(), name="binned-one")
    everything = {"shown-one", "engine-own", "gone-one", "binned-one"}

    def listed(query: str) -> set[str]:
        page = admin_client.get(f"/admin/accounts/account/{query}").content.decode()
        return {name for name in everything if name in page}

    assert listed("") == {"shown-one"}
    assert listed("?presence=all&system=show") == everything
    assert listed("?presence=removed&system=show") == {"gone-one", "binned-one"}
    assert listed("?system=only") == {"engine-own"}


def cells(client: Client, account: Any) -> dict[str, str]:
    page = client.get("/admin/accounts/account/")
    model_admin = page.context["cl"].model_admin
    row = next(one for one in page.context["cl"].result_list if one.pk == account.pk)
    names = ("superuser", "may_log_in", "locked", "may_grant", "password", "last_seen")
    return {name: str(getattr(model_admin, name)(row)) for name in names}


def test_unknown_is_a_dash_that_says_so_and_never_no(admin_client: Client) -> None:
    account = AccountFactory(can_login=None, is_superuser=None, is_locked=None)
    shown = cells(admin_client, account)
    assert {name for name, text in shown.items() if 'title="unknown"' in text and "–" in text} == {
        *("superuser", "may_log_in", "locked", "may_grant", "password", "last_seen")
    }
    assert not any(">no<" in text for text in shown.values())


def test_known_is_yes_or_no(admin_client: Client) -> None:
    facts = {"can_grant": {"value": False, "reasons": []}}
    account = AccountFactory(is_superuser=True, facts=facts)
    SectionFactory(instance=account.instance, read_at=timezone.now() - timedelta(hours=3))
    shown = cells(admin_client, account)
    assert ">yes<" in shown["superuser"]
    assert ">no<" in shown["may_grant"]
    assert "3\xa0hours ago" in shown["last_seen"]


def fact(code: str) -> tuple[int, int, bool]:
    numbers = {one.code: one for one in overview(timezone.now())["facts"]}
    return numbers[code].yes, numbers[code].unknown, numbers[code].is_certain


def test_a_number_is_certain_only_when_everything_is_known(instance: Instance) -> None:
    SectionFactory(instance=instance)
    AccountFactory(instance=instance, is_superuser=True)
    assert fact("superuser") == (1, 0, True)
    AccountFactory(instance=instance, is_superuser=None)
    assert fact("superuser") == (1, 1, False)


def test_a_server_that_is_partly_known_makes_numbers_uncertain(instance: Instance) -> None:
    SectionFactory(instance=instance)
    AccountFactory(instance=instance, is_superuser=True)
    SectionFactory(instance=instance, name="grants", state="unknown")
    assert fact("superuser") == (1, 0, False)


def test_a_server_never_read_makes_numbers_uncertain(instance: Instance) -> None:
    assert fact("superuser") == (0, 0, False)


def test_facts_that_no_server_told_are_unknown_not_no(instance: Instance) -> None:
    AccountFactory(instance=instance, facts={})
    AccountFactory(instance=instance, facts={"can_grant": {"value": None, "reasons": []}})
    AccountFactory(instance=instance, facts={"can_grant": {"value": True, "reasons": []}})
    AccountFactory(instance=instance, facts={"can_grant": {"value": False, "reasons": []}})
    assert fact("can_grant") == (1, 2, False)


@pytest.mark.parametrize("code", ["superuser", "can_grant", "password_never_expires"])
def test_the_list_behind_a_number_has_as_many_accounts(admin_client: Client, code: str) -> None:
    values = (True, False, None, None, True)
    for value in values:
        AccountFactory(is_superuser=value, facts={code: {"value": value, "reasons": []}})
    AccountFactory(is_superuser=None, facts={})
    yes, unknown, _ = fact(code)
    assert (yes, unknown) == (2, 3)
    for query, number in ((code, yes), (f"?{code}", unknown)):
        page = admin_client.get("/admin/accounts/account/", {"stands_out": query})
        assert page.context["cl"].result_count == number
