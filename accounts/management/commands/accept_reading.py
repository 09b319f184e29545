"""Apply a reading that the breaker held back."""

from argparse import ArgumentParser
from typing import Any

from accounts.held import accept_reading, find_held
from sync_sessions.models import SyncSession
from whalefall.core.commands import WhalefallCommand


class Command(WhalefallCommand):
    help = "Apply a held reading as it was read."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("reading", type=int)

    def handle(self, *, reading: int, **options: Any) -> str:
        session = accept_reading(find_held(reading), trigger=SyncSession.Trigger.COMMAND)
        return f"Held reading {reading} is applied: session {session.pk}."
