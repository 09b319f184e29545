"""What a server tells about how big it is."""

from collections.abc import Sequence
from dataclasses import dataclass

from instances.engines.base import DatabaseRef, Section


@dataclass(frozen=True, slots=True)
class DatabaseRecord(DatabaseRef):
    """A database that is there, and its sizes in bytes; None where the server does not tell.

    ``total_bytes`` is None when the database's section ``sizes`` is unknown.
    """

    total_bytes: int | None = None
    data_bytes: int | None = None
    index_bytes: int | None = None
    log_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class TableRecord:
    """A table and its sizes in bytes; ``estimated_rows`` is the server's estimate, None if none.

    ``schema`` is '' where a database has none.
    """

    database: str
    schema: str
    name: str
    total_bytes: int
    data_bytes: int | None = None
    index_bytes: int | None = None
    estimated_rows: int | None = None


@dataclass(frozen=True, slots=True)
class SizesReading:
    """The databases of a server and how big they are, as of one moment.

    ``sections`` holds ``databases`` (the inventory) once, ``sizes`` once per database, ``log``
    once where the server keeps one that takes a right, and ``parts`` (data and indexes apart) once
    per database where that takes a right of its own. When ``databases`` is unknown, those listed
    exist, but others may too. ``log_bytes`` is the log of the whole server, ``limit_bytes`` what
    it may grow to; None where it does not tell.
    """

    version: str
    sections: Sequence[Section]
    databases: Sequence[DatabaseRecord]
    log_bytes: int | None = None
    limit_bytes: int | None = None
