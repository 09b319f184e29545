"""A trial of the whole product with a small company's servers in it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from capacity.aggregate import Aggregation, aggregate_now
from capacity.forecast import forecast_now
from capacity.models import InstanceSize
from capacity.simulated import simulate_history
from instances.adding import Address, add_instance
from instances.engines.base import Target
from instances.models import Instance
from sync_sessions.models import SyncSession
from sync_sessions.schedules import setup_schedules
from whalefall.core.errors import WhalefallError
from whalefall.demo.builds import Build
from whalefall.demo.company import open_company
from whalefall.demo.machine import NoServer, mariadb_build, postgresql_build
from whalefall.demo.servers import Server, start
from whalefall.users.models import User

ADMIN = "admin"
TAG = "demo"
BUILDS: dict[str, Callable[[], Build]] = {
    "lantern-postgresql": postgresql_build,
    "lantern-mariadb": mariadb_build,
}


class NoTrial(WhalefallError):
    """There is nothing to try Whalefall with on this machine."""


@dataclass(frozen=True, slots=True)
class Company:
    """The instances of the demo with the servers behind them, and why others are missing."""

    servers: list[tuple[Instance, Server]]
    missing: list[str]


def prepare_database() -> User:
    """Migrate Whalefall's own database; the user that signs in to the trial."""
    if not settings.TRIAL_ADMIN_PASSWORD:
        raise NoTrial(
            "The settings of this directory are not a trial's. Unset SECRET_KEY and move .env "
            "away, or clone Whalefall into another directory to try it."
        )
    call_command("migrate", verbosity=0, interactive=False)
    with transaction.atomic():
        setup_schedules()
        user, _ = User.objects.get_or_create(
            username=ADMIN, defaults={"is_staff": True, "is_superuser": True}
        )
        user.set_password(settings.TRIAL_ADMIN_PASSWORD)
        user.save()
        user.groups.add(Group.objects.get(name="admin"))
    return user


@contextmanager
def company() -> Iterator[Company]:
    """The company's servers, running and registered; they end with the context.

    Instances of an earlier demo are forgotten: their servers were thrown away.
    """
    with ExitStack() as stack:
        servers, missing = [], []
        for name, build in BUILDS.items():
            try:
                servers.append((name, stack.enter_context(start(build()))))
            except NoServer as reason:
                missing.append(str(reason))
        if not servers:
            raise NoTrial("\n".join(missing))
        targets = [(name, server, open_company(server)) for name, server in servers]
        with transaction.atomic():
            forget_earlier()
            registered = [(register(*one), one[1]) for one in targets]
        yield Company(registered, missing)


def forget_earlier() -> None:
    earlier = Instance.objects.filter(tags__name=TAG, name__in=BUILDS)
    SyncSession.objects.forget_of(earlier)
    Instance.objects.filter(pk__in=list(earlier.values_list("pk", flat=True))).forget()


def invent_past(instances: Iterable[Instance]) -> None:
    """Give ``instances`` 120 simulated days before their first measurement, and each a limit."""
    with transaction.atomic():
        for instance in instances:
            size = InstanceSize.objects.filter(instance=instance).latest("measured_on")
            instance.storage_limit_bytes = size.total_bytes * 3 // 2
            instance.save(update_fields=["storage_limit_bytes"])
            simulate_history(instance, at=timezone.now())


def sum_up() -> None:
    """What the schedules do with measurements: aggregate and forecast."""
    aggregate_now(Aggregation(), trigger=SyncSession.Trigger.COMMAND)
    forecast_now(trigger=SyncSession.Trigger.COMMAND)


def register(name: str, server: Server, target: Target) -> Instance:
    address = Address(server.engine, target.host, target.port, target.username, target.password)
    instance, _ = add_instance(name, address, tags=[TAG])
    return instance
