"""REVOKE and GRANT of PostgreSQL 12 to 18, for a superuser to run.

Whoever grants on an object as a superuser does so as its owner, so other grantors' rights are
taken away after ``SET ROLE``. Nothing is revoked with CASCADE: what hangs on a right goes first, by
a statement of its own, and the server refuses where something else came to hang on it.

Source: https://www.postgresql.org/docs/current/sql-revoke.html
Source: https://www.postgresql.org/docs/current/sql-grant.html
"""

import re
from collections.abc import Collection, Iterator, Sequence

from instances.engines.effective import Effective, Link, Right, Thing, Way
from instances.engines.postgresql.effective import (
    MEMBERSHIP_OPTIONS_SINCE,
    SUPERUSER,
    PostgreSQLEffective,
    major,
    schema_of,
    table_of,
)
from instances.engines.postgresql.names import quoted
from instances.engines.statements import Attribute, Edge, Statement, Statements

BOOTSTRAP = "10"
"""The oid of the superuser that initdb makes, who never ceases to be one."""

ANYWHERE = {"database", "tablespace", "parameter"}
KEYWORDS = {
    "table": "TABLE",
    "column": "TABLE",
    "sequence": "SEQUENCE",
    "routine": "ROUTINE",
    "type": "TYPE",
    "schema": "SCHEMA",
    "database": "DATABASE",
    "language": "LANGUAGE",
    "tablespace": "TABLESPACE",
    "foreign_data_wrapper": "FOREIGN DATA WRAPPER",
    "foreign_server": "FOREIGN SERVER",
    "large_object": "LARGE OBJECT",
    "parameter": "PARAMETER",
}
ORDERED_BY = re.compile(r' ?\bORDER BY (?=(?:[^"]*"[^"]*")*[^"]*$)')
"""What an aggregate's arguments are ordered by; not within a quoted name."""

OPTIONS = (("ADMIN", "admin_option"), ("INHERIT", "inherits"), ("SET", "can_set"))


