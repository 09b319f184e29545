"""Make the months to come of measured sizes, and drop those past their time."""

from argparse import ArgumentParser
from typing import Any

from capacity.maintain import maintain_now
from capacity.partitions import partition_status
from sync_sessions.models import SyncSession
from sync_sessions.reports import record_line, run_document
from whalefall.core.commands import WhalefallCommand


class Command(WhalefallCommand):
    help = "Make this month's and the next three months' partitions, and drop the old ones."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *, as_json: bool, **options: Any) -> None:
        session = maintain_now(trigger=SyncSession.Trigger.COMMAND)
        if as_json:
            self.print_json(run_document(session))
            return
        self.stdout.write(record_line(session.records.get()))
        if not partition_status().is_partitioned:
            self.stdout.write("Whalefall's own database is SQLite: its tables have no partitions.")
