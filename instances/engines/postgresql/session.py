"""One connection to one database, inside one read-only snapshot."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from types import ModuleType
from typing import Any

from instances.engines.base import Target, shut_down
from instances.engines.errors import ConnectionFailed, UnusableAnswer
from instances.engines.postgresql.failures import (
    is_untranslatable,
    login_failure,
    query_failure,
)
from instances.engines.postgresql.queries import Query

Row = tuple[Any, ...]

SNAPSHOT = Query(
    "snapshot",
    # LOCAL, so that nothing stays behind in a connection that a pooler lends us.
    """
    BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SET LOCAL statement_timeout = {milliseconds};
    SET LOCAL idle_in_transaction_session_timeout = 0;
    SET LOCAL search_path = pg_catalog;
    SET LOCAL TimeZone = 'UTC';
    SET LOCAL jit = off;
    """,
)
RAW_NAMES = Query("raw names", "SET LOCAL client_encoding = 'SQL_ASCII'")
ROLLBACK = Query("rollback", "ROLLBACK")

SILENCE_MARGIN_SECONDS = 3
"""The server ends a slow statement; only when it is silent too, we cut the connection."""

CANCEL_SECONDS = 0.3

LOCK_WAITS = Query("lock waits", "SET LOCAL lock_timeout = '5s'")
BATCH_ROWS = 2000


class Session:
    """Closed by ``close``; ``interrupt`` may come from another thread."""

    def __init__(self, driver: ModuleType, target: Target, database: str) -> None:
        """Connect and begin. Raises EngineError."""
        self.driver, self.target, self.database = driver, target, database
        self.timed_out = self.interrupted = False
        try:
            self.connection = driver.connect(**arguments(target, database))
        except (driver.Error, UnicodeError) as error:
            raise login_failure(error, driver, target, database) from error
        try:
            self.begin()
        except BaseException:
            self.close()
            raise

    def begin(self) -> None:
        milliseconds = self.target.statement_timeout_seconds * 1000
        self.run(Query(SNAPSHOT.name, SNAPSHOT.text.format(milliseconds=milliseconds)))

    def fetch(self, query: Query) -> Sequence[Row]:
        """All rows of one statement. Raises EngineError."""
        try:
            return self.run(query)
        except UnusableAnswer as failure:
            if not is_untranslatable(failure.__cause__):
                raise
        self.check()
        self.begin()
        self.run(RAW_NAMES)
        decode_leniently(self.connection)
        return self.run(query)

    def limit_lock_waits(self) -> None:
        """Asking for a size waits while somebody alters the table, which may take all night."""
        self.run(LOCK_WAITS)

    def stream(self, query: Query) -> Iterator[Row]:
        """The rows of one statement, a batch in memory at a time. Raises EngineError.

        The time-out is that of each batch: a slow reader of the rows does not use it up.
        """
        if self.connection.info.parameter_status("server_encoding") == "SQL_ASCII":
            self.run(RAW_NAMES)
            decode_leniently(self.connection)
        self.run(replace(query, text=f"DECLARE whalefall NO SCROLL CURSOR FOR\n{query.text}"))
        batch = replace(query, text=f"FETCH {BATCH_ROWS} FROM whalefall")
        while rows := self.run(batch):
            yield from rows

    def check(self) -> None:
        """End the snapshot, also a spoilt one. Raises EngineError if the server is gone."""
        self.run(ROLLBACK, self.target.connect_timeout_seconds)

    def run(self, query: Query, seconds: float | None = None) -> list[Row]:
        limit = seconds or self.target.statement_timeout_seconds + SILENCE_MARGIN_SECONDS
        try:
            with self.bounded(limit):
                cursor = self.connection.execute(query.text)
                return cursor.fetchall() if cursor.description else []
        except self.driver.Error as error:
            if self.interrupted:
                raise ConnectionFailed("The reading was interrupted.") from error
            is_lost = self.connection.closed
            raise query_failure(error, query, is_lost=is_lost, timed_out=self.timed_out) from error

    @contextmanager
    def bounded(self, seconds: float) -> Iterator[None]:
        """psycopg waits for an answer for ever; after ``seconds`` this ends the waiting."""
        timer = threading.Timer(seconds, self.cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def cut(self) -> None:
        self.timed_out = True
        self.shut_down()

    def interrupt(self) -> None:
        """Ask the server to stop, so that it does not work on for nobody; then hang up."""
        self.interrupted = True
        with suppress(self.driver.Error, OSError):  # the server may be gone
            self.connection.cancel_safe(timeout=CANCEL_SECONDS)
        self.shut_down()

    def shut_down(self) -> None:
        with suppress(self.driver.Error, OSError):  # it may be closed already
            shut_down(self.connection.fileno())

    def close(self) -> None:
        with suppress(self.driver.Error):  # a broken connection may fail to close
            self.connection.close()


def arguments(target: Target, database: str) -> dict[str, Any]:
    """Everything explicit: what is not named here, libpq would take from the environment."""
    if not target.host:
        raise ConnectionFailed("The instance has no host.")
    return {
        "host": target.host,
        "hostaddr": "",
        "port": target.port,
        "user": target.username,
        "password": target.password,
        "passfile": "/nonexistent/pgpass",  # libpq takes '' for the one in the home folder
        "dbname": database,
        "application_name": "whalefall",
        "client_encoding": "UTF8",
        "connect_timeout": target.connect_timeout_seconds,
        "options": "",
        "gssencmode": "disable",
        "channel_binding": "prefer",
        "target_session_attrs": "any",
        "sslmode": target.tls_mode,
        **({"sslrootcert": target.tls_ca} if target.tls_ca else {}),
        "autocommit": True,  # we begin ourselves, in one round trip with the settings
        "prepare_threshold": None,
    }


def decode_leniently(connection: Any) -> None:
    """From now on turn what is no UTF-8 into backslash escapes, value by value and slower.

    Names in a database of the encoding SQL_ASCII are whatever bytes their maker sent.
    """
    from psycopg.adapt import Loader  # noqa: PLC0415 -- the driver is imported on first use

    class LenientText(Loader):
        def load(self, data: Any) -> Any:
            return bytes(data).decode("utf-8", "backslashreplace")

    class LenientJson(LenientText):
        def load(self, data: Any) -> Any:
            return json.loads(super().load(data).replace("\\x", "\\\\x"))

    for kind in ("name", "text", "varchar", "bpchar"):
        connection.adapters.register_loader(kind, LenientText)
    connection.adapters.register_loader("json", LenientJson)
