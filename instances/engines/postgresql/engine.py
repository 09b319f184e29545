"""The engine for PostgreSQL."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from typing import ClassVar

from instances.engines.base import AccountsReading, Engine, Scope, Section, Target
from instances.engines.errors import ConnectionFailed, UnusableAnswer
from instances.engines.postgresql.effective import PostgreSQLEffective
from instances.engines.postgresql.grants import section_of
from instances.engines.postgresql.queries import Query
from instances.engines.postgresql.reading import Reading
from instances.engines.postgresql.session import Row, Session
from instances.engines.postgresql.sizes import Sizes, stream_tables
from instances.engines.postgresql.statements import PostgreSQLStatements
from instances.engines.sizes import SizesReading, TableRecord

OLDEST = 120000
DEFAULT_DATABASE = "postgres"


class PostgreSQLEngine(Engine):
    """PostgreSQL 12 to 18: one connection for what the cluster shares, one per other database."""

    label: ClassVar[str] = "PostgreSQL"
    driver: ClassVar[str] = "psycopg"
    default_port: ClassVar[int] = 5432
    effective: ClassVar[type[PostgreSQLEffective]] = PostgreSQLEffective
    statements_of: ClassVar[type[PostgreSQLStatements]] = PostgreSQLStatements

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.sessions: list[Session] = []

    def open(self) -> None:
        session = self.start_session(self.target.service_name or DEFAULT_DATABASE)
        self.connection = session.connection
        if self.version_number < OLDEST:
            raise UnusableAnswer(f"PostgreSQL {self.version} is older than 12.")

    @property
    def main(self) -> Session:
        return self.sessions[0]

    @property
    def version(self) -> str:
        """As the server tells it at login: ``18.6 (Debian 18.6-1)`` without what follows."""
        told: str = self.connection.info.parameter_status("server_version") or ""
        return told.partition(" ")[0]

    @property
    def version_number(self) -> int:
        number: int = self.connection.info.server_version
        return number

    def read_accounts(self) -> AccountsReading:
        return Reading(self).complete()

    def read_sizes(self) -> SizesReading:
        return Sizes(self).complete()

    def stream_tables(self) -> Iterator[TableRecord | Section]:
        return stream_tables(self)

    def ask(self, session: Session, query: Query) -> Sequence[Row]:
        """All rows of one statement. Raises EngineError."""
        self.refuse_if_interrupted()
        self.statements += 1
        return session.fetch(query)

    def stream(self, session: Session, query: Query) -> Iterator[Row]:
        """Like ``ask``, but with no more than a batch of rows in memory."""
        self.refuse_if_interrupted()
        self.statements += 1
        return session.stream(query)

    @contextmanager
    def session_in(self, database: str) -> Iterator[Session]:
        """A session in ``database``: the main one where it is there already."""
        if database == self.main.database:
            yield self.main
            return
        session = self.start_session(database)
        try:
            yield session
        finally:
            self.sessions.remove(session)
            session.close()

    def start_session(self, database: str) -> Session:
        self.refuse_if_interrupted()
        session = Session(self.driver_module(), self.target, database)
        self.sessions.append(session)
        return session

    def refuse_if_interrupted(self) -> None:
        if self.interrupted:
            raise ConnectionFailed("The reading was interrupted.")

    def interrupt(self) -> None:
        self.interrupted = True
        for session in reversed(self.sessions):
            session.interrupt()

    def close(self) -> None:
        for session in self.sessions:
            session.close()

    @classmethod
    def section_of(cls, scope: str, privilege: str, *, is_denied: bool) -> str:
        return section_of(Scope(scope))

    @classmethod
    def major_version(cls, version: str) -> str:
        """``18``, also for ``18.6`` and ``18beta1``: since 10 one number is the major version."""
        digits = takewhile(str.isdigit, version)
        return "".join(digits)
