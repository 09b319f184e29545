"""Mirror the accounts of servers, now or by the workers."""

from argparse import ArgumentParser
from typing import Any

from accounts.sync import launch_account_sync, sync_accounts_now
from instances.models import Instance, Section
from sync_sessions.models import SyncSession
from sync_sessions.progress import progress_of
from sync_sessions.reports import run_document
from whalefall.core.commands import WhalefallCommand
from whalefall.core.errors import InvalidRequest


class Command(WhalefallCommand):
    help = "Mirror the accounts of the named instances, or of every active one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("names", nargs="*", metavar="INSTANCE")
        parser.add_argument("--queue", action="store_true", help="hand it to the workers")
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *, names: list[str], queue: bool, as_json: bool, **options: Any) -> None:
        instances = Instance.objects.named(names) if names else Instance.objects.active()
        if not instances.exists():
            raise InvalidRequest("No instance is active; add one with add_instance.")
        trigger = SyncSession.Trigger.COMMAND
        if queue:
            session = launch_account_sync(instances, trigger=trigger)
        else:
            with progress_of(len(instances), self.stdout, is_silent=as_json) as settled:
                session = sync_accounts_now(instances, trigger=trigger, settled=settled)
        if as_json:
            self.print_json(run_document(session))
        else:
            self.report(session, is_queued=queue)
        if not queue and session.status != SyncSession.Status.COMPLETED:
            self.fail(failures(session))

    def report(self, session: SyncSession, *, is_queued: bool) -> None:
        if is_queued:
            self.stdout.write(f"Queued session {session.pk}.")
            return
        unknown = Section.objects.unknown().filter(
            instance__records__session=session, category=session.category
        )
        for section in unknown.select_related("instance"):
            self.stdout.write(f"warning: {section.instance}: {section}: {section.reason}")
            if section.needed_grant:
                self.stdout.write(f"         would help: {section.needed_grant}")
        self.stdout.write(f"Session {session.pk}: {session.status}.")


def failures(session: SyncSession) -> str:
    names = session.records.exclude(status="completed").values_list("instance__name", flat=True)
    return f"Not synced: {', '.join(names)}."
