"""The one table of roles: the groups have what it says, and the code asks for nothing else."""

import ast
import re
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission

from tests.test_write_boundary import FILES, ROOT
from whalefall.users.apps import give_rights
from whalefall.users.models import codenames
from whalefall.users.roles import ACTIONS, NAMES, ROLES, SCOPES, permissions_of

PERMISSION = re.compile(r"([a-z_]+)\.(view|add|change|delete)_([a-z]+)")


def table() -> dict[str, set[str]]:
    return {role: {f"{app}.{codename}" for app, codename in permissions_of(role)} for role in NAMES}


def groups() -> dict[str, set[str]]:
    return {group.name: codenames(group.permissions.all()) for group in Group.objects.all()}


@pytest.mark.both_databases
def test_groups_have_what_the_table_says(db: None) -> None:
    assert groups() == table()


@pytest.mark.both_databases
def test_a_group_that_somebody_changed_is_put_right(db: None) -> None:
    viewer = Group.objects.get(name="viewer")
    viewer.permissions.add(Permission.objects.get(codename="change_instance"))
    viewer.permissions.remove(Permission.objects.get(codename="view_instance"))
    Group.objects.get(name="admin").delete()

    for label in {key.partition(".")[0] for key in ROLES}:
        give_rights(apps.get_app_config(label), using="default")

    assert groups() == table()


def test_each_role_may_what_the_one_below_may() -> None:
    viewer, operator, admin = table().values()

    assert viewer < operator < admin
    assert list(SCOPES.values()) == list(NAMES)


def test_actions_are_permissions_of_the_table() -> None:
    assert set(ACTIONS.values()) <= table()["admin"]


@pytest.mark.parametrize("name", FILES)
def test_code_asks_for_no_permission_that_nobody_can_have(name: str) -> None:
    """A misspelt one would be refused to everybody but superusers, who would never notice."""
    nodes = ast.walk(ast.parse((Path(ROOT) / name).read_text()))
    texts = {node.value for node in nodes if isinstance(node, ast.Constant)}
    found = [PERMISSION.fullmatch(text) for text in texts if isinstance(text, str)]
    asked = {one[0] for one in found if one and one[1] in apps.app_configs}

    assert asked <= table()["admin"]
