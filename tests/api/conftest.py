"""Signed-in clients, one per role."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from rest_framework.test import APIClient

from tests.api.described import _failures_are_described  # noqa: F401 -- a fixture of all of them
from tests.factories import UserFactory
from whalefall.users.models import User


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
