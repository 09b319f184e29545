"""Rescue what dead workers left behind."""

from typing import Any

from sync_sessions.launch import reap
from whalefall.core.commands import WhalefallCommand


class Command(WhalefallCommand):
    help = "Give back or fail records whose worker died, and finish sessions that are done."

    def handle(self, **options: Any) -> str:
        return f"{reap()} records are queued again."
