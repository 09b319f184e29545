"""The contract between Whalefall and a kind of database server.

An engine opens connections, reads, and returns the records below. Everything after
that is Whalefall's own and needs no server. Names are the server's, in the server's case.
"""

import socket
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from importlib import import_module, resources
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, dataclass_transform

from instances.engines.errors import ConnectionFailed

if TYPE_CHECKING:
    from instances.engines.effective import Effective
    from instances.engines.sizes import SizesReading, TableRecord
    from instances.engines.statements import Statements

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[T]) -> type[T]:
    """A dataclass that nobody changes, which mypy sees to.

    Not ``frozen``: that makes it three times as slow to make, and a reading has thousands.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)


class Scope(StrEnum):
    """What kind of thing a privilege is about."""

    SERVER = "server"
    DATABASE = "database"
    SCHEMA = "schema"
    TABLE = "table"
    COLUMN = "column"
    SEQUENCE = "sequence"
    ROUTINE = "routine"
    TYPE = "type"
    LANGUAGE = "language"
    TABLESPACE = "tablespace"
    FOREIGN_DATA_WRAPPER = "foreign_data_wrapper"
    FOREIGN_SERVER = "foreign_server"
    LARGE_OBJECT = "large_object"
    PARAMETER = "parameter"
    DEFAULT = "default"
    PROXY = "proxy"


class AccountKind(StrEnum):
    USER = "user"
    ROLE = "role"
    GROUP = "group"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Target:
    """Where and as whom to connect. Its ``repr`` does not show the password."""

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    service_name: str = ""
    tls_mode: str = "prefer"
    tls_ca: str = ""
    connect_timeout_seconds: int = 5
    statement_timeout_seconds: int = 60


@record
class AccountRecord:
    """One account as the server tells it. None means that the server does not tell.

    ``native_id`` is the server's own id that survives a rename (oid, sid), None where there is
    none. ``attributes`` are JSON values under the engine's own words, plus these common keys,
    left out when unknown: ``superuser_reasons`` and ``grant_reasons`` (lists of words that make
    the account all-powerful, or able to hand out rights beyond its grantable grants and
    memberships), ``password_absent``, ``password_expired``, ``password_never_expires`` (bool);
    and ``unseen``, the sorted names of fields and attributes that our login may not see: what the
    record says of those is a guess for an account that nobody knew, and a list has what could be
    seen.
    """

    name: str
    kind: AccountKind
    native_id: str | None = None
    is_system: bool = False
    can_login: bool | None = None
    is_superuser: bool | None = None
    is_locked: bool | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    password_changed_at: datetime | None = None
    password_expires_at: datetime | None = None
    last_login_at: datetime | None = None


@record
class MembershipRecord:
    """``member`` has ``role``, as given by ``grantor``; one record per grantor.

    ``inherits``: the member has the role's rights without doing anything. ``can_set``: it may
    become the role by SET ROLE. ``is_default``: the role is active after login.
    """

    member: str
    role: str
    grantor: str | None = None
    admin_option: bool = False
    inherits: bool = True
    can_set: bool = True
    is_default: bool = False


@record
class GrantRecord:
    """One privilege of one account on one thing, given by one grantor.

    The parts of the thing are '' where its scope has no such part. An ownership is a record of
    its own with ``is_owner`` and the privilege ``OWNER``. ``is_denied`` is a negative grant.
    ``grantor`` is None where the server does not keep one per privilege.
    """

    account: str
    privilege: str
    scope: Scope
    database: str = ""
    schema: str = ""
    name: str = ""
    column: str = ""
    grantor: str | None = None
    grantable: bool = False
    is_denied: bool = False
    is_owner: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a reading that is known as a whole, or not at all.

    Complete when ``reason`` is empty; otherwise ``reason`` is a sentence for the DBA, and
    ``needed_grant`` the statement that would complete it ('' when no grant can help).
    ``database`` is '' for a section about the whole server.
    """

    name: str
    database: str = ""
    reason: str = ""
    needed_grant: str = ""

    @property
    def is_complete(self) -> bool:
        return not self.reason


@dataclass(frozen=True, slots=True)
class DatabaseRef:
    """A database that is there.

    ``native_id`` is the server's own id, which a rename keeps and a drop and re-create does not
    (oid); None where there is none.
    """

    name: str
    native_id: str | None = None
    is_system: bool = False


