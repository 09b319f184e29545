"""Sum measurements up by day, week, month and quarter."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import date
from typing import Any

from capacity.aggregate import Aggregation, aggregate_now
from capacity.models import Period
from capacity.periods import PERIODS
from sync_sessions.models import SyncSession
from sync_sessions.reports import record_line, run_document
from whalefall.core.commands import WhalefallCommand


class Command(WhalefallCommand):
    help = "Sum up what is stale or over, and the current and last periods."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--period", action="append", choices=Period.values, dest="periods")
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--current", action="store_true", help="only the current periods")
        which.add_argument(
            "--rebuild",
            nargs=2,
            type=day,
            metavar=("FROM", "TO"),
            help="first mark what was measured on these days as stale, such as 2026-03-31",
        )
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(
        self,
        *,
        periods: list[str] | None,
        current: bool,
        rebuild: list[date] | None,
        as_json: bool,
        **options: Any,
    ) -> None:
        aggregation = Aggregation(
            periods=periods or PERIODS,
            only_current=current,
            rebuild=(rebuild[0], rebuild[1]) if rebuild else None,
        )
        session = aggregate_now(aggregation, trigger=SyncSession.Trigger.COMMAND)
        if as_json:
            self.print_json(run_document(session))
        else:
            self.stdout.write(record_line(session.records.get()))


def day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no day; write 2026-03-31.") from None
