"""The whole product on this machine, with servers to look at."""

import signal
import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from accounts.overview import account_lines
from accounts.sync import sync_accounts_now
from capacity.collect import collect_now
from instances.models import Instance, Section
from sync_sessions.models import SyncSession
from sync_sessions.progress import progress_of
from whalefall.core.commands import WhalefallCommand
from whalefall.demo.company import change_company, grow_company
from whalefall.demo.measured import size_lines, table_sizes
from whalefall.demo.serving import serving
from whalefall.demo.trying import ADMIN, Company, company, invent_past, prepare_database, sum_up


class Command(WhalefallCommand):
    help = "Try Whalefall: start throwaway servers with a small company in them and mirror it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-serve", action="store_true", help="stop after printing")

    def handle(self, *, no_serve: bool, **options: Any) -> None:
        # A polite end has to end the servers too.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            self.try_it(no_serve=no_serve)
        except KeyboardInterrupt:
            self.say("Stopped")

    def try_it(self, *, no_serve: bool) -> None:
        prepare_database()
        self.say("Starting throwaway servers with a small company in them")
        with company() as found:
            self.show(found)
            if not no_serve:
                self.serve()

    def show(self, found: Company) -> None:
        for reason in found.missing:
            self.stdout.write(f"  without: {reason}")
        self.say("First sync: what every account may do")
        self.sync(found)
        for instance, _ in found.servers:
            self.show_instance(instance)
        self.say("The servers change, second sync: what is different")
        for _, server in found.servers:
            change_company(server)
        before = timezone.now()
        self.sync(found)
        self.stdout.write("")
        call_command("account_changes", since=before, stdout=self.stdout)
        self.show_sizes(found)

    def show_sizes(self, found: Company) -> None:
        instances = [instance for instance, _ in found.servers]
        self.say("How big it all is, and what grew when it is measured again")
        self.collect(instances)
        before = table_sizes(instances)
        invent_past(instances)
        for _, server in found.servers:
            grow_company(server)
        self.collect(instances)
        sum_up()
        for instance in instances:
            self.stdout.write("")
            for line in size_lines(instance, before):
                self.stdout.write(f"  {line}")
        self.stdout.write("")
        self.stdout.write(
            "  The 120 days before today are simulated, and labelled so wherever they are shown."
        )
        self.stdout.write("  manage.py remove_simulated_history removes them.")

    def collect(self, instances: list[Instance]) -> None:
        with progress_of(len(instances), self.stdout, doing="Measuring") as settled:
            session = collect_now(
                instances,
                with_tables=True,
                trigger=SyncSession.Trigger.COMMAND,
                settled=settled,
            )
        if session.status != SyncSession.Status.COMPLETED:
            self.fail("The demo's own servers could not be measured; see the lines above.")

    def sync(self, found: Company) -> None:
        instances = [instance for instance, _ in found.servers]
        with progress_of(len(instances), self.stdout) as settled:
            session = sync_accounts_now(
                instances, trigger=SyncSession.Trigger.COMMAND, settled=settled
            )
        if session.status != SyncSession.Status.COMPLETED:
            self.fail("The demo's own servers could not be read; see the lines above.")

    def show_instance(self, instance: Instance) -> None:
        self.stdout.write("")
        self.stdout.write(f"  {instance} ({instance.engine_class.label})")
        for line in account_lines(instance):
            self.stdout.write(f"    {line}")
        for section in Section.objects.unknown().filter(instance=instance):
            self.stdout.write(f"    unknown: {section}: {section.reason}")
            if section.needed_grant:
                self.stdout.write(f"             would help: {section.needed_grant}")

    def serve(self) -> None:
        with serving() as address:
            self.say("Whalefall is running")
            self.stdout.write(f"  address   {address}/admin/")
            self.stdout.write(f"  name      {ADMIN}")
            self.stdout.write(f"  password  {settings.TRIAL_ADMIN_PASSWORD}")
            self.stdout.write("  Ctrl-C ends it and every server it started.")
            self.stdout.flush()
            wait_for_ctrl_c()
            self.say("Stopping")

    def say(self, sentence: str) -> None:
        self.stdout.write("")
        self.stdout.write(sentence, self.style.MIGRATE_HEADING)
        self.stdout.flush()


def wait_for_ctrl_c() -> None:
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        # Ending takes a moment; an impatient second Ctrl-C must not cut it short.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
