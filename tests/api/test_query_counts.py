"""A list costs the same number of queries whatever its length."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.facts import FACTS_VERSION
from accounts.models import HeldReading
from sync_sessions.models import SyncEvent, SyncSession
from tests.factories import (
    AccountChangeFactory,
    AccountFactory,
    CredentialFactory,
    GrantFactory,
    InstanceFactory,
    MembershipFactory,
    SectionFactory,
    SyncRecordFactory,
    SyncSessionFactory,
    TagFactory,
    UserFactory,
)

SESSION = "11111111-1111-1111-1111-111111111111"
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def instances() -> None:
    InstanceFactory().tags.add(TagFactory(), TagFactory())


def accounts() -> None:
    AccountFactory(instance=SectionFactory().instance)


def changes() -> None:
    AccountChangeFactory(session=SyncSessionFactory())


def sessions() -> None:
    SyncRecordFactory(session=SyncSessionFactory(requested_by=UserFactory()))


def records() -> None:
    session, _ = SyncSession.objects.get_or_create(id=SESSION, defaults={"created_at": MOMENT})
    record = SyncRecordFactory(session=session, status="failed")
    SyncEvent.objects.create(session=session, record=record, level="error", event="x", at=MOMENT)


def held_readings() -> None:
    HeldReading.objects.create(
        record=SyncRecordFactory(), reading={}, summary={}, decided_by=UserFactory()
    )


# path → one more row, and the queries that a list of any length takes
LISTS: dict[str, tuple[Callable[[], object], int]] = {
    "instances": (instances, 3),
    "credentials": (CredentialFactory, 2),
    "tags": (TagFactory, 2),
    "accounts/ledgers": (accounts, 3),
    "account-change-logs": (changes, 2),
    "sessions": (sessions, 3),
    f"sessions/{SESSION}/records": (records, 3),
    f"sessions/{SESSION}/events": (records, 3),
    f"sessions/{SESSION}/error-logs": (records, 4),
    "held-readings": (held_readings, 2),
}


@pytest.mark.parametrize("path", LISTS)
def test_list_takes_a_constant_number_of_queries(
    admin: APIClient, django_assert_num_queries: DjangoAssertNumQueries, path: str
) -> None:
    more, queries = LISTS[path]
    for total in (2, 20):
        while admin.get(f"/api/v1/{path}").json().get("data", {}).get("total", 0) < total:
            more()
        with django_assert_num_queries(queries):
            response = admin.get(f"/api/v1/{path}")
        assert len(response.json()["data"]["items"]) == total


def test_permissions_and_history_take_a_constant_number_of_queries(
    admin: APIClient, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    instance = SectionFactory(name="server").instance
    account = AccountFactory(instance=instance, facts_version=FACTS_VERSION)
    path = f"/api/v1/accounts/ledgers/{account.pk}"
    admin.get(path)
    for _ in range(2):
        GrantFactory.create_batch(10, account=account)
        MembershipFactory.create_batch(10, member=account)
        AccountChangeFactory.create_batch(10, account=account)
        with django_assert_num_queries(4):
            assert admin.get(f"{path}/permissions").status_code == 200
        with django_assert_num_queries(3):
            assert admin.get(f"{path}/change-history").status_code == 200
