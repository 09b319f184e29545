"""List what the breaker held back."""

from argparse import ArgumentParser
from typing import Any

from accounts.models import HeldReading
from whalefall.core.commands import WhalefallCommand


class Command(WhalefallCommand):
    help = "List the readings that wait for a decision."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *, as_json: bool, **options: Any) -> None:
        held = HeldReading.objects.pending().defer("reading").select_related("record__instance")
        documents = [
            {"id": one.pk, "instance": str(one.record.instance), **one.summary} for one in held
        ]
        if as_json:
            self.print_json(documents)
            return
        if not documents:
            self.stdout.write("No reading waits for a decision.")
        for one in documents:
            self.stdout.write(
                f"{one['id']}: {one['instance']} would lose {one['lost_accounts']} of "
                f"{one['accounts']} accounts, {one['lost_edges']} of {one['edges']} edges"
            )
