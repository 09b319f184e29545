"""Fixtures that start real database servers, and servers that misbehave.

The session's servers are shared: a test names what it makes there after itself and drops it, or
asks for a server of its own with ``throwaway_postgresql``.
"""

import fcntl
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from whalefall.demo.builds import Build, MySQL
from whalefall.demo.machine import (
    ROOT,
    NoServer,
    mariadb_build,
    mysql_build,
    postgresql_build,
)
from whalefall.demo.servers import Server, start

GET_MYSQL = ROOT / ".." / "shared" / "tools" / "get-mysql"
GET_MYSQL_SECONDS = 240


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    yield from required(postgresql_build)


@pytest.fixture(scope="session")
def old_postgresql() -> Iterator[Server]:
    """PostgreSQL before 16, where a membership has no options of its own."""
    yield from required(lambda: postgresql_build(before=16))


@pytest.fixture(scope="session")
def mariadb() -> Iterator[Server]:
    yield from required(mariadb_build)


@pytest.fixture(scope="session")
def mysql() -> Iterator[Server]:
    try:
        build = fetched_mysql()
    except NoServer as reason:
        pytest.skip(str(reason))
    with start(build) as server:
        yield server


@pytest.fixture
def throwaway_postgresql() -> Iterator[Server]:
    """A PostgreSQL of the test's own, to stop, kill, freeze or fill."""
    yield from required(postgresql_build)


@pytest.fixture
def throwaway_mariadb() -> Iterator[Server]:
    yield from required(mariadb_build)


@pytest.fixture
def silent_server() -> Iterator[tuple[str, int]]:
    """Host and port of a listener that accepts and never answers."""
    with listening(lambda _: None) as address:
        yield address


@pytest.fixture
def garbage_server() -> Iterator[tuple[str, int]]:
    """Host and port of a listener that answers what no database would."""
    with listening(lambda client: client.sendall(b"\x00\xff garbage \r\n" * 100)) as address:
        yield address


def required(find: Callable[[], Build]) -> Iterator[Server]:
    """A server that CI must have; elsewhere its tests are skipped with the reason."""
    try:
        build = find()
    except NoServer as reason:
        if os.environ.get("CI") == "true":
            pytest.fail(str(reason), pytrace=False)
        pytest.skip(str(reason))
    # Between our reading and the server's own answer, it would change sizes and counted rows.
    options = ["--autovacuum=off"] if build.kind == "postgresql" else []
    with start(build, *options) as server:
        yield server


def fetched_mysql() -> MySQL:
    """The machine's MySQL, or one that is fetched into ``var/mysql`` once. Raises NoServer."""
    var = ROOT / "var"
    var.mkdir(exist_ok=True)
    with (var / "mysql.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with suppress(NoServer):
            return mysql_build()
        if not GET_MYSQL.exists():
            return mysql_build()
        try:
            subprocess.run(
                [GET_MYSQL, var],
                check=True,
                capture_output=True,
                text=True,
                timeout=GET_MYSQL_SECONDS,
            )
        except subprocess.CalledProcessError as error:
            raise NoServer(f"MySQL could not be fetched: {error.stderr[-300:]}") from error
        except subprocess.TimeoutExpired as error:
            raise NoServer(f"MySQL was not fetched within {GET_MYSQL_SECONDS} s.") from error
    return mysql_build()


@contextmanager
def listening(answer: Callable[[socket.socket], None]) -> Iterator[tuple[str, int]]:
    """A listener on a free port that gives each client to ``answer`` and keeps it open."""
    clients: list[socket.socket] = []

    def serve() -> None:
        with suppress(OSError):  # the listener was shut down: the test is over
            while True:
                client, _ = listener.accept()
                clients.append(client)
                with suppress(OSError):  # the client left before the answer
                    answer(client)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        host, port = listener.getsockname()
        yield host, port
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)
    for client in clients:
        client.close()
