"""Accounts as the API shows them: what is known, how much of it, and what is not."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import ANY

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Account, Grant, Membership
from instances.engines.base import MembershipRecord, Section
from instances.models import Instance
from tests.api.envelopes import failure, invalid, page, success
from tests.factories import AccountFactory, InstanceFactory, SectionFactory, TagFactory, sync
from tests.toy_engine import ToyServer, reading, role, select_on, user

PATH = "/api/v1/accounts/ledgers"
ServerHas = Callable[..., ToyServer]
HIDDEN = Section("grants", "hr", "Our login may not connect.", "GRANT CONNECT ON hr TO us")


def listed(account: Account, **fields: Any) -> dict[str, Any]:
    instance = account.instance
    return {
        "id": account.pk,
        "instance": {"id": instance.pk, "name": instance.name, "engine": "toy"},
        "name": account.name,
        "kind": "user",
        "is_system": False,
        "can_login": True,
        "is_superuser": False,
        "is_locked": False,
        "password_state": None,
        "password_changed_at": None,
        "password_expires_at": None,
        "last_login_at": None,
        "first_seen_at": ANY,
        "removed_at": None,
        "coverage": {"known": 0, "total": 0, "is_complete": False, "accounts_read_at": None},
        **fields,
    }


def names(client: APIClient, **query: Any) -> list[str]:
    response = client.get(PATH, query)
    assert response.status_code == 200, response.json()
    return [item["name"] for item in response.json()["data"]["items"]]


def test_account_is_listed_with_the_coverage_of_its_server(viewer: APIClient) -> None:
    section = SectionFactory()
    SectionFactory(instance=section.instance, name="grants", state="unknown", read_at=None)
    account = AccountFactory(instance=section.instance, password_expires_at=timezone.now())

    response = viewer.get(PATH)

    coverage = {"known": 1, "total": 2, "is_complete": False, "accounts_read_at": ANY}
    expired = {"password_state": "expired", "password_expires_at": ANY}
    assert response.json() == page(listed(account, coverage=coverage, **expired))


def test_account_has_its_attributes_and_facts(viewer: APIClient) -> None:
    facts = {"locked": {"value": False, "reasons": []}}
    account = AccountFactory(native_id="16384", attributes={"inherit": True}, facts=facts)

    response = viewer.get(f"{PATH}/{account.pk}")

    more = {"native_id": "16384", "attributes": {"inherit": True}, "facts": facts}
    assert response.json() == success(listed(account, facts_version=0, **more))


def test_list_shows_present_accounts_of_people_and_applications(viewer: APIClient) -> None:
    instance = InstanceFactory()
    AccountFactory(instance=instance, name="app")
    AccountFactory(instance=instance, name="gone", removed=True)
    AccountFactory(instance=instance, name="pg_monitor", is_system=True)
    AccountFactory(instance__deleted_at=timezone.now(), name="binned")

    assert names(viewer) == ["app"]
    assert names(viewer, include_removed="true", sort="name") == ["app", "binned", "gone"]
    assert names(viewer, include_system="true") == ["app", "pg_monitor"]
    assert names(viewer, include_system="false") == ["app"]


def test_removed_and_system_accounts_are_shown_when_asked_for_by_id(viewer: APIClient) -> None:
    account = AccountFactory(removed=True, is_system=True)

    assert viewer.get(f"{PATH}/{account.pk}").status_code == 200


def test_list_is_filtered_and_sorted(viewer: APIClient) -> None:
    red = AccountFactory(name="red", is_superuser=True, instance__name="one").instance
    red.tags.add(TagFactory(name="production"), TagFactory(name="billing"))
    AccountFactory(name="blue", is_locked=None, kind="role", instance__name="two")

    assert names(viewer, instance=red.pk) == ["red"]
    assert names(viewer, engine="toy") == ["red", "blue"]
    assert names(viewer, engine="mysql") == []
    assert names(viewer, tags="production,billing") == ["red"]
    assert names(viewer, is_superuser="true") == ["red"]
    assert names(viewer, is_locked="false") == ["red"]
    assert names(viewer, kind="role") == ["blue"]
    assert names(viewer, search="two") == ["blue"]
    assert names(viewer, sort="name") == ["blue", "red"]


@pytest.mark.parametrize(
    "query",
    [{"engine": "dbase"}, {"kind": "human"}, {"instance": "99"}, {"is_superuser": "perhaps"}],
)
def test_filter_value_that_can_not_be_is_refused(viewer: APIClient, query: dict[str, str]) -> None:
    response = viewer.get(PATH, query)

    assert response.status_code == 400
    assert response.json() == failure(
        "VALIDATION_ERROR", extra={"fields": {name: [ANY] for name in query}}
    )


def test_permissions_are_the_account_s_own_edges(
    viewer: APIClient, instance: Instance, server_has: ServerHas
) -> None:
    server_has(
        instance,
        reading(
            [user("app"), role("readers")],
            [MembershipRecord("app", "readers")],
            [select_on("shop.public.orders", "app", grantable=True)],
            unknown=[HIDDEN],
        ),
    )
    sync(instance)

    response = viewer.get(f"{PATH}/{Account.objects.get(name='app').pk}/permissions")

    assert response.json() == success(
        {
            "at": None,
            "coverage": 0.8,
            "unknown_sections": [
                {
                    "name": "grants",
                    "database": "hr",
                    "state": "unknown",
                    "reason": HIDDEN.reason,
                    "needed_grant": HIDDEN.needed_grant,
                    "read_at": None,
                }
            ],
            "facts": Account.objects.get(name="app").facts,
            "permissions": [
                {
                    "privilege": "SELECT",
                    "scope": "table",
                    "database": "shop",
                    "schema": "public",
                    "object": "orders",
                    "column": "",
                    "grantable": True,
                    "denied": False,
                    "owner": False,
                    "reachable": None,
                    "via": [],
                }
            ],
            "memberships": [
                {
                    "role": "readers",
                    "grantor": None,
                    "admin_option": False,
                    "inherits": True,
                    "can_set": True,
                    "is_default": False,
                }
            ],
        }
    )


def test_permissions_of_a_past_moment(
    viewer: APIClient, instance: Instance, server_has: ServerHas
) -> None:
    grants = [select_on("shop.public.orders", "app")]
    server = server_has(instance, reading([user("app")], (), grants))
    sync(instance)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    Account.objects.update(first_seen_at=start)
    Grant.objects.update(valid_from=start)
    server.now_has(grants=())
    sync(instance)
    path = f"{PATH}/{Account.objects.get().pk}/permissions"

    before = viewer.get(path, {"at": "2026-03-31T00:00:00Z"}).json()["data"]

    assert viewer.get(path).json()["data"]["permissions"] == []
    assert [one["object"] for one in before["permissions"]] == ["orders"]
    assert (before["at"], before["coverage"], before["facts"]) == (
        "2026-03-31T00:00:00Z",
        None,
        None,
    )


def test_permissions_that_were_never_read_are_not_shown_as_none(viewer: APIClient) -> None:
    account = AccountFactory()

    response = viewer.get(f"{PATH}/{account.pk}/permissions")

    assert response.status_code == 409
    assert response.json() == failure(
        "SNAPSHOT_MISSING",
        f"The privileges on {account.instance} have never been read; sync its accounts first.",
        suggestions=["Sync the accounts of the instance first."],
    )


def test_permissions_before_the_account_was_first_seen_are_not_known(viewer: APIClient) -> None:
    account = AccountFactory(instance=SectionFactory(name="server").instance)
    before = account.first_seen_at - timedelta(days=1)

    response = viewer.get(f"{PATH}/{account.pk}/permissions", {"at": before.isoformat()})

    assert (response.status_code, response.json()["message_code"]) == (409, "SNAPSHOT_MISSING")


def test_permissions_without_facts_are_not_shown(viewer: APIClient) -> None:
    account = AccountFactory(instance=SectionFactory(name="server").instance, facts_version=0)

    response = viewer.get(f"{PATH}/{account.pk}/permissions")

    assert response.status_code == 409
    assert response.json() == failure(
        "PERMISSION_FACTS_MISSING", ANY, suggestions=["Sync the accounts of the instance."]
    )


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        (
            {"effective": "perhaps"},
            {"effective": "Must be a valid boolean."},
        ),
        ({"at": "2999-01-01T00:00:00Z"}, {"at": "Nobody knows the future."}),
        (
            {"when": "now"},
            {"when": "There is no such parameter; known are at, effective, format."},
        ),
    ],
)
def test_permissions_parameters_are_checked(
    viewer: APIClient, query: dict[str, str], errors: dict[str, str]
) -> None:
    account = AccountFactory()

    response = viewer.get(f"{PATH}/{account.pk}/permissions", query)

    assert (response.status_code, response.json()) == (400, invalid(**errors))


def test_nothing_of_the_mirror_can_be_written(admin: APIClient) -> None:
    path = f"{PATH}/{AccountFactory().pk}"

    for method in (admin.post, admin.put, admin.patch, admin.delete):
        assert method(path, {"name": "x"}).status_code == 405
    assert not Membership.objects.exists()
