"""What the accounts of MySQL and MariaDB may do when they connect, from the mirrored rows.

The servers do not add rows up: of several that fit, one decides. Rows fit by the client's host and
the user's name, so that ``ada@localhost`` also has those of ``ada@%``.

* MySQL without an active role: the most specific database row, table row and routine row decide,
  those of the anonymous user (database rows only) among them.
* MySQL with an active role, even an empty one: rows of exactly this account and of its active
  roles add up; of the patterns of databases only one counts, whoever was granted it.
* MariaDB: the account, its default role and PUBLIC each have one deciding row, and add up.

Source: sql/auth/sql_auth_cache.cc and sql_security_ctx.cc of MySQL, sql/sql_acl.cc of MariaDB;
every rule was tried on MySQL 9.7.4 and MariaDB 10.11.19.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import ClassVar

from instances.engines.effective import (
    WHOLE_SERVER,
    Effective,
    Link,
    Principal,
    Right,
    Thing,
    Way,
    World,
    families,
    grouped,
)
from instances.engines.mysql.deciding import Rows, kind_of
from instances.engines.mysql.flavours import parse_version
from instances.engines.mysql.hosts import Hosts
from instances.engines.mysql.opening import Databases
from instances.engines.mysql.patterns import fits, samples
from instances.engines.mysql.people import People, Session
from instances.engines.mysql.rows import CLIENT_HOST
from instances.engines.mysql.scopes import WIDER, any_words, words_of_scope
from instances.engines.mysql.words import GRANT_OPTION, STATIC_WORDS

PREFIXES_SINCE = (8, 0, 23)
NO_SUCH_ACCOUNT = "NO SUCH ACCOUNT"
"""Rows are about an account that does not exist: its, once somebody makes it."""

SET_ROLE_NONE = "SET ROLE NONE"
"""Open to the account when it gives up its active roles, which MySQL's rows may hang on."""

INFORMATION_SCHEMA = "INFORMATION_SCHEMA"
"""Everybody may read there, and sees what concerns him; nobody may do anything else."""

ANYBODY = ("@%", "@")
"""How the right to act for every account is spelt."""


