"""What the accounts of a PostgreSQL cluster may do: what ``has_*_privilege`` answers, from edges.

Source: https://www.postgresql.org/docs/current/ddl-priv.html
Source: https://www.postgresql.org/docs/current/predefined-roles.html
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import takewhile

from instances.engines.effective import (
    WHOLE_SERVER,
    Effective,
    Right,
    Roots,
    Route,
    Thing,
    Way,
    World,
)
from instances.engines.postgresql.catalogs import CATALOGS
from instances.engines.postgresql.grants import OWNER

DATABASE_OWNER = "pg_database_owner"
SUPERUSER = "SUPERUSER"
TABLE = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
WRITES = ("INSERT", "UPDATE", "DELETE")
MASKED = (*WRITES, "TRUNCATE")
"""What nobody but a superuser may do to the server's own tables, whatever was granted."""
PRIVILEGES: Mapping[str, Sequence[str]] = {
    "server": TABLE,
    "database": ("CREATE", "CONNECT", "TEMPORARY"),
    "schema": ("CREATE", "USAGE"),
    "table": TABLE,
    "column": ("SELECT", "INSERT", "UPDATE", "REFERENCES"),
    "sequence": ("SELECT", "UPDATE", "USAGE"),
    "routine": ("EXECUTE",),
    "type": ("USAGE",),
    "language": ("USAGE",),
    "tablespace": ("CREATE",),
    "foreign_data_wrapper": ("USAGE",),
    "foreign_server": ("USAGE",),
    "large_object": ("SELECT", "UPDATE"),
    "parameter": ("SET", "ALTER SYSTEM"),
}
MAINTAIN_SINCE = 17
MEMBERSHIP_OPTIONS_SINCE = 16
SERVER_WIDE = {"tablespace", "parameter", "server"}
NAMES: Sequence[Mapping[Sequence[str], Sequence[str]]] = (
    {(): ("server",)},
    {("database",): ("database",), ("name",): ("tablespace", "parameter")},
    {
        ("database", "schema"): ("schema",),
        ("database", "name"): (
            *("language", "foreign_data_wrapper", "foreign_server", "large_object"),
        ),
    },
    {("database", "schema", "name"): ("table", "sequence", "routine", "type")},
    {("database", "schema", "name", "column"): ("column",)},
)
"""By the number of its names: which part of a thing each is, and of which scopes."""

POWERS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "pg_read_all_data": {
        **dict.fromkeys(("table", "column", "sequence"), ("SELECT",)),
        "schema": ("USAGE",),
    },
    "pg_write_all_data": {
        **dict.fromkeys(("table", "column"), WRITES),
        "sequence": ("UPDATE",),
        "schema": ("USAGE",),
    },
    "pg_maintain": {"table": ("MAINTAIN",)},
}
"""What the server's own roles may do with everything of a scope, without an access list."""


def major(version: str) -> int:
    return int("".join(takewhile(str.isdigit, version)) or 0)


