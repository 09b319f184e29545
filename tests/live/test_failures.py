"""Servers that fail in every way at once: each record says how, and nothing else happens."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from pytest_django import Settings

from accounts.sync import sync_accounts_now
from instances.models import Credential, Instance
from tests.live.mirrored import instance_of, sections, tables
from whalefall.demo.servers import Server

pytestmark = pytest.mark.django_db

CONNECT_SECONDS = 1
READ_SECONDS = 5
# Interrupting may take four seconds, and this machine may be busy.
BOUND_SECONDS = READ_SECONDS + 4 + 6

LOCK = {
    "postgresql": "BEGIN; LOCK TABLE pg_catalog.pg_auth_members IN ACCESS EXCLUSIVE MODE",
    "mariadb": "LOCK TABLES mysql.proxies_priv WRITE",
}
WAITING = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity"
    " WHERE application_name = 'whalefall' AND wait_event_type = 'Lock'",
    "mariadb": "SELECT count(*) FROM information_schema.PROCESSLIST"
    " WHERE STATE LIKE 'Waiting for table%'",
}


@pytest.fixture(autouse=True)
def _impatient(settings: Settings) -> None:
    settings.CONNECT_TIMEOUT_SECONDS = CONNECT_SECONDS
    settings.READ_TIMEOUT_SECONDS = READ_SECONDS


@pytest.fixture(params=["PostgreSQL hangs", "MariaDB hangs"])
def hanging_and_dying(
    throwaway_postgresql: Server, throwaway_mariadb: Server, request: pytest.FixtureRequest
) -> tuple[Server, Server]:
    if request.param == "PostgreSQL hangs":
        return throwaway_postgresql, throwaway_mariadb
    return throwaway_mariadb, throwaway_postgresql


def test_each_failure_has_its_code_and_changes_nothing(
    hanging_and_dying: tuple[Server, Server],
    postgresql: Server,
    old_postgresql: Server,
    silent_server: tuple[str, int],
    garbage_server: tuple[str, int],
) -> None:
    hanging, dying = hanging_and_dying
    fleet = {
        "hangs": instance_of(hanging),
        "dies": instance_of(dying),
        # The same server three times; the addresses differ by the first database.
        "refuses": instance_of(postgresql, service_name="postgres"),
        "is silent": instance_of(postgresql, service_name="template1"),
        "talks garbage": instance_of(postgresql),
        "is well": instance_of(old_postgresql),
    }
    assert sync(fleet) == dict.fromkeys(fleet, ("completed", ""))
    before = {name: mirror(instance) for name, instance in fleet.items()}
    break_credential(fleet["refuses"])
    move(fleet["is silent"], *silent_server)
    move(fleet["talks garbage"], *garbage_server)
    old_postgresql.execute("CREATE ROLE newcomer")

    began = time.monotonic()
    with when_read(hanging, hanging.freeze), when_read(dying, dying.kill):
        ends = sync(fleet)
    seconds = time.monotonic() - began
    old_postgresql.execute("DROP ROLE newcomer")

    assert ends == {
        "hangs": ("failed", "DATABASE_TIMEOUT"),
        "dies": ("failed", "DATABASE_CONNECTION_ERROR"),
        "refuses": ("failed", "DATABASE_CONNECTION_ERROR"),
        "is silent": ("failed", "DATABASE_TIMEOUT"),
        "talks garbage": ("failed", "DATABASE_CONNECTION_ERROR"),
        "is well": ("completed", ""),
    }
    assert seconds < BOUND_SECONDS
    after = {name: mirror(instance) for name, instance in fleet.items()}
    assert [name for name in fleet if after[name] != before[name]] == ["is well"]
    assert {one["name"] for one in after["is well"]["accounts"]} == {
        *(one["name"] for one in before["is well"]["accounts"]),
        "newcomer",
    }


@pytest.mark.parametrize("engine", ["mysql", "postgresql"])
def test_silence_is_told_from_nonsense(
    silent_server: tuple[str, int], garbage_server: tuple[str, int], mysql: Server, engine: str
) -> None:
    fleet = {
        name: instance_of(mysql, engine=engine, host=host, port=port)
        for name, (host, port) in (("is silent", silent_server), ("talks garbage", garbage_server))
    }

    ends = sync(fleet)

    assert ends == {
        "is silent": ("failed", "DATABASE_TIMEOUT"),
        "talks garbage": ("failed", "DATABASE_CONNECTION_ERROR"),
    }


def move(instance: Instance, host: str, port: int) -> None:
    Instance.objects.filter(pk=instance.pk).update(host=host, port=port)


def break_credential(instance: Instance) -> None:
    credential = Credential.objects.get(pk=instance.credential_id)
    credential.password = "not-the-password"
    credential.save()


def sync(fleet: dict[str, Instance]) -> dict[str, tuple[str, str]]:
    """How the records of one session over ``fleet`` ended."""
    keys = {instance.pk: name for name, instance in fleet.items()}
    session = sync_accounts_now(Instance.objects.filter(pk__in=keys), trigger="command")
    ends = session.records.values_list("instance", "status", "error_code")
    return {keys[instance or 0]: (status, code) for instance, status, code in ends}


def mirror(instance: Instance) -> dict[str, list[dict[str, object]]]:
    return {**tables(instance), "sections": sections(instance)}


@contextmanager
def when_read(server: Server, strike: Callable[[], None]) -> Iterator[None]:
    """Hold every reading of ``server`` in its middle, and ``strike`` as soon as one is there."""
    struck = threading.Event()
    watcher = threading.Thread(target=wait_and_strike, args=(server, strike, struck))
    with closing(server.connect()) as holder:
        execute(server, holder, LOCK[server.kind])
        watcher.start()
        try:
            yield
        finally:
            watcher.join(BOUND_SECONDS)
    assert struck.is_set()


def wait_and_strike(server: Server, strike: Callable[[], None], struck: threading.Event) -> None:
    with closing(server.connect()) as connection:
        deadline = time.monotonic() + READ_SECONDS
        while time.monotonic() < deadline:
            if execute(server, connection, WAITING[server.kind]) != [(0,)]:
                strike()
                struck.set()
                return
            time.sleep(0.02)


def execute(server: Server, connection: object, sql: str) -> list[tuple[object, ...]]:
    return server.build.run(connection, sql)
