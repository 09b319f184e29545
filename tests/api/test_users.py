"""Users for admins; nobody gets at rights that he does not have."""

from collections.abc import Callable
from typing import Any
from unittest.mock import ANY

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from tests.api.conftest import person_behind
from tests.api.envelopes import failure, invalid, success
from tests.api.signing import AUTH, api_token, renewed, signed_in, status
from tests.factories import UserFactory
from whalefall.users.models import User

PATH = "/api/v1/users"
NEW = "Correct-horse-battery-7"


def made(role: str | None, **fields: Any) -> User:
    user: User = UserFactory(**fields)
    user.groups.set(Group.objects.filter(name=role))
    return user


@pytest.fixture
def helper(db: None) -> APIClient:
    """May do everything with users, and nothing else: no role allows so little."""
    user = UserFactory()
    user.user_permissions.set(Permission.objects.filter(content_type__model="user"))
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.mark.both_databases
def test_admin_makes_a_user_who_signs_in(admin: APIClient) -> None:
    sent = {"username": "bob", "role": "operator", "email": "bob@example.org", "password": NEW}

    response = admin.post(PATH, sent)

    bob = User.objects.get(username="bob")
    document = {
        "id": bob.pk,
        "username": "bob",
        "first_name": "",
        "last_name": "",
        "email": "bob@example.org",
        "role": "operator",
        "is_active": True,
        "is_staff": True,
        "is_superuser": False,
        "last_login": None,
        "date_joined": ANY,
    }
    assert (response.status_code, response.json()) == (201, success(document, "Created."))
    assert admin.get(f"{PATH}/{bob.pk}").json() == success(document)
    assert bob.check_password(NEW)
    assert [group.name for group in bob.groups.all()] == ["operator"]


def test_without_a_password_nobody_signs_in_with_one(admin: APIClient) -> None:
    admin.post(PATH, {"username": "script", "role": "viewer"})

    assert not User.objects.get(username="script").has_usable_password()


def test_a_password_is_checked_and_never_answered(admin: APIClient) -> None:
    response = admin.post(PATH, {"username": "rosalind", "role": None, "password": "rosalind1"})

    text = "The password is too similar to the username."
    assert (response.status_code, response.json()) == (400, invalid(password=text))
    assert not User.objects.filter(username="rosalind").exists()


@pytest.mark.both_databases
def test_role_password_and_switch_are_changed(admin: APIClient) -> None:
    bob = made("viewer")
    path = f"{PATH}/{bob.pk}"

    roles = [admin.patch(path, {"role": role}).json()["data"]["role"] for role in ("admin", None)]
    admin.patch(path, {"password": NEW, "is_active": False})

    bob = User.objects.get(pk=bob.pk)
    assert roles == ["admin", None]
    assert (bob.check_password(NEW), bob.is_active, bob.groups.count()) == (True, False, 0)


def switch_in_the_api(admin: User, bob: User, is_active: bool) -> None:
    client = APIClient()
    client.force_authenticate(admin)
    assert client.patch(f"{PATH}/{bob.pk}", {"is_active": is_active}).status_code == 200


def switch_in_the_console(admin: User, bob: User, is_active: bool) -> None:
    client = Client()
    client.force_login(admin)
    entered = {"username": "bob", "is_staff": "on", **({"is_active": "on"} if is_active else {})}
    assert client.post(f"/admin/users/user/{bob.pk}/change/", entered).status_code == 302


@pytest.mark.both_databases
@pytest.mark.parametrize("switch", [switch_in_the_api, switch_in_the_console])
def test_who_is_enabled_again_gets_back_nothing_that_was_given_before(
    switch: Callable[[User, User, bool], None], ada: User
) -> None:
    bob, eve = made(None, username="bob"), made(None, username="eve")
    client, pair = signed_in(username="bob")
    value, of_eve = api_token(bob), api_token(eve)
    anywhere = f"{AUTH}/me"

    def answers() -> list[int]:
        by_cookie = client.get(anywhere).status_code
        return [by_cookie, status(pair["access"], anywhere), status(value, anywhere)]

    assert answers() == [200, 200, 200]
    switch(ada, bob, False)
    while_disabled = answers()
    switch(ada, bob, True)

    assert (while_disabled, answers()) == ([401] * 3, [401] * 3)
    assert renewed(pair["refresh"]).status_code == 401
    assert status(of_eve, anywhere) == 200
    again, _ = signed_in(username="bob")
    assert again.get(anywhere).status_code == 200


