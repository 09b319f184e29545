"""REVOKE and GRANT of MySQL and MariaDB, for somebody who may grant anything.

These servers keep no grantor, so there is one edge for each privilege. What was tried on MySQL
9.7.4 and MariaDB 10.11.19:

* The last privilege of a row leaves its GRANT OPTION behind, which is a row still.
* A REVOKE on a table takes the same privilege on its columns along.
* A REVOKE ON *.* takes the holes in that privilege along (partial revokes), and the GRANT that
  restores it does not bring them back.
* A REVOKE of a role ends its being a default role on MySQL; MariaDB remembers the name.

Source: https://dev.mysql.com/doc/refman/8.4/en/revoke.html
Source: https://mariadb.com/kb/en/revoke/
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

from instances.engines.effective import WHOLE_SERVER, Effective, Link, Right, Thing, Way, World
from instances.engines.mysql.deciding import kind_of
from instances.engines.mysql.flavours import parse_version
from instances.engines.mysql.mysql import named_roles
from instances.engines.mysql.names import identifier, quoted_grantee
from instances.engines.mysql.powers import FLUSH, superuser_reasons
from instances.engines.mysql.words import GRANT_OPTION, STATIC_WORDS
from instances.engines.statements import Attribute, Edge, Statement, Statements, without

SYSTEM_USER_SINCE = (8, 0, 16)
MIGHTY = ("SUPER", "CREATE USER", "UPDATE", "SYSTEM_USER", *FLUSH)
"""Global privileges that ``superuser_reasons`` asks for."""


class MySQLStatements(Statements):
    """Both flavours."""

    @cached_property
    def is_mariadb(self) -> bool:
        return "mariadb" in self.world.version.lower()

    @cached_property
    def mandatory(self) -> Collection[str]:
        return set(named_roles(self.world.settings.get("mandatory_roles", "")))

    def attribute(self, holder: int, way: Way) -> Attribute | None:
        return Attribute(holder, way.power) if way.power else None

    # --- what can't be taken ----------------------------------------------------------------

    def fixed(self, edge: Edge) -> str:
        if isinstance(edge, Attribute):
            return f"Everybody may read {edge.word}; the server asks for no grant."
        if isinstance(edge, Link):
            return self.fixed_link(edge)
        return self.fixed_right(edge)

    def fixed_link(self, link: Link) -> str:
        if self.name(link.role) in self.mandatory:
            return (
                f"{self.name(link.role)} is a mandatory role, which everybody has as long as it "
                "stands in the variable mandatory_roles."
            )
        return self.missing(link.member) or self.missing(link.role)

    def fixed_right(self, right: Right) -> str:
        if right.privilege.startswith("UNKNOWN BIT"):
            return f"No statement has a word for {right.privilege} of {self.name(right.holder)}."
        return self.missing(right.holder)

    def missing(self, key: int) -> str:
        if not self.world.principals[key].attributes.get("is_missing"):
            return ""
        return (
            f"{self.name(key)} is no account, and yet the grant tables have rows about it, which "
            "REVOKE does not find: it takes DROP USER, or DELETE and FLUSH PRIVILEGES."
        )

    # --- what else a statement does ---------------------------------------------------------

    def falls(self, removed: Collection[Edge]) -> set[Edge]:
        return {
            one
            for edge in rights_in(removed)
            if edge.thing.scope == "table"
            for one in self.world.rights_of[edge.holder]
            if one.thing.scope == "column"
            and one.privilege == edge.privilege
            and row_of(one) == edge.thing
        }

    def without(self, world: World, edges: Collection[Edge]) -> World:
        after = without(world, edges)
        gone = {
            (one.holder, one.privilege) for one in rights_in(edges) if one.thing == WHOLE_SERVER
        }
        rights = [
            one
            for one in after.rights
            if not (one.is_denied and (one.holder, one.privilege) in gone)
        ]
        return replace(after, rights=[*rights, *emptied(after, edges)])

    def in_order(self, edges: Collection[Edge]) -> Sequence[Edge]:
        """Columns go before their table, and come back after it."""
        return sorted(edges, key=order)

    # --- texts ------------------------------------------------------------------------------

    def take(self, edge: Edge) -> Statement:
        if isinstance(edge, Link):
            member = self.quoted(edge.member)
            sql = f"REVOKE {self.quoted(edge.role)} FROM {member};"
            if edge.is_default and self.is_mariadb:
                sql = f"{sql}\nSET DEFAULT ROLE NONE FOR {member};"
            return Statement("", sql)
        assert isinstance(edge, Right)  # an attribute is always fixed
        return Statement("", f"REVOKE {self.given(edge)} FROM {self.quoted(edge.holder)};")

    def give(self, edge: Edge) -> Statement:
        """A default role is one again only by ``undo``, which knows the others that are back."""
        if isinstance(edge, Link):
            option = " WITH ADMIN OPTION" if edge.admin_option else ""
            return Statement(
                "", f"GRANT {self.quoted(edge.role)} TO {self.quoted(edge.member)}{option};"
            )
        assert isinstance(edge, Right)  # an attribute is always fixed
        # Elsewhere the option stands beside the privileges, and nobody took it away.
        option = " WITH GRANT OPTION" if edge.grantable and has_own_option(edge) else ""
        sql = f"GRANT {self.given(edge)} TO {self.quoted(edge.holder)}{option};"
        return Statement("", "\n".join([sql, *self.holes(edge)]))

    def undo(self, edges: Sequence[Edge]) -> Sequence[Statement]:
        members = dict.fromkeys(
            one.member for one in reversed(edges) if isinstance(one, Link) and one.is_default
        )
        return [*super().undo(edges), *filter(None, map(self.defaults, members))]

    def defaults(self, member: int) -> Statement | None:
        """Nothing where the server activates all roles anyway, and so does not tell the default."""
        if self.world.settings.get("activate_all_roles_on_login", "").upper() in ("ON", "1"):
            return None
        roles = [self.quoted(one.role) for one in self.world.links_of[member] if one.is_default]
        word = "FOR" if self.is_mariadb else "TO"
        sql = f"SET DEFAULT ROLE {', '.join(roles)} {word} {self.quoted(member)};"
        return Statement("", sql)

    def holes(self, right: Right) -> Iterator[str]:
        for one in self.world.rights_of[right.holder] if right.thing == WHOLE_SERVER else ():
            if one.is_denied and one.privilege == right.privilege:
                yield f"REVOKE {self.given(one)} FROM {self.quoted(one.holder)};"

    def given(self, right: Right) -> str:
        thing = right.thing
        columns = f" ({identifier(thing.column)})" if thing.column else ""
        return f"{right.privilege}{columns} ON {self.on(thing)}"

    def on(self, thing: Thing) -> str:
        if thing == WHOLE_SERVER:
            return "*.*"
        if thing.scope == "proxy":
            return quoted_grantee(thing.name, is_mariadb=self.is_mariadb)
        if thing.scope == "database":
            return f"{identifier(thing.database)}.*"
        kind = kind_of(thing.name) if thing.scope == "routine" else ""
        name = thing.name[len(kind) + 1 :] if kind else thing.name
        return f"{kind} {identifier(thing.database)}.{identifier(name)}".lstrip()

    # --- afterwards -------------------------------------------------------------------------

    def comes_back(
        self, effective: Effective, account: int, privilege: str, thing: Thing, *, set_role: bool
    ) -> str:
        world, name = effective.world, self.name(account)
        mighty = self.mighty(effective, account)
        if mighty:
            return f"{name} has {', '.join(mighty)} and can give itself {privilege} again."
        members = set(world.routes(account, "inherits"))
        if set_role:
            members |= set(world.routes(account, "can_set"))
        gives = {
            link.role: link for link in world.links if link.member in members and link.admin_option
        }
        everywhere = any(effective.ways(account, "ROLE_ADMIN", WHOLE_SERVER))
        for role in dict.fromkeys(link.role for link in world.links) if everywhere else gives:
            if any(effective.ways(role, privilege, thing)):
                who = name if everywhere else self.name(gives[role].member)
                by = "ROLE_ADMIN" if everywhere else f"the ADMIN OPTION of {self.name(role)}"
                return (
                    f"{who} has {by} and can grant it the role {self.name(role)}, which may "
                    f"{privilege}."
                )
        return ""

    def mighty(self, effective: Effective, account: int) -> Sequence[str]:
        """With which privileges the account can do everything."""
        held = {word for word in MIGHTY if any(effective.ways(account, word, WHOLE_SERVER))}
        return superuser_reasons(
            held,
            writes_mysql=any(effective.ways(account, "UPDATE", Thing("database", "mysql"))),
            has_system_user=not self.is_mariadb
            and parse_version(self.world.version) >= SYSTEM_USER_SINCE,
        )

    def name(self, key: int) -> str:
        return self.world.principals[key].name

    def quoted(self, key: int) -> str:
        return quoted_grantee(self.name(key), is_mariadb=self.is_mariadb)


def rights_in(edges: Collection[Edge]) -> Iterator[Right]:
    return (one for one in edges if isinstance(one, Right))


def has_own_option(right: Right) -> bool:
    """Whether the option to grant is the privilege's own, and not its row's."""
    is_dynamic = right.thing == WHOLE_SERVER and right.privilege not in STATIC_WORDS
    return is_dynamic or right.thing.scope == "proxy"


def row_of(right: Right) -> Thing:
    """What the row that has the option is about: that of columns stands in their table's."""
    thing = right.thing
    return replace(thing, scope="table", column="") if thing.scope == "column" else thing


def emptied(after: World, removed: Collection[Edge]) -> Iterator[Right]:
    """The GRANT OPTION of rows that have no privilege any more."""
    found: dict[tuple[int, Thing], Right] = {}
    for one in rights_in(removed):
        if one.grantable and not has_own_option(one):
            row = row_of(one)
            found[one.holder, row] = replace(one, privilege=GRANT_OPTION, thing=row)
    for (holder, row), right in found.items():
        others = (one for one in after.rights_of[holder] if row_of(one) == row)
        if all(one.is_denied or has_own_option(one) for one in others):
            yield right


def order(edge: Edge) -> tuple[bool, str, int]:
    if isinstance(edge, Attribute):
        return False, "", edge.holder
    is_table = isinstance(edge, Right) and edge.thing.scope == "table"
    return is_table, type(edge).__name__, edge.key
