"""Nobody gives himself, or anybody, more rights than he has."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from tests.factories import UserFactory
from whalefall.users.models import User

PAGE = "/admin/users/user/"


def save(client: Client, user: User, **fields: Any) -> Any:
    entered = {
        "username": user.username,
        "is_active": "on",
        "is_staff": "on",
        "groups": [group.pk for group in user.groups.all()],
    }
    return client.post(f"{PAGE}{user.pk}/change/", {**entered, **fields})


def test_an_admin_does_not_become_superuser(admin_client: Client) -> None:
    me = User.objects.get(username="admin")
    everything = [one.pk for one in Permission.objects.all()]
    save(admin_client, me, is_superuser="on", user_permissions=everything, first_name="Ada")
    me = User.objects.get(pk=me.pk)
    assert me.first_name == "Ada"
    assert not me.is_superuser
    assert not me.user_permissions.exists()


@pytest.mark.parametrize("path", ["change", "password", "delete"])
def test_an_admin_does_not_touch_a_superuser(admin_client: Client, path: str) -> None:
    root = UserFactory(is_superuser=True)
    before = root.password
    new = {"password1": "a-new-Password-1", "password2": "a-new-Password-1", "post": "yes"}
    response = admin_client.post(f"{PAGE}{root.pk}/{path}/", {**new, "username": "mine"})
    assert response.status_code == 403
    root.refresh_from_db()
    assert (root.password, root.username == "mine") == (before, False)


def test_an_admin_makes_users_and_sets_passwords(admin_client: Client) -> None:
    entered = {
        "username": "new-one",
        "usable_password": "true",
        "password1": "a-new-Password-1",
        "password2": "a-new-Password-1",
        "is_staff": "on",
        "groups": [Group.objects.get(name="viewer").pk],
    }
    admin_client.post(f"{PAGE}add/", entered)
    made = User.objects.get(username="new-one")
    assert [group.name for group in made.groups.all()] == ["viewer"]
    entered |= {"password1": "Another-pass-2", "password2": "Another-pass-2"}
    admin_client.post(f"{PAGE}{made.pk}/password/", entered)
    made.refresh_from_db()
    assert made.check_password("Another-pass-2")


def test_a_group_above_ones_own_rights_cannot_be_given(person: Callable[[str], User]) -> None:
    admin, operator = person("admin"), person("operator")
    assert {group.name for group in admin.grantable_groups()} == {"admin", "operator", "viewer"}
    assert {group.name for group in operator.grantable_groups()} == {"operator", "viewer"}


def test_users_of_a_higher_role_are_out_of_reach(
    client: Client, person: Callable[[str], User]
) -> None:
    helper = UserFactory()
    rights = ("view_user", "change_user", "delete_user")
    helper.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(helper)
    admin = person("admin")
    assert save(client, admin, first_name="Eve").status_code == 403
    groups = [Group.objects.get(name="admin").pk]
    save(client, helper, groups=groups)
    assert not helper.groups.exists()


def test_nobody_deletes_himself(admin_client: Client) -> None:
    me = User.objects.get(username="admin")
    admin_client.post(f"{PAGE}{me.pk}/delete/", {"post": "yes"})
    chosen = {"action": "delete_selected", "_selected_action": [me.pk], "post": "yes"}
    admin_client.post(PAGE, chosen)
    assert User.objects.filter(pk=me.pk).exists()


def test_no_page_shows_a_password_hash(admin_client: Client) -> None:
    user = UserFactory()
    shown = admin_client.get(f"{PAGE}{user.pk}/change/").content.decode()
    assert user.password not in shown
    assert user.password.split("$")[-1][:6] not in shown


def test_groups_and_the_queue_have_no_page_of_their_own(client: Client, db: None) -> None:
    client.force_login(UserFactory(is_superuser=True))
    for path in ("auth/group", "django_q/schedule", "django_q/ormq"):
        assert client.get(f"/admin/{path}/").status_code == 404