def test_no_request_makes_a_superuser(admin: APIClient) -> None:
    bob = made("viewer")
    rights = ({"is_superuser": True}, {"user_permissions": [1]}, {"groups": [1]})
    people = (bob, person_behind(admin))

    found = [admin.patch(f"{PATH}/{one.pk}", each).status_code for one in people for each in rights]

    assert found == [200, 400, 400] * 2  # the first is read-only

    assert not User.objects.filter(is_superuser=True).exists()
    assert not User.objects.exclude(user_permissions=None).exists()


@pytest.mark.parametrize("is_active", [True, False])
@pytest.mark.parametrize("fields", [{"is_superuser": True}, {}], ids=["superuser", "admin"])
@pytest.mark.parametrize("change", [{"password": NEW}, {"is_active": True}, None])
def test_whoever_may_less_is_kept_away_also_from_a_disabled_one(
    helper: APIClient, fields: dict[str, Any], is_active: bool, change: dict[str, Any] | None
) -> None:
    target = made("admin", is_active=is_active, **fields)
    path = f"{PATH}/{target.pk}"

    response = helper.delete(path) if change is None else helper.patch(path, change)

    assert (response.status_code, response.json()) == (403, failure("PERMISSION_REQUIRED"))
    after = User.objects.get(pk=target.pk)
    assert (after.password, after.is_active) == (target.password, is_active)


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_nobody_gives_a_role_above_his_own(helper: APIClient, role: str) -> None:
    me, other = person_behind(helper), made(None)
    text = "You can't give a role above your own."

    for user in (me, other):
        response = helper.patch(f"{PATH}/{user.pk}", {"role": role})
        assert (response.status_code, response.json()) == (400, invalid(role=text))
    assert helper.post(PATH, {"username": "eve", "role": role}).status_code == 400


def test_a_superuser_stays_one_until_the_console_says_otherwise(ada: User) -> None:
    client = APIClient()
    client.force_authenticate(ada)

    response = client.patch(f"{PATH}/{ada.pk}", {"role": "viewer"})

    text = "A superuser has every right anyway."
    assert (response.status_code, response.json()) == (400, invalid(role=text))


def test_ones_own_password_is_changed_where_the_old_one_is_asked_for(admin: APIClient) -> None:
    me = person_behind(admin)

    response = admin.patch(f"{PATH}/{me.pk}", {"password": NEW})

    text = "Change your own password with auth/change-password."
    assert (response.status_code, response.json()) == (400, invalid(password=text))
    assert User.objects.get(pk=me.pk).password == me.password


def test_nobody_deletes_himself(admin: APIClient) -> None:
    made("admin")
    me = person_behind(admin)

    response = admin.delete(f"{PATH}/{me.pk}")

    expected = failure("PERMISSION_REQUIRED", "Nobody deletes himself.")
    assert (response.status_code, response.json()) == (403, expected)
    other = made("viewer")
    assert admin.delete(f"{PATH}/{other.pk}").json() == success(None, "Deleted.")
    assert not User.objects.filter(pk=other.pk).exists()


def test_a_name_is_taken_once(admin: APIClient) -> None:
    made("viewer", username="bob")

    response = admin.post(PATH, {"username": "bob", "role": None})

    assert response.status_code == 409
    assert response.json()["message_code"] == "CONSTRAINT_VIOLATION"


def test_list_costs_the_same_whatever_its_length(
    client_of: Callable[[str], APIClient], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    admin = client_of("admin")
    admin.get(PATH)
    for _ in range(2):
        for role in ("viewer", "operator", None):
            made(role)
        with django_assert_num_queries(3):
            response = admin.get(f"{PATH}?search=user&is_active=true")
        assert response.json()["data"]["total"] == User.objects.count()
