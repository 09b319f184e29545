"""List the newest sessions."""

from argparse import ArgumentParser
from typing import Any

from sync_sessions.models import SyncSession
from sync_sessions.reports import run_document
from whalefall.core.commands import WhalefallCommand, positive


class Command(WhalefallCommand):
    help = "List the newest sessions and how far they are."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--limit", type=positive, default=20)
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *, limit: int, as_json: bool, **options: Any) -> None:
        # Counting drops the order of the model.
        sessions = SyncSession.objects.with_progress().order_by("-created_at")[:limit]
        if as_json:
            self.print_json([run_document(session) for session in sessions])
            return
        if not sessions:
            self.stdout.write("No session has run yet.")
        for session in sessions:
            self.stdout.write(line(session))


def line(session: Any) -> str:
    counted = ", ".join(
        f"{getattr(session, name)} {name}"
        for name in ("completed", "failed", "cancelled", "open")
        if getattr(session, name)
    )
    return (
        f"{session.pk}  {session.created_at:%Y-%m-%d %H:%M}  {session.category}  "
        f"{session.status}  {session.total} records: {counted or 'none'}"
    )