class PostgreSQLEffective(Effective):
    """Rights add up: nothing is ever denied."""

    adds_up = True
    database_owner = DATABASE_OWNER

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.inherited = cache(self._inherited)
        self.implied = world.by_name.get(DATABASE_OWNER)
        self.powers_by_key = {
            key: one.name for key, one in world.principals.items() if one.name in POWERS
        }

    @classmethod
    def privileges(cls, scope: str, version: str) -> Sequence[str]:
        words = PRIVILEGES.get(scope, ())
        return (
            (*words, "MAINTAIN")
            if scope in {"table", "server"} and major(version) >= MAINTAIN_SINCE
            else words
        )

    @classmethod
    def sources(cls, privilege: str, thing: Thing) -> Sequence[tuple[str, Thing]]:
        found = [(privilege, thing), (OWNER, thing)]
        if thing.scope == "column":
            found += [(privilege, table_of(thing)), (OWNER, table_of(thing))]
        if thing.database:
            found.append((OWNER, Thing("database", thing.database)))
        return [*found, *cls.gates(thing)]

    @classmethod
    def gates(cls, thing: Thing) -> Sequence[tuple[str, Thing]]:
        if not thing.database:
            return ()
        gates = [("CONNECT", Thing("database", thing.database))]
        if thing.schema and thing.scope != "schema":
            gates.append(("USAGE", schema_of(thing)))
        return gates

    @classmethod
    def things(cls, parts: Sequence[str]) -> Sequence[Thing]:
        readings = NAMES[len(parts)] if len(parts) < len(NAMES) else {}
        return [
            Thing(scope, **dict(zip(names, parts, strict=True)))
            for names, scopes in readings.items()
            for scope in scopes
        ]

    @classmethod
    def anchor(cls, thing: Thing) -> Thing | None:
        """Everything has an owner, which is mirrored; a column has that of its table."""
        if thing.scope == "column":
            return table_of(thing)
        return None if thing == WHOLE_SERVER else thing

    @classmethod
    def powers(cls) -> Collection[str]:
        return (*POWERS, DATABASE_OWNER)

    def _inherited(self, account: int, database: str) -> dict[int, list[Route]]:
        """The roles that ``account`` has the rights of, for those connected to ``database``.

        The owner of a database has ``pg_database_owner`` there, which nobody can be given.
        """
        routes = self.world.routes(account, "inherits")
        for owner in self.owners(Thing("database", database)):
            if self.implied is not None and owner in routes and self._passes_on(owner):
                routes[self.implied] = [(*route, self.implied) for route in routes[owner]]
        return routes

    def owners(self, thing: Thing) -> set[int]:
        return {right.holder for right in self.world.rights_on[thing] if right.is_owner}

    def owns(self, account: int, thing: Thing) -> bool:
        """Itself or by a role that it inherits; a column is owned by who owns its table."""
        owned = table_of(thing) if thing.scope == "column" else thing
        return not self.owners(owned).isdisjoint(self.inherited(account, thing.database))

    def _passes_on(self, owner: int) -> bool:
        """Before 16 a NOINHERIT role has nothing of its roles, of ``pg_database_owner`` neither."""
        principal = self.world.principals[owner]
        is_old = major(self.world.version) < MEMBERSHIP_OPTIONS_SINCE
        return not is_old or principal.attributes.get("inherit", True)

    def ways(self, account: int, privilege: str, thing: Thing) -> Iterator[Way]:
        if self.world.principals[account].is_superuser:
            yield Way(power=SUPERUSER, grantable=True)
        routes = self.inherited(account, thing.database)
        may_grant = self.owns(account, thing)
        for one in around(thing):
            for right in () if is_masked(privilege, one) else self.world.rights_on[one]:
                if right.privilege == privilege:
                    yield from self._by(right, routes, may_grant=may_grant)
        for key, power in self.powers_by_key.items():
            if key in routes and gives(power, privilege, thing):
                yield from (Way(route, power=power) for route in routes[key])

    def roots(self, privilege: str, thing: Thing) -> Roots:
        """The owner of the database stands for ``pg_database_owner``, as in ``ways``."""
        world = self.world
        found = {
            right.holder
            for one in around(thing)
            if not is_masked(privilege, one)
            for right in world.rights_on[one]
            if right.privilege == privilege
        }
        found |= {key for key, one in self.powers_by_key.items() if gives(one, privilege, thing)}
        owners = set()
        if self.implied in found:
            owners = self.owners(Thing("database", thing.database))
            found |= {one for one in owners if self._passes_on(one)}
        superusers = {key for key, one in world.principals.items() if one.is_superuser}
        return Roots(superusers, found, owners)

    def _by(
        self, right: Right, routes: Mapping[int, list[Route]], *, may_grant: bool
    ) -> Iterator[Way]:
        """The owner may grant on whatever it was granted itself."""
        if right.holder == self.world.everybody:
            yield Way(right=right, grantable=may_grant)
        for route in routes.get(right.holder, ()):
            yield Way(route, right, grantable=right.grantable or may_grant)

    def may_grant(self, account: int, privilege: str, thing: Thing) -> bool:
        """Whether ``account`` may give the privilege to others, whether it holds it or not."""
        if self.world.principals[account].is_superuser:
            return True
        routes = self.inherited(account, thing.database)
        return self.owns(account, thing) or any(
            right.holder in routes and right.privilege == privilege and right.grantable
            for one in around(thing)
            for right in self.world.rights_on[one]
        )

    def reaches(self, account: int, thing: Thing) -> bool | None:
        if self.world.principals[account].is_superuser or thing.scope in SERVER_WIDE:
            return True
        if all(any(self.ways(account, *gate)) for gate in self.gates(thing)):
            return True
        return None if {"", thing.database} & set(self.world.blind) else False

    def everything(self, account: int) -> Iterator[tuple[str, Thing, Way]]:
        world = self.world
        if world.principals[account].is_superuser:
            yield SUPERUSER, WHOLE_SERVER, Way(power=SUPERUSER, grantable=True)
        plain = world.routes(account, "inherits")
        if world.everybody is not None:
            plain.setdefault(world.everybody, [()])
        for holder, routes in plain.items():
            for right in world.rights_of[holder]:
                yield from self._each(account, right, routes)
            power = self.powers_by_key.get(holder, "")
            for word in words_of_power(power):
                yield from ((word, WHOLE_SERVER, Way(route, power=power)) for route in routes)
        for right in self._of_owners() if self.implied not in plain else ():
            routes = self.inherited(account, right.thing.database).get(right.holder, [])
            yield from self._each(account, right, routes)

    def _of_owners(self) -> Sequence[Right]:
        """What ``pg_database_owner`` was granted, anywhere."""
        return () if self.implied is None else self.world.rights_of[self.implied]

    def _each(
        self, account: int, right: Right, routes: Iterable[Route]
    ) -> Iterator[tuple[str, Thing, Way]]:
        """The owner may grant whatever it was granted itself, but not that it is the owner."""
        thing = right.thing
        if not is_masked(right.privilege, thing):
            grantable = right.grantable or (not right.is_owner and self.owns(account, thing))
            for route in routes:
                yield right.privilege, thing, Way(route, right, grantable=grantable)

    def everything_by_set_role(self, account: int) -> Iterator[tuple[int, str, Thing, Way]]:
        yield from super().everything_by_set_role(account)
        for right in self._of_owners():
            for route in self._taken_by_owners(account, right.thing.database):
                for privilege, thing, way in self._each(right.holder, right, [()]):
                    taken = replace(way, route=route, set_role=len(route))
                    yield right.holder, privilege, thing, taken

    def ways_by_set_role(self, account: int, privilege: str, thing: Thing) -> Iterator[Way]:
        yield from super().ways_by_set_role(account, privilege, thing)
        for route in self._taken_by_owners(account, thing.database):
            for way in self.ways(route[-1], privilege, thing):
                yield replace(way, route=(*route, *way.route), set_role=len(route))

    def _taken_by_owners(self, account: int, database: str) -> Iterator[Route]:
        """The ways to ``pg_database_owner`` of those who have it by SET ROLE alone."""
        routes = self.world.routes(account, "can_set")
        for owner in self.owners(Thing("database", database)):
            if self.implied is not None and owner in routes and not self._passes_on(owner):
                yield (*routes[owner][0], self.implied)


def around(thing: Thing) -> Sequence[Thing]:
    """Where rights on ``thing`` are given: what is on a table is on its columns."""
    return [thing, table_of(thing)] if thing.scope == "column" else [thing]


def table_of(column: Thing) -> Thing:
    return Thing("table", column.database, column.schema, column.name)


def schema_of(thing: Thing) -> Thing:
    return Thing("schema", thing.database, thing.schema)


def gives(power: str, privilege: str, thing: Thing) -> bool:
    """Whether a role of the server's own may do this; on the whole server: to every table."""
    if thing == WHOLE_SERVER:
        return privilege in words_of_power(power)
    is_out = is_masked(privilege, table_of(thing)) and thing.scope in ("table", "column")
    return not is_out and privilege in POWERS[power].get(thing.scope, ())


def is_masked(privilege: str, thing: Thing) -> bool:
    """Whether only superusers may do this, whatever was granted on ``thing`` itself."""
    is_catalog = thing.schema == "pg_catalog" and thing.name in CATALOGS
    return is_catalog and thing.scope == "table" and privilege in MASKED


def words_of_power(power: str) -> Sequence[str]:
    """What a power gives on tables, which says best what it is."""
    return POWERS[power]["table"] if power else ()
