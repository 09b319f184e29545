"""Give every account the classes that the rules say, now or by the workers."""

from argparse import ArgumentParser
from typing import Any

from accounts.classify import classify_now, launch_classification
from instances.models import Instance
from sync_sessions.models import SyncSession
from sync_sessions.reports import record_line, run_document
from whalefall.core.commands import WhalefallCommand


class Command(WhalefallCommand):
    help = "Classify the accounts of the named instances, or of the whole fleet."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("names", nargs="*", metavar="INSTANCE")
        parser.add_argument("--queue", action="store_true", help="hand it to the workers")
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *, names: list[str], queue: bool, as_json: bool, **options: Any) -> None:
        instances = list(Instance.objects.named(names)) if names else [None]
        run = launch_classification if queue else classify_now
        session = run(instances, trigger=SyncSession.Trigger.COMMAND)
        if as_json:
            self.print_json(run_document(session))
        elif queue:
            self.stdout.write(f"Queued session {session.pk}.")
        else:
            for record in session.records.select_related("instance"):
                self.stdout.write(record_line(record))
