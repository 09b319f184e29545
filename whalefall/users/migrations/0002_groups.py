from django.db import migrations

from whalefall.users.roles import NAMES


def make_groups(apps, schema_editor):
    """The three groups. What each may do is given after the migrations, when the rights exist."""
    group_model = apps.get_model("auth", "Group")
    for name in NAMES:
        group_model.objects.get_or_create(name=name)


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
