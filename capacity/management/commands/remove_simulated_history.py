"""Remove the days that a trial invented."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from capacity.aggregate import Aggregation, aggregate_now
from capacity.simulated import remove_simulated_history
from sync_sessions.models import SyncSession
from whalefall.core.commands import WhalefallCommand


class Command(WhalefallCommand):
    help = "Remove the simulated history of a trial, and everything computed from it."

    def handle(self, **options: Any) -> None:
        with transaction.atomic():
            removed = remove_simulated_history(at=timezone.now())
        if removed:
            aggregate_now(Aggregation(), trigger=SyncSession.Trigger.COMMAND)
        self.stdout.write(f"{removed} simulated sizes removed.")
