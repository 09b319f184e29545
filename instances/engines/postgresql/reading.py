"""One whole reading: what the cluster shares, then each database."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from instances.engines.base import (
    AccountRecord,
    AccountsReading,
    GrantRecord,
    MembershipRecord,
    Section,
)
from instances.engines.errors import EngineError, QueryRefused
from instances.engines.postgresql.databases import Database, databases, references
from instances.engines.postgresql.grants import grants, server_grants
from instances.engines.postgresql.names import quoted
from instances.engines.postgresql.queries import Query, load
from instances.engines.postgresql.roles import PUBLIC, PUBLIC_OID, account, everybody, memberships
from instances.engines.postgresql.session import Row, Session

if TYPE_CHECKING:
    from instances.engines.postgresql.engine import PostgreSQLEngine

PARAMETER_GRANTS_SINCE = 150000
MEMBERSHIP_OPTIONS_SINCE = 160000


class Reading:
    """A reading in the making. Roles are known by their oid until their names are read."""

    def __init__(self, engine: "PostgreSQLEngine") -> None:
        self.engine = engine
        self.sections: list[Section] = []
        self.accounts: list[AccountRecord] = []
        self.memberships: list[MembershipRecord] = []
        self.grants: list[GrantRecord] = []
        self.names: dict[int, str] = {PUBLIC_OID: PUBLIC}

    def complete(self) -> AccountsReading:
        """Read everything. Raises EngineError."""
        main = self.engine.main
        rows = self.engine.ask(main, load("databases"))
        found, self.rights = databases(rows)
        self.read_roles(self.read_logins())
        self.read_memberships()
        self.read_server_grants()
        # The main session's own database comes first, while its snapshot lasts.
        for database in sorted(found, key=lambda one: one.name != main.database):
            self.read_database(database)
        return AccountsReading(
            self.engine.version,
            self.sections,
            self.accounts,
            self.memberships,
            self.grants,
            databases=references(rows),
        )

    def read_logins(self) -> Mapping[int, datetime]:
        if self.rights.may_see_logins:
            self.sections.append(Section("activity"))
            return dict(map(tuple, self.engine.ask(self.engine.main, load("logins"))))
        role = quoted(self.rights.role)
        reason = f"Our login {role} may not see other accounts' sessions."
        grant = f"GRANT pg_read_all_stats TO {role}"
        self.sections.append(Section("activity", "", reason, grant))
        return {}

    def read_roles(self, logins: Mapping[int, datetime]) -> None:
        """Without the names nothing else has a meaning, so a refusal fails the reading."""
        query = load("roles")
        if self.rights.may_see_passwords:
            query = query.reading("pg_authid", instead_of="pg_roles")
        rows = self.engine.ask(self.engine.main, query)
        self.sections.append(Section("accounts"))
        self.accounts = [everybody(), *(account(row, logins.get(row[0])) for row in rows)]
        self.names.update((row[0], row[1]) for row in rows)

    def read_memberships(self) -> None:
        has_options = self.engine.version_number >= MEMBERSHIP_OPTIONS_SINCE
        query = load("memberships" if has_options else "memberships_before_16")
        rows = self.read_section(Section("memberships"), self.engine.main, [query])
        self.memberships = memberships(rows, self.names)

    def read_server_grants(self) -> None:
        queries = [load("server_grants")]
        if self.engine.version_number >= PARAMETER_GRANTS_SINCE:
            queries.append(load("parameter_grants"))
        rows = self.read_section(Section("server"), self.engine.main, queries)
        self.grants += server_grants(rows, self.names)

    def read_database(self, database: Database) -> None:
        obstacle = database.obstacle(self.rights)
        if obstacle is not None:
            self.sections.append(obstacle)
            return
        section = Section("grants", database.name)
        try:
            with self.engine.session_in(database.name) as session:
                rows = self.read_section(section, session, [load("database_grants")])
        except EngineError as error:
            # One database may fail alone; with the server itself the whole reading does.
            self.engine.refuse_if_interrupted()
            self.engine.main.check()
            reason = f"The database {quoted(database.name)} could not be read: {error}"
            self.sections.append(replace(section, reason=reason))
        else:
            self.grants += grants(rows, self.names, database.name)

    def read_section(
        self, section: Section, session: Session, queries: Sequence[Query]
    ) -> list[Row]:
        """The rows of all ``queries``; none, and the section is unknown, when one is refused."""
        rows: list[Row] = []
        for query in queries:
            try:
                rows += self.engine.ask(session, query)
            except QueryRefused as refusal:
                session.check()
                session.begin()
                grant = f"GRANT SELECT ON {query.catalogs} TO {quoted(self.rights.role)}"
                section = replace(section, reason=str(refusal), needed_grant=grant)
        self.sections.append(section)
        return rows
