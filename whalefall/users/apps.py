from typing import Any

from django.apps import AppConfig
from django.apps.registry import Apps
from django.apps.registry import apps as installed
from django.db.models.signals import post_migrate

from whalefall.users.roles import NAMES, ROLES, permissions_of


class UsersConfig(AppConfig):
    name = "whalefall.users"

    def ready(self) -> None:
        # After auth's own receiver, which makes the permissions: it is connected before.
        post_migrate.connect(give_rights, dispatch_uid="whalefall.users.give_rights")


def give_rights(app_config: AppConfig, using: str, apps: Apps = installed, **_: Any) -> None:
    """Make each group's permissions for ``app_config`` those of ``roles.py``, after any migration.

    So the table can change without a migration that repeats it.
    """
    label = app_config.label
    if label not in {key.partition(".")[0] for key in ROLES}:
        return
    try:
        groups = apps.get_model("auth", "Group").objects.using(using)
        permissions = apps.get_model("auth", "Permission").objects.using(using)
    except LookupError:  # migrated back to before there were any
        return
    known = {one.codename: one for one in permissions.filter(content_type__app_label=label)}
    for role in NAMES:
        group, _is_new = groups.get_or_create(name=role)
        wanted = {known[codename] for app, codename in permissions_of(role) if app == label}
        given = set(group.permissions.filter(content_type__app_label=label))
        group.permissions.remove(*given - wanted)
        group.permissions.add(*wanted - given)
