"""Forget what is older than the settings keep."""

from argparse import ArgumentParser
from typing import Any

from sync_sessions.models import SyncSession
from sync_sessions.reports import record_line, run_document
from whalefall.cleaning import clean_up_now
from whalefall.core.commands import WhalefallCommand


class Command(WhalefallCommand):
    help = "Delete old sessions, changes, closed grants and aggregates, as the settings say."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *, as_json: bool, **options: Any) -> None:
        session = clean_up_now(trigger=SyncSession.Trigger.COMMAND)
        if as_json:
            self.print_json(run_document(session))
        else:
            self.stdout.write(record_line(session.records.get()))
