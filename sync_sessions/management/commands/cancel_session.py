"""Stop a session."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from sync_sessions.launch import cancel_session
from sync_sessions.models import SyncSession
from whalefall.core.commands import WhalefallCommand
from whalefall.core.errors import InvalidRequest


class Command(WhalefallCommand):
    help = "Stop a session: waiting records at once, running ones within seconds."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("session", type=UUID)

    def handle(self, *, session: UUID, **options: Any) -> str:
        found = SyncSession.objects.filter(pk=session).first()
        if found is None:
            raise InvalidRequest(f"There is no session {session}.")
        if not cancel_session(found):
            self.fail(f"Session {session} is over already: {found.get_status_display()}.")
        return f"Session {session} is being cancelled."
