"""Say where every instance and database is going, now or by the workers."""

from argparse import ArgumentParser
from typing import Any

from capacity.forecast import forecast_now, launch_forecast
from sync_sessions.models import SyncSession
from sync_sessions.reports import record_line, run_document
from whalefall.core.commands import WhalefallCommand


class Command(WhalefallCommand):
    help = "Forecast the size of every active instance and its databases, and grade what is due."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--queue", action="store_true", help="hand it to the workers")
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *, queue: bool, as_json: bool, **options: Any) -> None:
        run = launch_forecast if queue else forecast_now
        session = run(trigger=SyncSession.Trigger.COMMAND)
        if as_json:
            self.print_json(run_document(session))
        elif queue:
            self.stdout.write(f"Queued session {session.pk}.")
        else:
            self.stdout.write(record_line(session.records.get()))
