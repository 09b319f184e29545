"""Connecting, and everything that can go wrong on the way to an answer."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from instances.engines.base import Target
from instances.engines.errors import (
    ConnectionFailed,
    EngineError,
    QueryRefused,
    ServerTimeout,
    UnusableAnswer,
)
from instances.engines.mysql.engine import MySQLEngine
from instances.engines.mysql.failures import query_failure
from instances.engines.mysql.queries import Query
from tests.engines.mysql.conftest import plant
from whalefall.demo.servers import Server

SECRET = "hush-hush"
FOREVER = Query("forever", "SELECT COUNT(*), SLEEP(20) FROM mysql.db")
HEAVY = Query(
    "heavy",
    "SELECT COUNT(*) FROM information_schema.COLUMNS a, information_schema.COLUMNS b, "
    "information_schema.COLUMNS c",
)


def failure(target: Target) -> str:
    with pytest.raises(ConnectionFailed) as caught, MySQLEngine.connect(target):
        pass
    assert SECRET not in f"{caught.value!r} {caught.value}"
    return str(caught.value)


def test_refused_logins_say_so(server: Server) -> None:
    plant(server, "CREATE USER locked@'%' IDENTIFIED BY 'x' ACCOUNT LOCK")

    wrong = failure(server.target(username="nosuch", password=SECRET))
    locked = failure(server.target(username="locked", password="x"))

    assert "refused the login of 'nosuch'" in wrong
    assert "refused the login of 'locked': the account is locked" in locked


def test_unreachable_servers_say_so() -> None:
    assert "127.0.0.1:1 cannot be reached" in failure(Target("127.0.0.1", 1, "root", SECRET))
    assert "cannot be reached" in failure(Target("no.such.host.invalid", 1, "root", SECRET))


def test_localhost_is_the_network_and_no_socket_file(server: Server) -> None:
    with MySQLEngine.connect(server.target(host="localhost")) as engine:
        assert engine.read_accounts().accounts


def test_silent_server_is_given_up(silent_server: tuple[str, int]) -> None:
    host, port = silent_server
    started = time.monotonic()
    target = Target(host, port, "root", SECRET, connect_timeout_seconds=1)

    with pytest.raises(ServerTimeout), MySQLEngine.connect(target):
        pass

    assert time.monotonic() - started < 3


def test_garbage_is_told_from_a_server(garbage_server: tuple[str, int]) -> None:
    host, port = garbage_server

    message = failure(Target(host, port, "root", SECRET, connect_timeout_seconds=1))

    assert "does not answer like MySQL" in message


def test_tls_is_used_and_verified_as_asked(only_mysql: Server) -> None:
    ca = str(only_mysql.folder / "data" / "ca.pem")

    assert cipher(only_mysql.target(tls_mode="disable")) == ""
    assert cipher(only_mysql.target(tls_mode="prefer"))
    assert cipher(only_mysql.target(tls_mode="require"))
    assert cipher(only_mysql.target(tls_mode="verify-ca", tls_ca=ca))
    # The server's own certificate is not made out to an address.
    assert "TLS" in failure(only_mysql.target(tls_mode="verify-full", tls_ca=ca))
    assert "TLS" in failure(only_mysql.target(tls_mode="verify-full"))
    other = "/etc/ssl/certs/ca-certificates.crt"
    assert "TLS" in failure(only_mysql.target(tls_mode="verify-ca", tls_ca=other))
    assert "CA" in failure(only_mysql.target(tls_mode="verify-ca"))


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_tls_is_never_given_up_silently(only_mariadb: Server, mode: str) -> None:
    ca = "/etc/ssl/certs/ca-certificates.crt"

    assert cipher(only_mariadb.target(tls_mode="prefer")) == ""
    assert "TLS" in failure(only_mariadb.target(tls_mode=mode, tls_ca=ca))


def cipher(target: Target) -> Any:
    with MySQLEngine.connect(target) as engine:
        _, [(_, value)] = engine.ask(Query("tls", "SHOW STATUS LIKE 'Ssl_cipher'"))
    return value


def test_session_only_reads(server: Server) -> None:
    with (
        MySQLEngine.connect(server.target()) as engine,
        pytest.raises(UnusableAnswer) as caught,
    ):
        engine.run("CREATE USER sneaky@'%'", "write")
    assert caught.value.__cause__.args[0] == 1792  # type: ignore[union-attr]


def test_slow_statements_are_ended_by_the_server(server: Server) -> None:
    started = time.monotonic()
    target = server.target(statement_timeout_seconds=1)

    with MySQLEngine.connect(target) as engine, pytest.raises(ServerTimeout):
        engine.ask(HEAVY)

    assert time.monotonic() - started < 4


def test_interrupt_ends_a_read_at_once(server: Server) -> None:
    ended: list[float | str] = []

    def read(engine: MySQLEngine) -> None:
        try:
            engine.ask(FOREVER)
        except EngineError as error:
            ended.extend([time.monotonic(), type(error).__name__, repr(error.__cause__)])

    with MySQLEngine.connect(server.target()) as engine:
        reader = threading.Thread(target=read, args=(engine,))
        reader.start()
        time.sleep(0.5)
        asked = time.monotonic()
        engine.interrupt()
        reader.join(5)

    assert ended[1] == "ConnectionFailed", ended
    assert float(ended[0]) - asked < 1
    engine.interrupt()  # after the end it does nothing


def test_server_that_dies_fails_the_reading(throwaway_mariadb: Server) -> None:
    with MySQLEngine.connect(throwaway_mariadb.target()) as engine:
        throwaway_mariadb.kill()
        with pytest.raises(ConnectionFailed):
            engine.read_accounts()


def test_server_that_hangs_is_a_time_out(
    throwaway_mariadb: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("instances.engines.mysql.connecting.READ_MARGIN_SECONDS", 0)
    monkeypatch.setattr("instances.engines.mysql.engine.READ_MARGIN_SECONDS", 0)
    target = throwaway_mariadb.target(statement_timeout_seconds=1)
    with (
        MySQLEngine.connect(target) as engine,
        frozen(throwaway_mariadb),
        pytest.raises(ServerTimeout),
    ):
        engine.read_accounts()


@contextmanager
def frozen(server: Server) -> Iterator[None]:
    server.freeze()
    try:
        yield
    finally:
        server.thaw()


@pytest.mark.parametrize("number", [1044, 1142, 1143, 1227])
def test_refused_queries_name_the_query_and_the_right(number: int) -> None:
    error = query_failure(Exception(number, SECRET), "db", "SELECT ON mysql.db", timed_out=False)

    assert isinstance(error, QueryRefused)
    assert str(error) == "The server refused the query 'db', which needs SELECT ON mysql.db."


@pytest.mark.parametrize("number", [1146, 1054, 1064])
def test_unexpected_tables_are_an_unusable_answer(number: int) -> None:
    error = query_failure(Exception(number, SECRET), "db", "", timed_out=False)

    assert isinstance(error, UnusableAnswer)
    assert SECRET not in str(error)


def test_a_snapshot_does_not_make_grants_wait(only_mysql: Server) -> None:
    with MySQLEngine.connect(only_mysql.target()) as engine, engine.snapshot():
        engine.ask(Query("users", "SELECT COUNT(*) FROM mysql.user"))
        started = time.monotonic()
        plant(only_mysql, "CREATE USER quick@'%'", "GRANT SELECT ON a.* TO quick@'%'")
        waited = time.monotonic() - started
        _, [(seen,)] = engine.ask(
            Query("users", "SELECT COUNT(*) FROM mysql.user WHERE User = 'quick'")
        )

    assert waited < 1
    assert seen == 0


def test_bytes_that_are_no_text_do_not_end_the_reading(server: Server) -> None:
    with MySQLEngine.connect(server.target()) as engine:
        engine.run("SET character_set_results = latin1", "session")
        _, [(text,)] = engine.ask(Query("bytes", "SELECT _latin1 0x636166E9"))

    assert text == "caf\\xe9"
