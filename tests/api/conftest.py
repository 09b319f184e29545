"""Signed-in clients, one per role."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from rest_framework.test import APIClient

from accounts.models import Classification, HeldReading
from sync_sessions.schedules import setup_schedules
from tests.api.described import described, plain
from tests.factories import (
    AccountChangeFactory,
    AccountFactory,
    AssignmentFactory,
    ClassificationFactory,
    ClassificationRuleFactory,
    CredentialFactory,
    ForecastFactory,
    InstanceFactory,
    SyncRecordFactory,
    SyncSessionFactory,
    TagFactory,
    UserFactory,
)
from whalefall.users.models import User


@pytest.fixture(autouse=True)
def _failures_are_described(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every failure that a test meets stands in the description of what it asked."""
    undescribed = set()
    send: Any = APIClient.request

    def request(self: APIClient, **sent: Any) -> Any:
        response = send(self, **sent)
        method = sent["REQUEST_METHOD"].lower()
        route = getattr(getattr(response, "resolver_match", None), "route", None)
        is_failure = response.status_code >= 400 and "json" in response.headers["Content-Type"]
        if is_failure and route and (plain(route), method) in described():
            code = response.json()["message_code"]
            if code not in described()[plain(route), method]:
                undescribed.add((method, plain(route), code))
        return response

    monkeypatch.setattr(APIClient, "request", request)
    yield
    assert not undescribed, sorted(undescribed)


@pytest.fixture
def client_of(db: None) -> Callable[[str], APIClient]:
    """A client signed in as a new user of that role; ``anonymous`` is nobody."""

    def make(role: str) -> APIClient:
        client = APIClient()
        if role != "anonymous":
            user = UserFactory(is_staff=False)
            user.groups.add(Group.objects.get(name=role))
            client.force_authenticate(user)
        return client

    return make


@pytest.fixture
def root(transactional_db: None) -> APIClient:
    """For tests without the rollback: the flush after them takes the groups away."""
    client = APIClient()
    client.force_authenticate(UserFactory(is_superuser=True))
    return client


@pytest.fixture
def ada(db: None) -> User:
    """A superuser who signs in as ``signing.SIGN_IN`` says."""
    user: User = UserFactory(username="ada", is_superuser=True)
    return user


@pytest.fixture
def viewer(client_of: Callable[[str], APIClient]) -> APIClient:
    return client_of("viewer")


@pytest.fixture
def operator(client_of: Callable[[str], APIClient]) -> APIClient:
    return client_of("operator")


@pytest.fixture
def admin(client_of: Callable[[str], APIClient]) -> APIClient:
    return client_of("admin")


def person_behind(client: APIClient) -> User:
    """The user that ``client_of`` signed in."""
    user: User = getattr(client.handler, "_force_user")  # noqa: B009 -- a name of DRF's own
    return user


@pytest.fixture
def objects(db: None) -> dict[str, object]:
    """One of everything, under the same number; the servers of these instances do not exist."""
    session = SyncSessionFactory(id=UUID(int=7), status="completed")
    key = 7
    CredentialFactory(id=key)
    TagFactory(id=key)
    UserFactory(id=key)
    instance = InstanceFactory(id=key)
    ForecastFactory(id=key, instance=instance)
    record = SyncRecordFactory(id=key, session=session, instance=instance)
    account = AccountFactory(id=key, instance=instance)
    AccountChangeFactory(id=key, account=account)
    Classification.objects.all().delete()  # those that ship
    rule = ClassificationRuleFactory(id=key, classification=ClassificationFactory(id=key))
    AssignmentFactory(id=key, account=account, classification=rule.classification)
    HeldReading.objects.create(id=key, record=record, reading={}, summary={}, decision="rejected")
    LogEntry.objects.filter(pk=key).delete()
    LogEntry.objects.create(
        pk=key, content_type=ContentType.objects.get_for_model(instance), object_pk=key, action=0
    )
    setup_schedules()
    return {"id": key, "session": session.pk, "job": "reap_sessions"}
