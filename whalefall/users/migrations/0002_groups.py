from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

from whalefall.users.roles import NAMES, permissions_of


def make_groups(apps, schema_editor):
    """The three groups, with the permissions of ``roles.py``.

    Permissions are otherwise made after all migrations, too late to hand them out here.
    """
    for label in ("accounts", "instances", "sync_sessions", "tags", "users"):
        create_permissions(
            installed.get_app_config(label), verbosity=0, using=schema_editor.connection.alias
        )
    group_model = apps.get_model("auth", "Group")
    permission_model = apps.get_model("auth", "Permission")
    permissions = {
        (one.content_type.app_label, one.codename): one
        for one in permission_model.objects.select_related("content_type")
    }
    for name in NAMES:
        group, _ = group_model.objects.get_or_create(name=name)
        group.permissions.set(permissions[key] for key in permissions_of(name))


class Migration(migrations.Migration):
    dependencies = [
        ("users", "0001_initial"),
        ("accounts", "0001_initial"),
        ("instances", "0001_initial"),
        ("sync_sessions", "0001_initial"),
        ("tags", "0001_initial"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [
        # Groups may have people in them by then: going back leaves them alone.
        migrations.RunPython(make_groups, migrations.RunPython.noop)
    ]