@dataclass(frozen=True, slots=True)
class AccountsReading:
    """Every account of a server and what it may do, as of one moment.

    ``sections`` always holds ``accounts`` and ``memberships``, and each section that
    ``Engine.section_of`` can name, once for the server or once per existing database. A database
    that has no section any more is gone. Records of an unknown section are those that could be
    seen: they are true, but others may exist. ``databases`` lists every database of the server, or
    none where they have no ids to tell a rename by. ``settings`` are those of the server that
    decide what privileges mean, by the server's own names.
    """

    version: str
    sections: Sequence[Section]
    accounts: Sequence[AccountRecord]
    memberships: Sequence[MembershipRecord]
    grants: Sequence[GrantRecord]
    databases: Sequence[DatabaseRef] = ()
    settings: Mapping[str, str] = field(default_factory=dict)


class Engine(ABC):
    """An open connection to one server.

    Subclasses live in a folder of their own, whose ``sql`` folder holds one statement per file.
    ``statements`` counts what was asked of the server so far.
    """

    label: ClassVar[str]
    driver: ClassVar[str]
    """The DB-API module, imported on first use."""
    default_port: ClassVar[int]
    has_hosts: ClassVar[bool] = False
    """Whether an account's name ends in ``@`` and the host that it may come from."""
    keeps_logins: ClassVar[bool] = False
    """Whether its servers keep when an account last logged in; elsewhere ``last_login_at`` is at
    best a session that a reading happened to meet, and there may have been later ones."""
    effective: "ClassVar[type[Effective] | None]" = None
    """How its servers add rights up; None where that is not known yet."""
    statements_of: "ClassVar[type[Statements] | None]" = None
    """How its servers are told to take a right away; None where that is not known yet."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.statements = 0
        self.connection: Any = None
        self.interrupted = False

    @classmethod
    def driver_module(cls) -> ModuleType:
        try:
            return import_module(cls.driver)
        except ImportError as error:
            raise ConnectionFailed(
                f"The driver {cls.driver} for {cls.label} is not installed on this machine."
            ) from error

    @classmethod
    @contextmanager
    def connect(cls, target: Target) -> Iterator[Self]:
        """An open engine, closed at the end. Raises ConnectionFailed or ServerTimeout."""
        engine = cls(target)
        try:
            engine.open()
            yield engine
        finally:
            engine.close()

    @abstractmethod
    def open(self) -> None:
        """Connect read-only where the server knows that, with both time-outs set."""

    @abstractmethod
    def read_accounts(self) -> AccountsReading:
        """Everything about accounts, in a number of statements that no account adds to.

        Raises EngineError when the reading as a whole is worthless; a part that our login may
        not read is an unknown section instead.
        """

    @abstractmethod
    def read_sizes(self) -> "SizesReading":
        """Every database and its size, in a number of statements that no table adds to.

        Raises EngineError when the reading as a whole is worthless.
        """

    @abstractmethod
    def stream_tables(self) -> "Iterator[TableRecord | Section]":
        """Every table of every database, streamed: a database's tables, then its section.

        The section is named ``tables`` and says whether those were all; where it is unknown, those
        before it exist. No more than a batch of rows is in memory at a time. A database without a
        section has no tables that anybody could read. Raises EngineError, also in the middle.
        """

    @classmethod
    @abstractmethod
    def section_of(cls, scope: str, privilege: str, *, is_denied: bool) -> str:
        """The name of the section that a grant of this shape is read in."""

    @classmethod
    @abstractmethod
    def major_version(cls, version: str) -> str:
        """The part of ``version`` whose change may bring new privileges: "18", "8.4"."""

    def interrupt(self) -> None:
        """End what the connection is doing, from another thread; the reader sees an error."""
        self.interrupted = True
        connection = self.connection
        if connection is not None:
            with suppress(Exception):  # it may be closed, or closing, already
                shut_down(connection.fileno())

    def close(self) -> None:
        if self.connection is not None:
            with suppress(Exception):  # a broken connection may refuse to be closed
                self.connection.close()

    def sql(self, query: str) -> str:
        """The text of ``sql/<query>.sql`` in this engine's folder."""
        package = type(self).__module__.rpartition(".")[0]
        return resources.files(package).joinpath("sql", f"{query}.sql").read_text()


def shut_down(descriptor: int) -> None:
    """Shut the socket behind ``descriptor`` down, so that a thread blocked on it wakes up."""
    with socket.socket(fileno=socket.dup(descriptor)) as duplicate:
        duplicate.shutdown(socket.SHUT_RDWR)
