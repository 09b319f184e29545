"""Check the accounts against the policies, for a pipeline."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from accounts.policies import check_policies
from accounts.policy_files import junit, sarif
from whalefall.core.commands import WhalefallCommand


class Command(WhalefallCommand):
    help = "Check the accounts against the rules marked as policy; exit 1 when one is violated."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--junit", type=Path, metavar="FILE")
        parser.add_argument("--sarif", type=Path, metavar="FILE")

    def handle(self, **options: Any) -> None:
        results = check_policies()
        for name, document in (("junit", junit), ("sarif", sarif)):
            if options[name] is not None:
                told = document(results)
                options[name].write_bytes(told.encode() if isinstance(told, str) else told)
        for one in results:
            self.stdout.write(f"{one.rule}: {len(one.violations)} violations")
            for message in (*one.messages, *one.unknown):
                self.stdout.write(f"  {message}")
        if not results:
            self.stdout.write("No rule is marked as policy.")
        violated = sum(bool(one.violations) for one in results)
        if violated:
            self.fail(f"{violated} of {len(results)} policies are violated.")
