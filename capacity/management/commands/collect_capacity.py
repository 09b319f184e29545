"""Measure how big servers are, now or by the workers."""

from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import QuerySet

from capacity.collect import TABLES, TABLES_TASK, collect_now, launch_collection
from instances.models import Instance
from sync_sessions.commands import RunCommand
from sync_sessions.models import SyncRecord, SyncSession


class Command(RunCommand):
    help = "Measure the databases of the named instances, or of every active one."
    doing = "Measuring"
    done = "measured"

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--tables", action="store_true", dest="with_tables", help="every table too"
        )

    def launch(
        self,
        instances: QuerySet[Instance],
        *,
        trigger: str,
        with_tables: bool = False,
        **options: Any,
    ) -> SyncSession:
        return launch_collection(instances, with_tables=with_tables, trigger=trigger)

    def run_now(
        self,
        instances: QuerySet[Instance],
        *,
        trigger: str,
        settled: Callable[[SyncRecord], None],
        with_tables: bool = False,
        **options: Any,
    ) -> SyncSession:
        return collect_now(instances, with_tables=with_tables, trigger=trigger, settled=settled)

    def section_categories(self, session: SyncSession) -> Sequence[str]:
        return (session.category, *((TABLES,) if session.task == TABLES_TASK else ()))
