"""Drop a reading that the breaker held back."""

from argparse import ArgumentParser
from typing import Any

from accounts.held import find_held, reject_reading
from whalefall.core.commands import WhalefallCommand


class Command(WhalefallCommand):
    help = "Drop a held reading; the mirror stays as it is."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("reading", type=int)

    def handle(self, *, reading: int, **options: Any) -> str:
        reject_reading(find_held(reading))
        return f"Held reading {reading} is rejected."
