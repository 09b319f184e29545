"""Somebody can manage users, whatever happens, and however many try at once."""

from threading import Barrier, Thread
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from tests.api.envelopes import failure
from tests.factories import UserFactory
from whalefall.users.models import User

REFUSED = "This is the last active administrator, so nothing was changed."


def admin_user(**fields: Any) -> User:
    user: User = UserFactory(**fields)
    user.groups.add(Group.objects.get(name="admin"))
    return user


def client_for(user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.mark.both_databases
@pytest.mark.parametrize("change", [{"role": "operator"}, {"role": None}, {"is_active": False}])
def test_last_admin_stays_one_in_the_api(db: None, change: dict[str, Any]) -> None:
    ada = admin_user(username="ada")
    UserFactory(username="off", is_active=False).groups.add(Group.objects.get(name="admin"))

    response = client_for(ada).patch(f"/api/v1/users/{ada.pk}", change)

    suggestions = ["Give another active user the role admin first."]
    expected = failure("CONSTRAINT_VIOLATION", REFUSED, suggestions=suggestions)
    assert (response.status_code, response.json()) == (409, expected)
    ada = User.objects.get(pk=ada.pk)
    assert (ada.role, ada.is_active) == ("admin", True)


@pytest.mark.parametrize("change", [{"role": "operator"}, {"role": None}, {"is_active": False}])
@pytest.mark.parametrize("other", [{"is_superuser": True}, {}])
def test_an_admin_steps_down_when_there_is_another(
    db: None, change: dict[str, Any], other: dict[str, Any]
) -> None:
    ada = admin_user(username="ada")
    admin_user(username="bob", **other)

    assert client_for(ada).patch(f"/api/v1/users/{ada.pk}", change).status_code == 200

    assert [one.username for one in User.people.administrators()] == ["bob"]


@pytest.mark.parametrize(
    "entered",
    [{"is_active": "on", "groups": []}, {"groups": ["admin"]}],
    ids=["demoted", "disabled"],
)
def test_last_admin_stays_one_in_the_console(
    client: Client, db: None, entered: dict[str, Any]
) -> None:
    ada = admin_user(username="ada")
    client.force_login(ada)
    groups = [Group.objects.get(name=name).pk for name in entered["groups"]]
    page = f"/admin/users/user/{ada.pk}/change/"

    sent = {"username": "ada", "is_staff": "on", **entered, "groups": groups}
    response = client.post(page, sent, follow=True)

    assert [str(one) for one in response.context["messages"]] == [REFUSED]
    ada = User.objects.get(pk=ada.pk)
    assert (ada.role, ada.is_active) == ("admin", True)


@pytest.mark.parametrize("path", ["1", "many"])
def test_nobody_deletes_the_last_admin_in_the_console(client: Client, db: None, path: str) -> None:
    """Also not somebody who may delete users, but not manage them."""
    ada, helper = admin_user(username="ada"), UserFactory()
    helper.user_permissions.set(Permission.objects.all())
    client.force_login(helper)

    if path == "1":
        client.post(f"/admin/users/user/{ada.pk}/delete/", {"post": "yes"})
    else:
        chosen = {"action": "delete_selected", "_selected_action": [ada.pk], "post": "yes"}
        client.post("/admin/users/user/", chosen)

    assert User.objects.filter(pk=ada.pk).exists()


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_removed", [False, True])
def test_two_admins_who_end_each_other_do_not_both_succeed(is_removed: bool) -> None:
    for _ in range(6):
        pair = [admin_user(), admin_user()]
        together = Barrier(2)
        statuses: list[int] = []

        def end(
            me: User, other: User, together: Barrier = together, statuses: list[int] = statuses
        ) -> None:
            client, path = client_for(me), f"/api/v1/users/{other.pk}"
            try:
                together.wait()
                response = (
                    client.delete(path) if is_removed else client.patch(path, {"role": "viewer"})
                )
                statuses.append(response.status_code)
            finally:
                connection.close()

        threads = [Thread(target=end, args=(one, other)) for one, other in (pair, pair[::-1])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert User.people.administrators().count() == 1
        assert len(statuses) == 2
        assert 200 in statuses
        User.objects.all().delete()
