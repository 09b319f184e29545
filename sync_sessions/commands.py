"""What the commands that run something on servers have in common."""

from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from django.db.models import QuerySet

from instances.models import Instance, Section
from sync_sessions.models import SyncRecord, SyncSession
from sync_sessions.progress import progress_of
from sync_sessions.reports import run_document
from whalefall.core.commands import WhalefallCommand
from whalefall.core.errors import InvalidRequest


class RunCommand(WhalefallCommand):
    """Runs on the named instances, or on every active one: now, or by the workers.

    ``doing`` stands beside the progress bar, ``done`` in "Not …: a, b.". The methods take the
    command's further options by name.
    """

    doing: ClassVar[str]
    done: ClassVar[str]

    def launch(self, instances: QuerySet[Instance], *, trigger: str, **options: Any) -> SyncSession:
        raise NotImplementedError

    def run_now(
        self,
        instances: QuerySet[Instance],
        *,
        trigger: str,
        settled: Callable[[SyncRecord], None],
        **options: Any,
    ) -> SyncSession:
        raise NotImplementedError

    def section_categories(self, session: SyncSession) -> Sequence[str]:
        """What the run reads: the categories of the sections that it may warn of."""
        return (session.category,)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("names", nargs="*", metavar="INSTANCE")
        parser.add_argument("--queue", action="store_true", help="hand it to the workers")
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *, names: list[str], queue: bool, as_json: bool, **options: Any) -> None:
        instances = Instance.objects.named(names) if names else Instance.objects.active()
        if not instances.exists():
            raise InvalidRequest("No instance is active; add one with add_instance.")
        how = {**options, "trigger": SyncSession.Trigger.COMMAND}
        if queue:
            session = self.launch(instances, **how)
        else:
            watched = progress_of(len(instances), self.stdout, doing=self.doing, is_silent=as_json)
            with watched as settled:
                session = self.run_now(instances, settled=settled, **how)
        if as_json:
            self.print_json(run_document(session))
        else:
            self.report(session, is_queued=queue)
        if not queue and session.status != SyncSession.Status.COMPLETED:
            self.fail(f"Not {self.done}: {', '.join(failed_instances(session))}.")

    def report(self, session: SyncSession, *, is_queued: bool) -> None:
        if is_queued:
            self.stdout.write(f"Queued session {session.pk}.")
            return
        unknown = Section.objects.unknown().filter(
            instance__records__session=session, category__in=self.section_categories(session)
        )
        for section in unknown.select_related("instance"):
            self.stdout.write(f"warning: {section.instance}: {section}: {section.reason}")
            if section.needed_grant:
                self.stdout.write(f"         would help: {section.needed_grant}")
        self.stdout.write(f"Session {session.pk}: {session.status}.")


def failed_instances(session: SyncSession) -> list[str]:
    """The names of those on which the session did not complete."""
    failed = session.records.exclude(status=SyncRecord.Status.COMPLETED)
    return list(failed.values_list("instance__name", flat=True))
