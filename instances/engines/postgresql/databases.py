"""The databases of a server, and what our login may do there."""

from collections.abc import Iterable
from dataclasses import dataclass

from instances.engines.base import DatabaseRef, Section
from instances.engines.postgresql.names import quoted
from instances.engines.postgresql.session import Row

SYSTEM_DATABASES = frozenset(
    # initdb's templates, and what hosting providers keep for themselves.
    {"template0", "template1", "azure_maintenance", "azure_sys", "cloudsqladmin", "rdsadmin"}
)
INVALID = -2
"""The connection limit of a database whose DROP DATABASE was cut off."""


@dataclass(frozen=True, slots=True)
class Rights:
    """``login`` is who connected, ``role`` what ALTER ROLE … SET role may have made of it."""

    login: str
    role: str
    may_see_logins: bool
    may_see_passwords: bool


@dataclass(frozen=True, slots=True)
class Database:
    name: str
    allows_connections: bool
    connection_limit: int
    may_connect: bool

    @property
    def is_blank(self) -> bool:
        """template0: nobody can go there, and it holds nothing but what initdb made."""
        return self.name == "template0" and not self.allows_connections

    def obstacle(self, rights: Rights) -> Section | None:
        """Why what is inside can't be read, if that is clear without trying."""
        name = quoted(self.name)
        reason = grant = ""
        if self.connection_limit == INVALID:
            reason = f"The database {name} is the rest of an unfinished DROP DATABASE."
        elif not self.allows_connections:
            reason = f"The database {name} allows no connections."
            grant = f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true"
        elif not self.may_connect:
            reason = f"Our login {quoted(rights.login)} may not connect to the database {name}."
            grant = f"GRANT CONNECT ON DATABASE {name} TO {quoted(rights.login)}"
        return Section("grants", self.name, reason, grant) if reason else None


def databases(rows: Iterable[Row]) -> tuple[list[Database], Rights]:
    """The databases that may hold something, and our rights, which each row repeats."""
    found, rights = [], Rights("", "", False, False)
    for row in rows:
        found.append(Database(*row[:4]))
        rights = Rights(*row[4:8])
    return [database for database in found if not database.is_blank], rights


def references(rows: Iterable[Row]) -> list[DatabaseRef]:
    """Every database with its oid, also those that hold nothing."""
    return [DatabaseRef(row[0], str(row[8]), row[0] in SYSTEM_DATABASES) for row in rows]
