"""A server that is gone, refuses, hangs or talks nonsense; a reading that is interrupted."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from instances.engines.base import AccountsReading, Target
from instances.engines.errors import ConnectionFailed, EngineError, ServerTimeout
from instances.engines.postgresql import ENGINE
from tests.engines.postgresql.conftest import Read
from tests.engines.postgresql.test_sections import locked
from whalefall.demo.servers import Server

SECRET = "sw0rdfish-in-the-open"


def failure_of(target: Target) -> EngineError:
    with pytest.raises(EngineError) as caught, ENGINE.connect(target):
        pass
    assert SECRET not in str(caught.value)
    assert "dbname=" not in str(caught.value)
    return caught.value


@contextmanager
def taking_less_than(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


@pytest.mark.parametrize(
    ("setup", "overrides", "message"),
    [
        ("", {"password": SECRET}, "refused the login of 'postgres' .*the password is wrong"),
        ("", {"username": "ghost", "password": SECRET}, "refused the login of 'ghost'"),
        ("", {"service_name": "nowhere"}, "there is no database 'nowhere'"),
        ("", {"password": ""}, "asks for a password, and the credential has none"),
        (
            "CREATE ROLE nologin PASSWORD 'x'",
            {"username": "nologin", "password": "x"},
            "the role has no LOGIN",
        ),
        ("", {"tls_mode": "require"}, "could not agree on TLS as the mode 'require' asks"),
    ],
)
def test_refused_login_says_why(
    server: Server, setup: str, overrides: dict[str, str], message: str
) -> None:
    server.execute(setup or "SELECT 1")

    error = failure_of(server.target(**overrides))

    assert isinstance(error, ConnectionFailed)
    with pytest.raises(ConnectionFailed, match=message):
        raise error
    assert f"127.0.0.1:{server.port}" in str(error)


def test_login_without_connect_on_its_database_says_so(server: Server, shop: str) -> None:
    server.execute(f"CREATE ROLE ada LOGIN PASSWORD 'x'; REVOKE ALL ON DATABASE {shop} FROM PUBLIC")

    error = failure_of(server.target(username="ada", password="x", service_name=shop))

    assert "the role has no CONNECT on the database 'shop'" in str(error)


def test_nobody_listening_cannot_be_reached() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        error = failure_of(Target("127.0.0.1", port, "ada", SECRET))

    assert isinstance(error, ConnectionFailed)
    assert str(error) == f"127.0.0.1:{port} cannot be reached."


def test_host_that_does_not_exist_cannot_be_reached() -> None:
    error = failure_of(Target("no-such-host.invalid", 5432, "ada", SECRET))

    assert isinstance(error, ConnectionFailed)


def test_silent_server_is_given_up(silent_server: tuple[str, int]) -> None:
    with taking_less_than(4):
        error = failure_of(Target(*silent_server, "ada", SECRET, connect_timeout_seconds=2))

    assert isinstance(error, ServerTimeout)


@pytest.mark.parametrize("tls_mode", ["disable", "prefer", "require"])
def test_garbage_is_told_from_a_refusal(garbage_server: tuple[str, int], tls_mode: str) -> None:
    error = failure_of(Target(*garbage_server, "ada", SECRET, tls_mode=tls_mode))

    assert isinstance(error, ConnectionFailed)
    assert str(error).endswith("does not answer like PostgreSQL.")


def begin_reading(target: Target) -> tuple[Any, threading.Thread, list[object]]:
    """An engine that reads in a thread of its own, and where its result will be."""
    engine, results = ENGINE(target), list[object]()

    def run() -> None:
        try:
            engine.open()
            results.append(engine.read_accounts())
        except EngineError as error:
            results.append(error)
        finally:
            engine.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return engine, thread, results


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def blocked(server: Server) -> bool:
    """Whether one of our statements waits for a lock."""
    sql = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'whalefall' AND state = 'active'"
    return bool(server.execute(f"{sql} AND wait_event_type = 'Lock'"))


def test_interrupt_ends_a_running_read_here_and_on_the_server(server: Server, shop: str) -> None:
    with locked(server, shop):
        engine, thread, results = begin_reading(server.target())
        wait_until(lambda: blocked(server))

        with taking_less_than(1):
            engine.interrupt()
            thread.join(5)

        assert isinstance(results[0], ConnectionFailed)
        wait_until(lambda: not blocked(server))


def test_interrupt_ends_a_read_from_a_frozen_server(throwaway_postgresql: Server) -> None:
    server = throwaway_postgresql
    with locked(server, "template1"):
        engine, thread, results = begin_reading(server.target())
        wait_until(lambda: blocked(server))
        server.freeze()

        with taking_less_than(2):
            engine.interrupt()
            thread.join(5)
        server.thaw()

    assert isinstance(results[0], ConnectionFailed)


@pytest.mark.parametrize("way", [Server.stop, Server.kill])
def test_server_that_dies_in_mid_read_fails_the_whole_reading(
    throwaway_postgresql: Server, way: Callable[[Server], None]
) -> None:
    server = throwaway_postgresql
    with locked(server, "template1"):
        _, thread, results = begin_reading(server.target())
        wait_until(lambda: blocked(server))
        way(server)
        thread.join(5)

    assert isinstance(results[0], ConnectionFailed)


def test_server_that_falls_silent_in_mid_read_is_given_up(throwaway_postgresql: Server) -> None:
    server = throwaway_postgresql
    with locked(server, "template1"):
        target = server.target(statement_timeout_seconds=2, connect_timeout_seconds=1)
        _, thread, results = begin_reading(target)
        wait_until(lambda: blocked(server))
        server.freeze()
        with taking_less_than(9):
            thread.join(20)
        server.thaw()

    assert isinstance(results[0], ServerTimeout)


def test_session_that_an_admin_ended_is_a_lost_connection(server: Server) -> None:
    with ENGINE.connect(server.target()) as engine:
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'whalefall'"
        )
        with pytest.raises(ConnectionFailed, match="ended the connection"):
            engine.read_accounts()


def test_environment_of_this_process_is_not_looked_at(
    server: Server, read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = tmp_path / "services"
    service.write_text(
        "[trap]\nhostaddr=192.0.2.1\nport=1\nuser=trap\npassword=trap\nsslmode=require\n"
    )
    passfile = tmp_path / "pgpass"
    passfile.write_text(f"*:*:*:*:{server.password}\n")
    passfile.chmod(0o600)
    traps = {
        "PGSERVICE": "trap",
        "PGSERVICEFILE": str(service),
        "PGPASSFILE": str(passfile),
        "PGPASSWORD": server.password,
        "PGHOSTADDR": "192.0.2.1",
        "PGUSER": "trap",
        "PGDATABASE": "trap",
        "PGSSLMODE": "require",
        "PGOPTIONS": "-c statement_timeout=1",
        "PGCONNECT_TIMEOUT": "1",
        "PGTARGETSESSIONATTRS": "standby",
    }
    with monkeypatch.context() as environment:
        for name, value in traps.items():
            environment.setenv(name, value)
        reading = read()
        error = failure_of(server.target(password=""))

    assert isinstance(reading, AccountsReading)
    assert "asks for a password" in str(error)
