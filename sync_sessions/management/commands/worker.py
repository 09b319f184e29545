"""Run workers, and run them again when they end."""

import sys
from argparse import ArgumentParser
from typing import Any

from sync_sessions.cluster import run_cluster
from sync_sessions.supervise import Supervisor
from whalefall.core.commands import WhalefallCommand


class Command(WhalefallCommand):
    help = "Run the workers that do queued and scheduled work. They are restarted when they hang."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--unsupervised", action="store_true", help="without a restart")

    def execute(self, *args: Any, **options: Any) -> str | None:
        # A long-running process: its log is all that it has to say.
        return super().execute(*args, **{**options, "verbosity": 2})

    def handle(self, *, unsupervised: bool, **options: Any) -> None:
        if unsupervised:
            run_cluster()
        else:
            Supervisor([sys.executable, *sys.argv, "--unsupervised"]).run()
