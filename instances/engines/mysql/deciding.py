"""Which rows of the grant tables decide, on the server, on a database, on a thing in it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache, cached_property
from itertools import islice

from instances.engines.effective import WHOLE_SERVER, Right, Thing, Way, World, grouped
from instances.engines.mysql.hosts import Hosts
from instances.engines.mysql.patterns import Rank, fits, plain, samples
from instances.engines.mysql.people import Party, People, Routes, Session
from instances.engines.mysql.rows import (
    AMBIGUOUS,
    Candidate,
    Decision,
    Row,
    decide,
    merged,
    rows_of,
)
from instances.engines.mysql.words import GRANT_OPTION, STATIC_WORDS

MOST_EXAMPLES = 20
"""On how many databases that the mirror knows a pattern is tried, beside made-up ones."""

ROUTINES = ("PROCEDURE", "FUNCTION", "PACKAGE", "PACKAGE BODY", "LIBRARY")


class Rows:
    """The rows of a world, put together again from its rights."""

    def __init__(self, world: World, people: People, hosts: Hosts) -> None:
        self.people = people
        self.hosts = hosts
        self.is_literal = world.settings.get("partial_revokes", "").upper() in ("ON", "1")
        self.folds = world.settings.get("lower_case_table_names", "0") not in ("", "0")
        given = [right for right in world.rights if not right.is_denied]
        on_databases = rows_of(one for one in given if one.thing.scope == "database")
        self.of_holder = grouped(on_databases, lambda row: row.holder)
        self.of_user = grouped(on_databases, lambda row: people.names[row.holder][0])
        self.on_things = grouped(given, lambda right: self.row_of(right.thing))
        self.databases = {(one.thing.scope == "database", one.thing.database) for one in given}
        self.rows_on = cache(self._rows_on)
        self.on_server = {
            holder: {right.privilege: right for right in rights}
            for holder, rights in grouped(
                (one for one in given if one.thing == WHOLE_SERVER), lambda right: right.holder
            ).items()
        }
        self.holes = {
            (right.holder, self.fold(right.thing.database), right.privilege)
            for right in world.rights
            if right.is_denied
        }

    def fold(self, name: str) -> str:
        return name.lower() if self.folds else name

    def row_of(self, thing: Thing) -> Thing:
        """The thing that its grant table has a row for: columns stand in their table's."""
        name = thing.name.lower() if thing.scope == "routine" else thing.name
        scope = "table" if thing.scope == "column" else thing.scope
        return Thing(scope, self.fold(thing.database), "", self.fold(name))

    @cached_property
    def names_of_databases(self) -> Sequence[str]:
        """Those that rights name without a pattern."""
        return sorted(
            {name for is_row, name in self.databases if not is_row or plain(name) == name}
        )

    # --- on the server ------------------------------------------------------------------------

    def globally(self, session: Session, privilege: str, database: str) -> Iterator[Way]:
        """All add up; a partial revoke is a hole in the global rights of its own holder."""
        holders = dict(session.routes)
        if self.hosts.is_mariadb:
            holders |= self.people.routes_of_everybody
        for holder, routes in holders.items():
            lenders = session.lenders if holder == session.account else [holder]
            rights = [self.global_right(one, privilege, database) for one in lenders]
            condition = "" if all(rights) else AMBIGUOUS
            for right in filter(None, rights):
                yield from (Way(route, right, condition=condition) for route in routes)

    def global_right(self, holder: int, privilege: str, database: str) -> Right | None:
        rights = self.on_server.get(holder, {})
        if (holder, self.fold(database), privilege) in self.holes:
            return None
        if privilege != GRANT_OPTION:
            return rights.get(privilege)
        static = (one for word, one in rights.items() if word in STATIC_WORDS)
        return next((one for one in static if one.grantable), None)

    # --- on a database ------------------------------------------------------------------------

    def in_database(self, session: Session, privilege: str, database: str) -> Iterator[Way]:
        if self.hosts.is_mariadb:
            if not self.people.is_role_without_host(session.account):
                yield from self.most_specific(session.account, database).ways(privilege)
            for party in self.people.parties(session):
                yield from self.of_party(party, privilege, database)
        elif session.has_roles:
            yield from of_roles(session.routes, self.first_pattern(session, database), privilege)
        else:
            yield from self.most_specific(session.account, database).ways(privilege)

    def fitting(self, rows: Iterable[Row], database: str) -> list[Row]:
        name = self.fold(database)
        if self.is_literal:
            return [row for row in rows if self.fold(row.pattern) == name]
        return [row for row in rows if fits(self.fold(row.pattern), name)]

    def held_by(self, holders: Iterable[int], database: str) -> list[Row]:
        return self.fitting((row for key in holders for row in self.of_holder[key]), database)

    def first_pattern(self, session: Session, database: str) -> Sequence[Row]:
        """Those of the name itself, else of the first pattern in the order of bytes."""
        own = self.held_by(session.routes, database)
        order = sorted({row.pattern for row in own}, key=self.is_pattern)
        return [row for row in own if row.pattern == order[0]] if order else []

    def is_pattern(self, name: str) -> tuple[bool, bytes]:
        has_wildcards = not self.is_literal and ("%" in name or "_" in name)
        return has_wildcards, name.encode()

    def most_specific(self, account: int, database: str) -> Decision:
        """Rows of the account's user and of the anonymous one are looked at together."""
        users = dict.fromkeys([self.people.names[account][0], ""])
        rows = self.fitting((row for user in users for row in self.of_user[user]), database)
        return self.decided(account, rows, "database")

    def decided(self, account: int, rows: Iterable[Row], scope: str) -> Decision:
        fitting = (
            (row, self.people.is_for(row.holder, account, scope))
            for row in rows
            if not self.people.is_role_without_host(row.holder)
        )
        return decide(
            Candidate(row, self.rank(row, scope), is_sure=bool(fit))
            for row, fit in fitting
            if fit is not False
        )

    def rank(self, row: Row, scope: str) -> Rank:
        user, host = self.people.names[row.holder]
        if scope != "database":
            return self.hosts.rank_of_thing(host or "")
        ranks = self.hosts.rank(host or ""), self.hosts.rank_of_database(row.pattern)
        return (*ranks[0], *ranks[1], not user)

    def of_party(self, party: Party, privilege: str, database: str) -> Iterator[Way]:
        """One deciding row; the rows of a role and of its roles are one where patterns are equal.

        A role without a row has those of a user of its name, and of the anonymous one.
        """
        own = self.held_by(party.routes, database)
        if not own:
            users = dict.fromkeys([self.people.names[party.first][0], ""])
            rows = self.fitting((row for user in users for row in self.of_user[user]), database)
            yield from self.lent(party, rows, "database").ways(privilege)
            return
        ranks = {row.pattern: self.hosts.rank_of_database(row.pattern) for row in own}
        patterns = {name for name, rank in ranks.items() if rank == min(ranks.values())}
        first = [row for row in own if row.pattern in patterns]
        gives = {row.pattern for row in first if row.right(privilege)}
        for way in of_roles(party.routes, first, privilege):
            yield way if gives == patterns else replace(way, condition=AMBIGUOUS)

    def lent(self, party: Party, rows: Iterable[Row], scope: str) -> Decision:
        """By the rows of accounts that MariaDB takes for the role's."""
        return decide(
            Candidate(row, self.rank(row, scope), is_sure=True)
            for row in rows
            if self.people.is_for_roles(row.holder, party.first)
        )

    def examples(self, thing: Thing) -> Iterator[Thing]:
        """Things that a right on ``thing`` may be about: for a pattern, names of each sort."""
        if thing.scope != "database" or self.is_literal:
            yield thing
            return
        known = (name for name in self.names_of_databases if fits(thing.database, name))
        some = islice(known, MOST_EXAMPLES)
        for name in dict.fromkeys([*samples(thing.database), *some]):
            yield Thing("database", name)

    # --- on a thing in it ---------------------------------------------------------------------

    def on_thing(self, session: Session, privilege: str, thing: Thing) -> Iterator[Way]:
        """By a row of a table, with its columns, or of a routine."""
        for rows in self.rows_on(self.row_of(thing)):
            yield from self.by_rows(session, privilege, thing, rows)

    def _rows_on(self, row: Thing) -> Sequence[Sequence[Row]]:
        """Those of each thing; a routine that was named without its kind is any of that name."""
        names = [row.name]
        if row.scope == "routine" and kind_of(row.name) == "":
            names = [f"{kind} {row.name}".lower() for kind in ROUTINES]
        found = []
        for name in names:
            rights = self.on_things.get(replace(row, name=name), ())
            of_holders = grouped(rights, lambda right: right.holder)
            found.append([merged(key, own) for key, own in of_holders.items()])
        return found

    def by_rows(
        self, session: Session, privilege: str, thing: Thing, rows: Sequence[Row]
    ) -> Iterator[Way]:
        column = thing.column.lower()
        if not self.hosts.is_mariadb and session.has_roles:
            yield from of_roles(session.routes, rows, privilege, column)
            return
        user = self.people.names[session.account][0]
        if not self.people.is_role_without_host(session.account):
            own = [row for row in rows if self.people.names[row.holder][0] == user]
            yield from self.decided(session.account, own, thing.scope).ways(privilege, column)
        if self.hosts.is_mariadb:
            for party in self.people.parties(session):
                yield from of_roles(party.routes, rows, privilege, column)
                if thing.scope == "routine" and not any(row.holder in party.routes for row in rows):
                    name = self.people.names[party.first][0]
                    lent = [row for row in rows if self.people.names[row.holder][0] == name]
                    yield from self.lent(party, lent, thing.scope).ways(privilege)


def of_roles(
    routes: Routes, rows: Iterable[Row], privilege: str, column: str = ""
) -> Iterator[Way]:
    for row in rows:
        right = row.right(privilege, column)
        if right and row.holder in routes:
            yield from (Way(route, right) for route in routes[row.holder])


def kind_of(routine: str) -> str:
    """The word that a routine's name in the mirror begins with; '' for a bare name."""
    return next((kind for kind in ROUTINES if routine.upper().startswith(f"{kind} ")), "")