class PostgreSQLStatements(Statements):
    """Needs all grants of the things, schemas and roles concerned, not only the account's."""

    @property
    def has_options(self) -> bool:
        return major(self.world.version) >= MEMBERSHIP_OPTIONS_SINCE

    def attribute(self, holder: int, way: Way) -> Attribute | None:
        return Attribute(holder, SUPERUSER) if way.power == SUPERUSER else None

    # --- what holds an edge, and what hangs on it -------------------------------------------

    def fixed(self, edge: Edge) -> str:
        if isinstance(edge, Attribute):
            is_first = self.native_ids.get(edge.holder) == BOOTSTRAP
            return f"{self.name(edge.holder)} is the superuser of initdb." if is_first else ""
        return self.fixed_right(edge) if isinstance(edge, Right) else ""

    def fixed_right(self, right: Right) -> str:
        what = f"{right.privilege} for {self.name(right.holder)}"
        if right.is_owner:
            return (
                f"{self.name(right.holder)} owns {on(right.thing)}, which nothing revokes: "
                "it takes ALTER … OWNER TO, or REASSIGN OWNED."
            )
        if right.grantor is None or right.grantor not in self.world.principals:
            return f"The role that granted {what} is gone, so nobody can revoke it in its name."
        is_superuser = self.world.principals[right.grantor].is_superuser
        if is_superuser and right.grantor not in self.owners(right.thing):
            grantor = self.name(right.grantor)
            return f"{grantor}, who granted {what}, is a superuser now and revokes as the owner."
        return ""

    def owners(self, thing: Thing) -> set[int]:
        if thing.scope == "parameter":
            return {key for key, one in self.native_ids.items() if one == BOOTSTRAP}
        place = table_of(thing) if thing.scope == "column" else thing
        return {right.holder for right in self.world.rights_on[place] if right.is_owner}

    def falls(self, removed: Collection[Edge]) -> set[Edge]:
        found: set[Edge] = set()
        for edge in removed:
            if isinstance(edge, Right):
                found.update(self.granted_by(edge, removed), self.columns(edge))
            elif isinstance(edge, Link) and self.has_options:
                found.update(self.admitted_by(edge, removed))
        return found

    def granted_by(self, right: Right, removed: Collection[Edge]) -> Iterator[Right]:
        """Rights whose grantor has no grant option any more; an owner never loses it."""
        if not right.grantable or right.holder in self.owners(right.thing):
            return
        alike = [
            one for one in self.world.rights_on[right.thing] if one.privilege == right.privilege
        ]
        if not any(
            one.holder == right.holder and one.grantable and one not in removed for one in alike
        ):
            yield from (one for one in alike if one.grantor == right.holder)

    def columns(self, right: Right) -> Iterator[Right]:
        """Revoking on a table revokes on its columns as well, what the same role granted."""
        if right.thing.scope == "table":
            for one in self.world.rights_of[right.holder]:
                is_same = (one.privilege, one.grantor) == (right.privilege, right.grantor)
                if is_same and one.thing.scope == "column" and table_of(one.thing) == right.thing:
                    yield one

    def admitted_by(self, link: Link, removed: Collection[Edge]) -> Iterator[Link]:
        """Memberships given by who may not give that role any more."""
        if not link.admin_option or self.native_ids.get(link.member) == BOOTSTRAP:
            return
        still = (
            one.role == link.role and one.admin_option and one not in removed
            for one in self.world.links_of[link.member]
        )
        if not any(still):
            for one in self.world.links:
                if (one.role, one.grantor) == (link.role, link.member):
                    yield one

    def in_order(self, edges: Collection[Edge]) -> Sequence[Edge]:
        """What hangs on others goes before them."""
        # An attribute goes last and comes back first: with it, its holder granted as the owner.
        depth: dict[Edge, int] = {one: 0 for one in edges if isinstance(one, Attribute)}
        waiting = sorted(set(edges) - depth.keys(), key=sort_key)
        while waiting:
            below = {
                one: [on for on in waiting if on != one and hangs_on(one, on)] for one in waiting
            }
            ready = [one for one in waiting if not below[one]]
            if not ready:  # a circle of grantors, which somebody outside it holds up
                held = (
                    one for one in waiting if all(self.keeps_option(on, edges) for on in below[one])
                )
                ready = [next(held, waiting[0])]
            depth |= dict.fromkeys(ready, 1 + max(depth.values(), default=0))
            waiting = [one for one in waiting if one not in depth]
        return sorted(edges, key=lambda one: (-depth[one], type(one).__name__, sort_key(one)))

    def keeps_option(self, edge: Edge, removed: Collection[Edge]) -> bool:
        """Whether its holder has the option to grant apart from ``edge`` and any circle."""
        if not isinstance(edge, Right):
            return False
        owners = self.owners(edge.thing)
        return edge.holder in owners or any(
            one.grantable and (one not in removed or one.grantor in owners)
            for one in self.world.rights_on[edge.thing]
            if (one.holder, one.privilege) == (edge.holder, edge.privilege) and one != edge
        )

    # --- texts ------------------------------------------------------------------------------

    def take(self, edge: Edge) -> Statement:
        if isinstance(edge, Attribute):
            return Statement("", f"ALTER ROLE {self.quoted(edge.holder)} NOSUPERUSER;")
        if isinstance(edge, Link):
            by = f" GRANTED BY {self.quoted(edge.grantor)}" if self.names_grantor(edge) else ""
            return Statement(
                "", f"REVOKE {self.quoted(edge.role)} FROM {self.quoted(edge.member)}{by};"
            )
        return self.as_grantor(edge, f"REVOKE {given(edge)} FROM {self.quoted(edge.holder)};")

    def give(self, edge: Edge) -> Statement:
        if isinstance(edge, Attribute):
            return Statement("", f"ALTER ROLE {self.quoted(edge.holder)} SUPERUSER;")
        if isinstance(edge, Link):
            return Statement("", self.membership(edge))
        option = " WITH GRANT OPTION" if edge.grantable else ""
        return self.as_grantor(edge, f"GRANT {given(edge)} TO {self.quoted(edge.holder)}{option};")

    def names_grantor(self, link: Link) -> bool:
        """Before 16 a membership has one grantor, who need not be named to take it away."""
        return self.has_options and link.grantor in self.world.principals

    def membership(self, link: Link) -> str:
        if self.has_options:
            options = ", ".join(
                f"{word} {str(getattr(link, name)).upper()}" for word, name in OPTIONS
            )
            options = f" WITH {options}"
        else:
            options = " WITH ADMIN OPTION" if link.admin_option else ""
        known = link.grantor in self.world.principals
        by = f" GRANTED BY {self.quoted(link.grantor)}" if known else ""
        return f"GRANT {self.quoted(link.role)} TO {self.quoted(link.member)}{options}{by};"

    def as_grantor(self, right: Right, sql: str) -> Statement:
        database = "" if right.thing.scope in ANYWHERE else right.thing.database
        if right.grantor is None or right.grantor in self.owners(right.thing):
            return Statement(database, sql)
        role = self.quoted(right.grantor)
        lines = [f"SET ROLE {role};", sql, "RESET ROLE;"]
        if self.is_shut_out(right.grantor, right.thing):
            schema = quoted(right.thing.schema)
            lines.insert(0, f"GRANT USAGE ON SCHEMA {schema} TO {role};")
            lines.append(f"REVOKE USAGE ON SCHEMA {schema} FROM {role};")
        return Statement(database, "\n".join(lines))

    def is_shut_out(self, role: int, thing: Thing) -> bool:
        """Whether ``role`` can't even name ``thing``, whose schema it may not use."""
        if not thing.schema or thing.scope == "schema":
            return False
        return not any(PostgreSQLEffective(self.world).ways(role, "USAGE", schema_of(thing)))

    def comes_back(
        self, effective: Effective, account: int, privilege: str, thing: Thing, *, set_role: bool
    ) -> str:
        world = effective.world
        routes = set(PostgreSQLEffective(world).inherited(account, thing.database))
        if set_role:
            routes |= set(world.routes(account, "can_set"))
        for owner in sorted(self.owners(thing) & routes):
            return (
                f"{self.name(owner)} owns {on(thing)} and can grant itself {privilege} again: "
                "only ALTER … OWNER TO, or REASSIGN OWNED, ends that."
            )
        for link in world.links:
            gives = link.admin_option and link.member in routes
            if gives and any(effective.ways(link.role, privilege, thing)):
                return (
                    f"{self.name(link.member)} has the ADMIN OPTION of {self.name(link.role)} and "
                    f"can grant it that role again, which may {privilege}."
                )
        return ""

    def name(self, key: int) -> str:
        return self.world.principals[key].name

    def quoted(self, key: int | None) -> str:
        if key is None or key == self.world.everybody:
            return "PUBLIC"
        return quoted(self.name(key))


