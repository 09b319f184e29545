from importlib import import_module

from django.db import migrations

make_groups = import_module("whalefall.users.migrations.0002_groups").make_groups


class Migration(migrations.Migration):
    """The groups get what ``roles.py`` says of classifications too."""

    dependencies = [
        ("users", "0002_groups"),
        ("accounts", "0002_roles_and_classes"),
    ]
    operations = [migrations.RunPython(make_groups, migrations.RunPython.noop)]
