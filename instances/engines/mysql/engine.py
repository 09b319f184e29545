"""The engine for MySQL and MariaDB."""

import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any, ClassVar

from instances.engines.base import AccountsReading, Engine, Scope, Section, Target
from instances.engines.errors import EngineError, QueryRefused, UnusableAnswer
from instances.engines.mysql.catalogue import Catalogue, Refusal, Row
from instances.engines.mysql.connecting import READ_MARGIN_SECONDS, connect, decode_leniently
from instances.engines.mysql.effective import MySQLEffective
from instances.engines.mysql.failures import query_failure
from instances.engines.mysql.flavours import Flavour, flavour_of, parse_version, sections_on
from instances.engines.mysql.grants import section_of
from instances.engines.mysql.names import quoted
from instances.engines.mysql.queries import Query, load
from instances.engines.mysql.reading import assemble, hides_grants
from instances.engines.mysql.rights import ReadRights, read_rights
from instances.engines.mysql.sizes import read_sizes, stream_tables
from instances.engines.mysql.statements import MySQLStatements
from instances.engines.sizes import SizesReading, TableRecord

READ_ONLY = "SET SESSION TRANSACTION READ ONLY"
SESSION = (
    # Whatever the server's defaults are: times in UTC, names unpadded, SHOW GRANTS with backticks.
    "SET SESSION time_zone = '+00:00', sql_mode = '', sql_quote_show_create = 1, {settings}"
)


def execute(connection: Any, driver: ModuleType, text: str) -> Any:
    """A cursor that holds every row."""
    cursor = connection.cursor()
    try:
        cursor.execute(text)
    except UnicodeDecodeError:  # no failure: asked again, with the bytes spelt out
        decode_leniently(driver, connection)
        cursor.execute(text)
    return cursor


class MySQLEngine(Engine):
    """MySQL 5.7 to 9.x, MariaDB 10.5 and newer."""

    label: ClassVar[str] = "MySQL / MariaDB"
    driver: ClassVar[str] = "MySQLdb"
    default_port: ClassVar[int] = 3306
    has_hosts: ClassVar[bool] = True
    effective: ClassVar[type[MySQLEffective]] = MySQLEffective
    statements_of: ClassVar[type[MySQLStatements]] = MySQLStatements

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.wire: socket.socket | None = None
        self.version = self.current_user = ""
        self.flavour: Flavour

    def open(self) -> None:
        self.connection = connect(self.driver_module(), self.target)
        # The driver refuses to tell its socket while a query runs, so it is copied now.
        self.wire = socket.socket(fileno=socket.dup(self.connection.fileno()))
        _, [(self.version, self.current_user)] = self.ask(load("identity"))
        if not parse_version(self.version):
            raise UnusableAnswer("The server does not tell a version that we understand.")
        self.flavour = flavour_of(self.version)
        seconds = self.target.statement_timeout_seconds
        settings = self.flavour.settings.format(seconds=seconds, milliseconds=seconds * 1000)
        self.run(READ_ONLY, "session")
        self.run(SESSION.format(settings=settings), "session")

    def interrupt(self) -> None:
        self.interrupted = True
        if self.wire is not None:
            with suppress(OSError):  # it may be closed already
                self.wire.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        super().close()
        if self.wire is not None:
            self.wire.close()

    def read_accounts(self) -> AccountsReading:
        with self.snapshot():
            catalogue = self.read_tables()
            sections = sections_on(self.flavour, catalogue)
            if hides_grants(sections):
                self.keep(catalogue, load("visible_privileges"))
        return assemble(self.version, self.flavour, catalogue, sections)

    def read_sizes(self) -> SizesReading:
        return read_sizes(self)

    def stream_tables(self) -> Iterator[TableRecord | Section]:
        return stream_tables(self)

    def read_tables(self) -> Catalogue:
        _, variables = self.ask(load("variables"))
        _, lines = self.ask(load("own_grants"))
        rights = read_rights(line for (line,) in lines)
        catalogue = Catalogue(
            parse_version(self.version), self.current_user, dict(map(tuple, variables))
        )
        for name in self.flavour.queries:
            self.read_table(catalogue, load(name), rights)
        return catalogue

    def read_table(self, catalogue: Catalogue, query: Query, rights: ReadRights) -> None:
        refusal = Refusal(
            f"Our login {self.current_user} may not read mysql.{query.table}.{query.warning}",
            f"GRANT {query.right} TO {quoted(self.current_user)}",
        )
        if not rights.allow(query):
            catalogue.refusals[query.name] = refusal
            return
        try:
            self.keep(catalogue, query)
        except QueryRefused:  # a right that SHOW GRANTS tells, but something else takes away
            catalogue.refusals[query.name] = refusal

    def keep(self, catalogue: Catalogue, query: Query) -> None:
        catalogue.columns[query.name], catalogue.rows[query.name] = self.ask(query)

    def ask(self, query: Query) -> tuple[list[str], Sequence[Row]]:
        """The columns and all rows of one statement. Raises EngineError."""
        self.statements += 1
        cursor = self.run(query.text, query.name, query.right)
        return [column[0] for column in cursor.description], cursor.fetchall()

    def run(self, text: str, name: str, right: str = "") -> Any:
        driver, started = self.driver_module(), time.monotonic()
        try:
            return execute(self.connection, driver, text)
        except driver.Error as error:
            raise self.failure(error, name, right, time.monotonic() - started) from error

    def failure(self, error: Exception, name: str, right: str, seconds: float) -> EngineError:
        limit = self.target.statement_timeout_seconds + READ_MARGIN_SECONDS
        return query_failure(error, name, right, timed_out=seconds >= limit)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        if not self.flavour.snapshot:
            yield
            return
        self.run(self.flavour.snapshot, "snapshot")
        try:
            yield
        finally:
            with suppress(self.driver_module().Error):  # the connection may be gone
                self.connection.rollback()

    @classmethod
    def section_of(cls, scope: str, privilege: str, *, is_denied: bool) -> str:
        return section_of(Scope(scope), privilege, is_denied=is_denied)

    @classmethod
    def major_version(cls, version: str) -> str:
        """``8.4``, ``10.11``; but ``8.0.36``: patch releases of 8.0 brought new privileges."""
        parts = parse_version(version)
        return ".".join(map(str, parts if parts[:2] == (8, 0) else parts[:2]))
