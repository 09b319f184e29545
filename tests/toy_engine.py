"""A server that exists only in a test: what it answers is a script, everything else is ours."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from instances.engines.base import (
    AccountKind,
    AccountRecord,
    AccountsReading,
    Engine,
    GrantRecord,
    MembershipRecord,
    Scope,
    Section,
)
from instances.engines.errors import ConnectionFailed
from instances.engines.sizes import DatabaseRecord, SizesReading, TableRecord

SERVER_SECTIONS = (Section("accounts"), Section("memberships"), Section("server"))


@dataclass
class ToyServer:
    """What the server at one host has. ``hangs`` makes a reading wait until it is interrupted.

    ``reads`` counts readings of each kind together. ``tables`` is what is streamed, in this order;
    an exception among them is raised when its turn comes.
    """

    reading: AccountsReading = field(default_factory=lambda: reading())
    sizes: SizesReading = field(default_factory=lambda: sizes())
    tables: Sequence[TableRecord | Section | Exception] = ()
    fails_with: Exception | None = None
    hangs: bool = False
    ignores_interrupt: bool = False
    during_read: Callable[[], None] = lambda: None
    reads: int = 0
    started: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def now_has(self, **parts: object) -> None:
        self.reading = replace(self.reading, **parts)  # type: ignore[arg-type]

    def answer(self) -> None:
        """What comes before every answer."""
        self.reads += 1
        self.started.set()
        self.during_read()
        if self.hangs:
            self.released.wait(30)
        if self.fails_with is not None:
            raise self.fails_with


TOY_SERVERS: dict[str, ToyServer] = {}


class Toy(Engine):
    label = "Toy"
    driver = "sqlite3"
    default_port = 1
    keeps_logins = True

    def open(self) -> None:
        if self.target.host not in TOY_SERVERS:
            raise ConnectionFailed(f"Cannot connect to {self.target.host}.")
        self.statements = 0

    def read_accounts(self) -> AccountsReading:
        server = TOY_SERVERS[self.target.host]
        self.statements += 3
        server.answer()
        return server.reading

    def read_sizes(self) -> SizesReading:
        server = TOY_SERVERS[self.target.host]
        self.statements += 2
        server.answer()
        return server.sizes

    def stream_tables(self) -> Iterator[TableRecord | Section]:
        server = TOY_SERVERS[self.target.host]
        self.statements += 1
        server.answer()
        for told in server.tables:
            if isinstance(told, Exception):
                raise told
            yield told

    def interrupt(self) -> None:
        self.interrupted = True
        server = TOY_SERVERS[self.target.host]
        if not server.ignores_interrupt:
            server.fails_with = server.fails_with or ConnectionFailed("interrupted")
            server.released.set()

    @classmethod
    def section_of(cls, scope: str, privilege: str, *, is_denied: bool) -> str:
        return "server" if scope in {"server", "database"} else "grants"

    @classmethod
    def major_version(cls, version: str) -> str:
        return version.partition(".")[0]


def user(name: str, **fields: object) -> AccountRecord:
    known: dict[str, object] = {
        "kind": AccountKind.USER,
        "can_login": True,
        "is_superuser": False,
        "is_locked": False,
    }
    return AccountRecord(name=name, **{**known, **fields})  # type: ignore[arg-type]


def role(name: str, **fields: object) -> AccountRecord:
    return user(name, **{"kind": AccountKind.ROLE, "can_login": False, **fields})


def select_on(table: str, account: str, **fields: object) -> GrantRecord:
    """SELECT on ``database.schema.table`` for ``account``."""
    database, schema, name = table.split(".")
    parts: dict[str, object] = {
        "privilege": "SELECT",
        "scope": Scope.TABLE,
        "database": database,
        "schema": schema,
        "name": name,
    }
    return GrantRecord(account=account, **{**parts, **fields})  # type: ignore[arg-type]


def reading(
    accounts: Sequence[AccountRecord] = (),
    memberships: Sequence[MembershipRecord] = (),
    grants: Sequence[GrantRecord] = (),
    *,
    databases: Sequence[str] = ("shop",),
    unknown: Sequence[Section] = (),
    version: str = "1.0",
) -> AccountsReading:
    """A reading that knows everything but ``unknown``."""
    sections = {
        (section.name, section.database): section
        for section in (
            *SERVER_SECTIONS,
            *(Section("grants", database) for database in databases),
            *unknown,
        )
    }
    return AccountsReading(
        version=version,
        sections=tuple(sections.values()),
        accounts=tuple(accounts),
        memberships=tuple(memberships),
        grants=tuple(grants),
    )


def database(name: str, total_bytes: int | None = 100, **fields: object) -> DatabaseRecord:
    return DatabaseRecord(name, total_bytes=total_bytes, **fields)  # type: ignore[arg-type]


def table(place: str, total_bytes: int = 10, **fields: object) -> TableRecord:
    """The table ``database.schema.table``."""
    where, schema, name = place.split(".")
    return TableRecord(where, schema, name, total_bytes, **fields)  # type: ignore[arg-type]


def sizes(
    *databases: DatabaseRecord,
    unknown: Sequence[Section] = (),
    version: str = "1.0",
    **fields: object,
) -> SizesReading:
    """A reading that knows everything but ``unknown``, and the sizes that are None."""
    sections = {
        (section.name, section.database): section
        for section in (
            Section("databases"),
            *(
                Section("sizes", one.name, "" if one.total_bytes is not None else "It is shy.")
                for one in databases
            ),
            *unknown,
        )
    }
    return SizesReading(
        version,
        tuple(sections.values()),
        databases,
        **fields,  # type: ignore[arg-type]
    )