class MySQLEffective(Effective):
    """Both flavours. ``clients`` are the names and addresses of one client, when it is known.

    Without them the answer is for any client that the account's own host lets in: what hangs on
    which one it is has the condition ``CLIENT HOST``, and ``AMBIGUOUS`` what no client can rely on.
    """

    powers_pass_on: ClassVar[bool] = True
    holds_inside: ClassVar[bool] = True

    def __init__(self, world: World, clients: Collection[str] = ()) -> None:
        super().__init__(world)
        version, is_mariadb = parse_version(world.version), "mariadb" in world.version.lower()
        hosts = Hosts(is_mariadb, not is_mariadb and version >= PREFIXES_SINCE)
        self.people = People(world, hosts, clients)
        self.rows = Rows(world, self.people, hosts)
        self.databases = Databases(world, self.people, self.rows)

    @classmethod
    def privileges(cls, scope: str, version: str) -> Sequence[str]:
        is_mariadb = "mariadb" in version.lower()
        return words_of_scope(scope, is_mariadb=is_mariadb, version=parse_version(version))

    @classmethod
    def sources(cls, privilege: str, thing: Thing) -> Sequence[tuple[str, Thing]]:
        """Rows of other privileges are among them: a row decides by being there."""
        if thing.scope == "proxy":
            return [(privilege, replace(thing, name=name)) for name in (thing.name, *ANYBODY)]
        found = [(privilege, thing)]
        while thing.scope in WIDER:
            if thing.scope in ("database", "table", "routine"):
                found += [(word, thing) for word in any_words(thing.scope) if word != privilege]
            thing = wider(thing)
            found.append((privilege, thing))
        if thing == WHOLE_SERVER:
            found.append((GRANT_OPTION, thing))
        return found

    @classmethod
    def things(cls, parts: Sequence[str]) -> Sequence[Thing]:
        """A routine by its bare name, whatever its kind, or as ``PROCEDURE name``."""
        if not parts:
            return (WHOLE_SERVER,)
        database, *inside = parts
        if not inside:
            return (Thing("database", database), Thing("proxy", name=database))
        if len(inside) == 1:
            routine = Thing("routine", database, "", inside[0])
            is_routine = kind_of(inside[0]) != ""
            return (routine,) if is_routine else (Thing("table", database, "", inside[0]), routine)
        if len(inside) == 2:
            return (Thing("column", database, "", *inside),)
        return ()

    @classmethod
    def means(cls, asked: Thing, thing: Thing) -> bool:
        if asked.scope == thing.scope == "routine" and not kind_of(asked.name):
            thing = replace(thing, name=thing.name.removeprefix(f"{kind_of(thing.name)} "))
        return asked == thing

    @classmethod
    def kin(cls, principal: Principal) -> str | None:
        """The user without the host; a role of MariaDB is kin of the users of its name."""
        if principal.kind == "public":
            return ""
        user, separator, _ = principal.name.rpartition("@")
        return user if separator else principal.name

    @classmethod
    def powers(cls) -> Collection[str]:
        return ()

    def ways(self, account: int, privilege: str, thing: Thing) -> Iterator[Way]:
        for way in self.ways_in(self.people.session(account), privilege, thing):
            missing = self.people.is_missing(account)
            yield replace(way, condition=NO_SUCH_ACCOUNT) if missing else way

    def ways_in(self, session: Session, privilege: str, thing: Thing) -> Iterator[Way]:
        """The ways while exactly the roles of ``session`` are active."""
        found = self.by_proxy if thing.scope == "proxy" else self.granted
        for way in found(session, privilege, thing):
            yield replace(way, condition=way.condition or session.condition)

    def granted(self, session: Session, privilege: str, thing: Thing) -> Iterator[Way]:
        """``found``, with whether it may be passed on, which another row may decide."""
        found = list(self.usable(session, privilege, thing))
        if not found:
            return
        if privilege not in STATIC_WORDS:
            for way in found:
                yield replace(way, grantable=way.right is not None and way.right.grantable)
            return
        options = {way.condition for way in self.found(session, GRANT_OPTION, thing)}
        for way in found:
            yield replace(way, grantable="" in options)
            if options and "" not in options:
                yield replace(way, grantable=True, condition=way.condition or min(options))

    def usable(self, session: Session, privilege: str, thing: Thing) -> Iterator[Way]:
        """Those of ``found`` with which the privilege can be used."""
        found = list(self.found(session, privilege, thing))
        if found and privilege == "EXECUTE" and thing.scope == "routine":
            condition = self.databases.condition(session, thing.database)
            if condition is None:
                return
            found = [replace(way, condition=way.condition or condition) for way in found]
        yield from found

    def found(self, session: Session, privilege: str, thing: Thing) -> Iterator[Way]:
        if thing.database.lower() == INFORMATION_SCHEMA.lower():
            if privilege == "SELECT":
                yield Way(power=INFORMATION_SCHEMA)
            return
        yield from self.rows.globally(session, privilege, thing.database)
        if thing.scope in ("database", "table", "column", "routine"):
            yield from self.rows.in_database(session, privilege, thing.database)
        if thing.scope in ("table", "column", "routine"):
            yield from self.rows.on_thing(session, privilege, thing)

    def by_proxy(self, session: Session, privilege: str, thing: Thing) -> Iterator[Way]:
        """The rows of the account's user and of the anonymous one; roles have none."""
        own_user, _ = self.people.names[session.account]
        for word, place in self.sources(privilege, thing):
            for right in self.world.rights_on[place]:
                user, host = self.people.names[right.holder]
                fit = self.people.is_for(right.holder, session.account, thing.scope)
                is_ours = right.privilege == word and user in (own_user, "") and host is not None
                if is_ours and fit is not False:
                    condition = "" if fit else CLIENT_HOST
                    yield Way(right=right, grantable=right.grantable, condition=condition)

    def ways_by_set_role(self, account: int, privilege: str, thing: Thing) -> Iterator[Way]:
        """By each role that is granted but not active, and by none.

        Taking one may open what the account's own row gives; then that stands behind the role.
        """
        for role, session in self.others(account):
            for way in self.ways_in(session, privilege, thing):
                yield self.taken(role, way)

    def others(self, account: int) -> Iterator[tuple[int | None, Session]]:
        """The sessions that an account can make of the one after login, each by the role taken."""
        for role in self.people.settable(account):
            yield role, self.people.with_roles(account, [role])
        if self.people.session(account).has_roles and not self.people.is_passive(account):
            yield None, self.people.with_roles(account, [])

    @staticmethod
    def taken(role: int | None, way: Way) -> Way:
        if role is None:
            return replace(way, condition=way.condition or SET_ROLE_NONE)
        route = way.route if way.route[:1] == (role,) else (role, *way.route)
        return replace(way, route=route, set_role=1)

    def possible(self, privilege: str, thing: Thing) -> Collection[int]:
        """Holders of rights that may decide, and who has one of them as a role, or his rows."""
        if thing.database.lower() == INFORMATION_SCHEMA.lower():
            return self.world.principals
        waiting = {one.holder for one in self.world.rights if self.may_give(one, privilege, thing)}
        found: set[int] = set()
        while waiting:
            words = {self.kin(self.world.principals[one]) for one in waiting}
            if "" in words:
                return self.world.principals
            found |= waiting
            near = {link.member for one in waiting for link in self.members[one]}
            near = near.union(*(self.families.get(word, ()) for word in words))
            waiting = (near & self.world.principals.keys()) - found
        return found

    def places(self, changed: Iterable[Thing]) -> Mapping[Thing, Thing]:
        """Databases: another row decides on one when that of a nearer pattern comes or goes."""
        found: dict[Thing, Thing] = {}
        for thing in changed:
            if thing.scope == "database":
                made_up = samples(thing.database)
                for place in self.rows.examples(thing):
                    found[place] = thing if place.database in made_up else place
        return found

    @cached_property
    def members(self) -> Mapping[int, Sequence[Link]]:
        return grouped(self.world.links, lambda link: link.role)

    @cached_property
    def families(self) -> Mapping[str | None, Collection[int]]:
        return families(type(self), self.world.principals)

    def may_give(self, right: Right, privilege: str, thing: Thing) -> bool:
        """Whether the privilege on ``thing`` may come from ``right``."""
        place = right.thing
        if right.privilege != privilege and not (privilege == GRANT_OPTION and right.grantable):
            return False
        if place == WHOLE_SERVER or "proxy" in (place.scope, thing.scope):
            return True
        if place.scope == "database":
            return self.covers(place.database, thing.database)
        return place.database.lower() == thing.database.lower()

    @classmethod
    def covers(cls, named: str, database: str) -> bool:
        """As a pattern or literally, which depends on the server's settings, as does the case."""
        names = named.lower(), database.lower()
        return names[0] == names[1] or fits(*names)

    def reaches(self, account: int, thing: Thing) -> bool | None:
        """Nothing but the privilege itself stands between, as far as its rows were read.

        A row that we may not read may decide against one that we know.
        """
        return None if self.world.blind and thing != WHOLE_SERVER else True

    def everything(self, account: int) -> Iterator[tuple[str, Thing, Way]]:
        """A pattern of databases stands for what is held in those that no other row fits.

        A hole in a global right is told as a right that is denied, unless something fills it.
        """
        for privilege, thing, way in self.all_in(self.people.session(account)):
            missing = self.people.is_missing(account)
            yield privilege, thing, replace(way, condition=NO_SUCH_ACCOUNT) if missing else way

    def everything_by_set_role(self, account: int) -> Iterator[tuple[int, str, Thing, Way]]:
        for role, session in self.others(account):
            for privilege, thing, way in self.all_in(session):
                yield account, privilege, thing, self.taken(role, way)

    def all_in(self, session: Session) -> Iterator[tuple[str, Thing, Way]]:
        for right in self.near(session):
            if right.is_denied:
                yield from self.hole(session, right)
                continue
            ways = (
                way
                for place in self.rows.examples(right.thing)
                for way in self.ways_in(session, right.privilege, place)
                if way.right == right
            )
            for way in dict.fromkeys(ways):
                yield right.privilege, right.thing, way

    def near(self, session: Session) -> Iterator[Right]:
        """The rights that may be for ``session``."""
        holders = {**session.routes, **self.people.routes_of_everybody}
        users = {self.people.names[key][0] for key in holders} | {""}
        for key, (user, _) in self.people.names.items():
            if key in holders or user in users:
                yield from self.world.rights_of[key]

    def hole(self, session: Session, right: Right) -> Iterator[tuple[str, Thing, Way]]:
        routes = session.routes.get(right.holder, ())
        if routes and not any(self.ways_in(session, right.privilege, right.thing)):
            yield from ((right.privilege, right.thing, Way(route, right)) for route in routes)


def wider(thing: Thing) -> Thing:
    scope = WIDER[thing.scope]
    if scope == "server":
        return WHOLE_SERVER
    if scope == "database":
        return Thing(scope, thing.database)
    return replace(thing, scope=scope, column="")