def hangs_on(edge: Edge, other: Edge) -> bool:
    """Whether ``other`` can only go after ``edge``."""
    if isinstance(edge, Right) and isinstance(other, Right):
        is_same = edge.privilege == other.privilege
        of_table = edge.thing.scope == "column" and table_of(edge.thing) == other.thing
        gave = edge.thing == other.thing and other.grantable and edge.grantor == other.holder
        alike = (edge.holder, edge.grantor) == (other.holder, other.grantor)
        return is_same and (gave or (of_table and alike))
    if isinstance(edge, Link) and isinstance(other, Link):
        return other.admin_option and (edge.role, edge.grantor) == (other.role, other.member)
    return False


def sort_key(edge: Edge) -> int:
    return edge.holder if isinstance(edge, Attribute) else edge.key


def given(right: Right) -> str:
    thing = right.thing
    columns = f" ({quoted(thing.column)})" if thing.column else ""
    return f"{right.privilege}{columns} ON {on(thing)}"


def on(thing: Thing) -> str:
    return f"{KEYWORDS[thing.scope]} {named(thing)}"


def named(thing: Thing) -> str:
    if thing.scope == "routine":
        name, arguments = signature(thing.name)
        return f"{quoted(thing.schema)}.{quoted(name)}({arguments})"
    if thing.scope == "large_object":
        return thing.name
    if thing.scope == "parameter":
        return ".".join(map(quoted, thing.name.split(".")))
    if thing.scope == "database":
        return quoted(thing.database)
    return ".".join(quoted(part) for part in (thing.schema, thing.name) if part)


def signature(routine: str) -> tuple[str, str]:
    """A routine's name, which is not quoted, and its arguments, which are.

    The arguments begin behind the last parenthesis with no half of a quoted name after it. Those
    of an aggregate that are ordered by follow the others; VARIADIC ones stand for both.
    """
    at = routine.rindex("(")
    while routine.count('"', at) % 2:
        at = routine.rindex("(", 0, at)
    direct, *ordered = ORDERED_BY.split(routine[at + 1 : -1], maxsplit=1)
    if direct.startswith("VARIADIC "):
        ordered = []
    return routine[:at], ", ".join(filter(None, [direct, *ordered]))
