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
from dataclasses import dataclass, replace
from functools import cache

from instances.engines.effective import (
    WHOLE_SERVER,
    Effective,
    Right,
    Route,
    Thing,
    Way,
    World,
    grouped,
)
from instances.engines.mysql.flavours import parse_version
from instances.engines.mysql.hosts import ADDRESS, Hosts
from instances.engines.mysql.patterns import fits, plain, weight
from instances.engines.mysql.rows import Candidate, Decision, Row, decide, rows_of
from instances.engines.mysql.scopes import WIDER, any_words, words_of_scope
from instances.engines.mysql.words import GRANT_OPTION, STATIC_WORDS

PREFIXES_SINCE = (8, 0, 23)
SURE: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Session:
    """An account with the roles that are active: the routes to each, its own being ()."""

    account: int
    routes: Mapping[int, list[Route]]
    has_roles: bool


class MySQLEffective(Effective):
    """Both flavours. ``clients`` are the names and addresses of one client, when it is known.

    Without them the answer is for any client that the account's own host lets in: what hangs on
    which one it is has the condition ``CLIENT HOST``, and ``AMBIGUOUS`` what no client can rely on.
    """

    def __init__(self, world: World, clients: Collection[str] = ()) -> None:
        super().__init__(world)
        self.clients = clients
        self.version = parse_version(world.version)
        self.is_mariadb = "mariadb" in world.version.lower()
        self.hosts = Hosts(
            networks_first=not self.is_mariadb,
            knows_prefixes=not self.is_mariadb and self.version >= PREFIXES_SINCE,
        )
        self.is_literal = world.settings.get("partial_revokes", "").upper() in ("ON", "1")
        self.folds = world.settings.get("lower_case_table_names", "0") not in ("", "0")
        self.names = {key: self._user_and_host(key) for key in world.principals}
        given = [right for right in world.rights if not right.is_denied]
        self.database_rows = rows_of(one for one in given if one.thing.scope == "database")
        self.rights_on = grouped(given, lambda right: self._row_of(right.thing))
        self.holes = {
            (right.holder, self._fold(right.thing.database), right.privilege)
            for right in world.rights
            if right.is_denied
        }
        self.rows_for = cache(self._rows_for)
        self.fit = cache(self._applies)
        self.session = cache(self._session)

    @classmethod
    def privileges(cls, scope: str, version: str) -> Sequence[str]:
        is_mariadb = "mariadb" in version.lower()
        return words_of_scope(scope, is_mariadb=is_mariadb, version=parse_version(version))

    @classmethod
    def sources(cls, privilege: str, thing: Thing) -> Sequence[tuple[str, Thing]]:
        """Rows of other privileges are among them: a row decides by being there."""
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
    def powers(cls) -> Collection[str]:
        return ()

    # --- who ----------------------------------------------------------------------------------

    def _user_and_host(self, key: int) -> tuple[str, str | None]:
        """MariaDB's roles have no host, and no row of another account is for them."""
        name = self.world.principals[key].name
        if self.is_mariadb and self.world.principals[key].kind != "user":
            return name, None
        user, _, host = name.rpartition("@")
        return user, host

    def _is_passive(self, account: int) -> bool:
        """Whether it is a role that only those who have it use."""
        one = self.world.principals[account]
        return one.kind != "user" and not one.can_login

    def _session(self, account: int) -> Session:
        option = "inherits" if self._is_passive(account) else "is_default"
        roles = [one.role for one in self.world.links_of[account] if getattr(one, option)]
        return self._with_roles(account, roles)

    def _with_roles(self, account: int, roles: Iterable[int]) -> Session:
        routes: dict[int, list[Route]] = {account: [()]}
        for first in dict.fromkeys(roles):
            for role, found in self.world.routes(first, "inherits").items():
                if role != account:
                    routes.setdefault(role, []).extend((first, *route) for route in found)
        return Session(account, routes, len(routes) > 1 or self._is_passive(account))

    def _applies(self, holder: int, account: int, scope: str) -> bool | None:
        """Whether rows of ``holder`` are for ``account``, by host alone; None for some clients.

        Rows of routines are compared with the account's own host, not with the client's name.
        """
        (user, host), (own_user, own) = self.names[holder], self.names[account]
        if host is None or own is None:
            return holder == account or (user == "" and host in ("%", ""))
        is_name = scope == "routine" and not ADDRESS.fullmatch(host)
        if is_name or (self.clients and host in ("%", "")):
            return host in ("%", "") or fits(host.lower(), own.lower())
        if self.clients:
            return self.hosts.match(host, self.clients)
        is_account = not self.world.principals[holder].attributes.get("is_missing")
        narrower = user == own_user and is_account and holder != account
        if narrower and self._logs_in_as(holder, before=account):
            return False
        return self.hosts.applies(host, own)

    def _logs_in_as(self, holder: int, *, before: int) -> bool:
        """Whether a client that both fit is the narrower ``holder``, so never the other."""
        narrow, wide = self.names[holder][1] or "", self.names[before][1] or ""
        return self.hosts.rank(narrow) < self.hosts.rank(wide)

    # --- what ---------------------------------------------------------------------------------

    def _fold(self, name: str) -> str:
        return name.lower() if self.folds else name

    def _row_of(self, thing: Thing) -> Thing:
        """The thing that its grant table has a row for: columns stand in their table's."""
        name = thing.name.lower() if thing.scope == "routine" else thing.name
        scope = "table" if thing.scope == "column" else thing.scope
        return Thing(scope, self._fold(thing.database), "", self._fold(name))

    def _rows_for(self, database: str) -> Sequence[Row]:
        if self.is_literal:
            return [row for row in self.database_rows if self._fold(row.pattern) == database]
        return [row for row in self.database_rows if fits(self._fold(row.pattern), database)]

    # --- which row ----------------------------------------------------------------------------

    def _globally(self, session: Session, privilege: str, database: str) -> Iterator[Way]:
        everybody = self.world.everybody
        holders = dict(session.routes)
        if self.is_mariadb and everybody is not None:
            holders.update(self._public())
        for holder, routes in holders.items():
            if (holder, self._fold(database), privilege) in self.holes:
                continue
            row = Row(holder)
            for right in self.world.rights_of[holder]:
                if right.thing == WHOLE_SERVER:
                    row.rights[right.privilege, ""] = right
            static = [one for one in row.rights.values() if one.privilege in STATIC_WORDS]
            if privilege == GRANT_OPTION:
                row.rights = {(one.privilege, ""): one for one in static}
            found = row.right(privilege)
            if found:
                yield from (Way(route, found) for route in routes)

    def _public(self) -> dict[int, list[Route]]:
        everybody = self.world.everybody
        assert everybody is not None  # the caller looked
        return {
            key: [(everybody, *route) if route else () for route in found]
            if key != everybody
            else [()]
            for key, found in self.world.routes(everybody, "inherits").items()
        }

    def _in_database(self, session: Session, privilege: str, database: str) -> Iterator[Way]:
        rows = self.rows_for(self._fold(database))
        if self.is_mariadb:
            for holders in self._parties(session):
                yield from self._of_party(session, holders, rows, privilege)
        elif session.has_roles:
            yield from self._of_roles(session, self._first_pattern(session, rows), privilege)
        else:
            decision = self._most_specific(session.account, rows)
            yield from decision.ways(privilege)

    def _first_pattern(self, session: Session, rows: Sequence[Row]) -> Sequence[Row]:
        """Those of the name itself, else of the first pattern in the order of bytes."""
        own = [row for row in rows if row.holder in session.routes]
        order = sorted({row.pattern for row in own}, key=self._is_pattern)
        return [row for row in own if row.pattern == order[0]] if order else []

    def _is_pattern(self, name: str) -> tuple[bool, bytes]:
        has_wildcards = not self.is_literal and ("%" in name or "_" in name)
        return has_wildcards, name.encode()

    def _parties(self, session: Session) -> Iterator[dict[int, list[Route]]]:
        """MariaDB: the account, its active role and PUBLIC, each with the roles that it has."""
        if self._is_passive(session.account):
            yield dict(session.routes)
        else:
            yield {session.account: [()]}
            roles = {key: found for key, found in session.routes.items() if key != session.account}
            if roles:
                yield roles
        everybody = self.world.everybody
        if everybody is not None and everybody != session.account:
            yield self._public()

    def _of_party(
        self,
        session: Session,
        holders: Mapping[int, list[Route]],
        rows: Sequence[Row],
        privilege: str,
    ) -> Iterator[Way]:
        """One deciding row; the rows of a role and of its roles are one where patterns are equal.

        A role without a row has that of the anonymous user, if it is for every host.
        """
        if session.account in holders and self.names[session.account][1] is not None:
            yield from self._most_specific(session.account, rows).ways(privilege)
            return
        own = [row for row in rows if row.holder in holders]
        heaviest = max((weight(row.pattern) for row in own), default=0)
        first = [row for row in own if weight(row.pattern) == heaviest]
        patterns = {row.pattern for row in first}
        if not own:
            anonymous = [row for row in rows if self.names[row.holder] in (("", "%"), ("", ""))]
            ranked = [Candidate(row, self._rank(row), is_sure=True) for row in anonymous]
            yield from decide(ranked).ways(privilege)
        gives = {row.pattern for row in first if row.right(privilege)}
        for way in self._of_roles(
            Session(session.account, holders, has_roles=True), first, privilege
        ):
            yield way if gives == patterns else replace(way, condition="AMBIGUOUS")

    def _of_roles(
        self, session: Session, rows: Iterable[Row], privilege: str, column: str = ""
    ) -> Iterator[Way]:
        for row in rows:
            right = row.right(privilege, column)
            if right and row.holder in session.routes:
                yield from (Way(route, right) for route in session.routes[row.holder])

    def _most_specific(
        self, account: int, rows: Iterable[Row], *, scope: str = "database"
    ) -> Decision:
        user = self.names[account][0]
        with_anonymous = scope == "database"
        users = {user, ""} if with_anonymous else {user}
        rank = self._rank if with_anonymous else self._host_rank
        fitting = [
            (row, self.fit(row.holder, account, scope))
            for row in rows
            if self.names[row.holder][0] in users and self.names[row.holder][1] is not None
        ]
        return decide(
            Candidate(row, rank(row), is_sure=bool(fit)) for row, fit in fitting if fit is not False
        )

    def _rank(self, row: Row) -> tuple[int, ...]:
        user, host = self.names[row.holder]
        return (*self.hosts.rank(host or ""), -weight(row.pattern), -weight(user))

    def _host_rank(self, row: Row) -> tuple[int, ...]:
        return (-weight(self.names[row.holder][1] or ""),)

    def _on_thing(self, session: Session, privilege: str, thing: Thing) -> Iterator[Way]:
        """By a row of a table, with its columns, or of a routine."""
        column = thing.column.lower()
        rows = [
            merged(holder, rights)
            for holder, rights in grouped(
                self.rights_on[self._row_of(thing)], lambda right: right.holder
            ).items()
        ]
        if not self.is_mariadb and session.has_roles:
            yield from self._of_roles(session, rows, privilege, column)
            return
        if self.names[session.account][1] is not None:
            decision = self._most_specific(session.account, rows, scope=thing.scope)
            yield from decision.ways(privilege, column)
        if self.is_mariadb:
            for holders in self._parties(session):
                if self.names[next(iter(holders))][1] is None:
                    party = Session(session.account, holders, has_roles=True)
                    yield from self._of_roles(party, rows, privilege, column)

    def _by_proxy(self, session: Session, thing: Thing) -> Iterator[Way]:
        own_user, _ = self.names[session.account]
        for right in self.world.rights:
            user, host = self.names[right.holder]
            fit = self.fit(right.holder, session.account, thing.scope)
            is_ours = right.thing.scope == "proxy" and user in (own_user, "") and host is not None
            if is_ours and right.thing.name in (thing.name, "@%", "@") and fit is not False:
                yield Way(right=right, condition="" if fit else "CLIENT HOST")

    # --- the answers --------------------------------------------------------------------------

    def ways(self, account: int, privilege: str, thing: Thing) -> Iterator[Way]:
        yield from self._ways(self.session(account), privilege, thing)

    def _ways(self, session: Session, privilege: str, thing: Thing) -> Iterator[Way]:
        if thing.scope == "proxy":
            yield from self._by_proxy(session, thing)
            return
        found = list(self._found(session, privilege, thing))
        may_grant = (
            bool(found)
            and privilege in STATIC_WORDS
            and any(not way.condition for way in self._found(session, GRANT_OPTION, thing))
        )
        for way in found:
            grantable = may_grant or (way.right is not None and way.right.grantable)
            yield replace(way, grantable=grantable)

    def _found(self, session: Session, privilege: str, thing: Thing) -> Iterator[Way]:
        yield from self._globally(session, privilege, thing.database)
        if thing.scope in ("database", "table", "column", "routine"):
            yield from self._in_database(session, privilege, thing.database)
        if thing.scope in ("table", "column", "routine"):
            yield from self._on_thing(session, privilege, thing)

    def ways_by_set_role(self, account: int, privilege: str, thing: Thing) -> Iterator[Way]:
        """By each role that is granted but not active; the account has one active at a time."""
        for link in self.world.links_of[account]:
            if link.can_set and not link.is_default:
                session = self._with_roles(account, [link.role])
                for way in self._ways(session, privilege, thing):
                    if way.route[:1] == (link.role,):
                        yield replace(way, set_role=1)

    def reaches(self, account: int, thing: Thing) -> bool | None:
        """Always: nothing but the privilege itself stands between."""
        return True

    def everything(self, account: int) -> Iterator[tuple[str, Thing, Way]]:
        """A pattern of databases stands for what is held in those that no other row fits.

        Holes in a global grant do not show: they are rights of their own, which are denied.
        """
        session = self.session(account)
        told = set()
        for right in self.world.rights:
            if right.is_denied or not self._may_count(session, right):
                continue
            thing = right.thing
            place = (
                replace(
                    thing, database=thing.database if self.is_literal else plain(thing.database)
                )
                if thing.scope == "database"
                else thing
            )
            for way in self._ways(session, right.privilege, place):
                if way.right == right and (right.key, way) not in told:
                    told.add((right.key, way))
                    yield right.privilege, thing, way

    def _may_count(self, session: Session, right: Right) -> bool:
        return (
            right.holder in session.routes
            or self.names[right.holder][0] in (self.names[session.account][0], "")
            or (self.is_mariadb and self.world.everybody is not None)
        )


def merged(holder: int, rights: Iterable[Right]) -> Row:
    row = Row(holder)
    for right in rights:
        row.rights[right.privilege, right.thing.column.lower()] = right
    return row


def wider(thing: Thing) -> Thing:
    scope = WIDER[thing.scope]
    if scope == "server":
        return WHOLE_SERVER
    if scope == "database":
        return Thing(scope, thing.database)
    return replace(thing, scope=scope, column="")
