"""Say whether servers answer, and what our login can see there."""

from argparse import ArgumentParser
from typing import Any

from instances.models import Instance
from instances.probe import Preflight, probe
from whalefall.core.commands import WhalefallCommand
from whalefall.core.errors import WhalefallError


class Command(WhalefallCommand):
    help = "Connect to the named instances, or to all, and tell what our login can and cannot read."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("names", nargs="*", metavar="INSTANCE")

    def handle(self, *, names: list[str], **options: Any) -> None:
        instances = Instance.objects.named(names) if names else Instance.objects.active()
        failed = [
            instance.name
            for instance in instances.select_related("credential")
            if not self.probe(instance)
        ]
        if failed:
            self.fail(f"Not reached: {', '.join(failed)}")

    def probe(self, instance: Instance) -> bool:
        try:
            preflight = probe(instance)
        except WhalefallError as error:
            self.stdout.write(f"{instance}: {error.code} {error}")
            return False
        self.report(instance, preflight)
        return True

    def report(self, instance: Instance, preflight: Preflight) -> None:
        total, unknown = len(preflight.sections), preflight.unknown
        self.stdout.write(
            f"{instance}: {instance.engine_class.label} {preflight.version}, "
            f"{total - len(unknown)} of {total} sections readable"
        )
        for section in unknown:
            place = f"{section.name} of {section.database}" if section.database else section.name
            self.stdout.write(f"  unknown: {place}: {section.reason}")
        for statement in preflight.needed_grants:
            self.stdout.write(f"  would help: {statement}")
