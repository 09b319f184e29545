"""What a reading knows, and what the one before it knew."""

from collections.abc import Iterable
from datetime import datetime

from accounts.stored import Stored
from instances.coverage import section_rows
from instances.engines.base import AccountsReading, GrantRecord, MembershipRecord
from instances.models import Section
from sync_sessions.models import SyncSession

Place = tuple[str, str]
"""A section's name and database ('' for the whole server)."""


class Knowledge:
    """Which sections of a reading are known, and why an edge that appears or ends may do so."""

    def __init__(self, stored: Stored, reading: AccountsReading) -> None:
        self.reading = reading
        self.engine = stored.instance.engine_class
        self.before = stored.sections
        self.was_ever_read = stored.was_ever_read
        self.known = {(one.name, one.database) for one in reading.sections if one.is_complete}
        self.unknown = {(one.name, one.database) for one in reading.sections if not one.is_complete}
        self.per_database = {
            name for name, database in (*self.known, *self.unknown, *self.before) if database
        }
        old, new = stored.instance.version, reading.version
        self.is_upgrade = bool(old) and (
            self.engine.major_version(old) != self.engine.major_version(new)
        )

    @property
    def coverage(self) -> float:
        """Known sections / all sections."""
        return len(self.known) / (len(self.known) + len(self.unknown))

    @property
    def is_complete(self) -> bool:
        return not self.unknown

    @property
    def is_settled(self) -> bool:
        """Whether this reading and the one before it knew everything there is, and alike."""
        return self.was_ever_read and self.is_complete and not self.unknown_changed

    @property
    def has_unknown_edges(self) -> bool:
        return any(not self.knows(*place) for place in (*self.unknown, *self.before))

    @property
    def unknown_changed(self) -> bool:
        """Whether other sections are unknown now than after the reading before."""
        before = {place for place, row in self.before.items() if row.state == Section.State.UNKNOWN}
        return before != self.unknown

    def place(self, edge: GrantRecord | MembershipRecord) -> Place:
        """The section that ``edge`` is read in."""
        if isinstance(edge, MembershipRecord):
            return ("memberships", "")
        name = self.engine.section_of(edge.scope, edge.privilege, is_denied=edge.is_denied)
        return (name, edge.database if name in self.per_database else "")

    def knows(self, name: str, database: str = "") -> bool:
        """Whether the reading tells all of a section.

        A database without a section is gone, which is knowledge too. A section of the whole
        server can't go: where the reading does not list it, it is unknown.
        """
        if self.is_gone(name, database):
            return True
        return (name, database) in self.known

    def is_gone(self, name: str, database: str) -> bool:
        """Whether the section is about a database that the server no longer has."""
        place = (name, database)
        return bool(database) and place not in self.known and place not in self.unknown

    def knows_edge(self, edge: GrantRecord | MembershipRecord) -> bool:
        return self.knows(*self.place(edge))

    def came_into_sight(self, name: str, database: str = "") -> bool:
        """Whether the section was not known before, so that nobody can say when it changed."""
        row = self.before.get((name, database))
        if row is None:
            return not database
        return row.state == Section.State.UNKNOWN

    def rows(self, instance_id: int, at: datetime) -> Iterable[Section]:
        """The sections to store."""
        category = SyncSession.Category.ACCOUNTS
        return section_rows(instance_id, category, self.reading.sections, read_at=at)
