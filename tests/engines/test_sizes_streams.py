"""A stream of tables that somebody ends, that takes too long, or that nobody reads to its end."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from instances.engines import get_engine
from instances.engines.base import Section
from instances.engines.errors import ConnectionFailed, ServerTimeout
from whalefall.demo.servers import Server

SLOW = "SELECT COUNT(*) FROM information_schema.COLUMNS a, information_schema.COLUMNS b"
FOREVER = f"{SLOW}, information_schema.COLUMNS c, information_schema.COLUMNS d"
WORKING = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'whalefall'"
    " AND state = 'active'",
    "mysql": "SELECT COUNT(*) FROM information_schema.PROCESSLIST"
    " WHERE INFO LIKE '%COLUMNS d%' AND ID <> CONNECTION_ID()",
}


@pytest.fixture(params=["postgresql", "mariadb", "mysql"])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def _slow(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The question for the tables takes for ever."""
    from instances.engines.mysql import sizes as mysql  # noqa: PLC0415 -- what is changed here
    from instances.engines.postgresql import sizes as postgresql  # noqa: PLC0415 -- likewise

    for module in (mysql, postgresql):
        monkeypatch.setattr(module, "load", slowly(module.load))


def slowly(load: Callable[[str], Any]) -> Callable[[str], Any]:
    def loading(name: str) -> Any:
        query = load(name)
        return type(query)(name, FOREVER) if name == "tables" else query

    return loading


@contextmanager
def interrupted_when_working(server: Server, engine: Any) -> Iterator[None]:
    def watch() -> None:
        with closing(server.connect()) as connection:
            while server.build.run(connection, WORKING[server.engine]) == [(0,)]:
                time.sleep(0.02)
        engine.interrupt()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    yield
    thread.join(10)


@pytest.mark.usefixtures("_slow")
def test_interrupted_stream_ends_in_an_error(server: Server) -> None:
    began = time.monotonic()
    with get_engine(server.engine).connect(server.target()) as engine:
        with interrupted_when_working(server, engine), pytest.raises(ConnectionFailed):
            list(engine.stream_tables())
        with pytest.raises(ConnectionFailed):
            list(engine.stream_tables())

    assert time.monotonic() - began < 10


@pytest.mark.usefixtures("_slow")
def test_time_out_of_a_statement_holds_for_a_stream(server: Server) -> None:
    with get_engine(server.engine).connect(server.target(statement_timeout_seconds=1)) as engine:
        if server.engine == "mysql":
            with pytest.raises(ServerTimeout):
                list(engine.stream_tables())
            return
        sections = [told for told in engine.stream_tables() if isinstance(told, Section)]

    assert {section.is_complete for section in sections} == {False}
    assert all("did not answer the query 'tables' in time" in one.reason for one in sections)


def test_stream_that_nobody_reads_on_is_left_at_once(server: Server) -> None:
    began = time.monotonic()
    with get_engine(server.engine).connect(server.target()) as engine:
        told = engine.stream_tables()
        next(told)
        told.close()  # type: ignore[attr-defined]

    assert time.monotonic() - began < 5
