"""Write the schedules of the settings into django-q2."""

from typing import Any

from django.db import transaction

from sync_sessions.schedules import setup_schedules
from whalefall.core.commands import WhalefallCommand


class Command(WhalefallCommand):
    help = "Create the default schedules that are missing; those that exist stay as they are."

    def handle(self, **options: Any) -> str:
        with transaction.atomic():
            created = setup_schedules()
        return f"Created: {', '.join(created)}." if created else "Every schedule is there."
