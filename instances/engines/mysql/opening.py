"""Whether a session may open a database, which calling a routine in it takes on top of EXECUTE.

What opens it is nearly any right on it or inside. The exceptions were tried: MySQL with an active
role overlooks rights on functions, and MariaDB whatever PUBLIC has inside.
"""

from collections import defaultdict
from collections.abc import Iterator

from instances.engines.effective import Way, World
from instances.engines.mysql.deciding import Rows
from instances.engines.mysql.people import People, Session
from instances.engines.mysql.rows import CLIENT_HOST
from instances.engines.mysql.scopes import any_words
from instances.engines.mysql.words import GRANT_OPTION

INSIDE = {"table": "table", "column": "table", "routine": "routine"}
FUNCTION = "FUNCTION "

Place = tuple[int, str, bool]
"""Who holds something inside a database, in which grant table, and whether it is a function."""


class Databases:
    def __init__(self, world: World, people: People, rows: Rows) -> None:
        self.people = people
        self.rows = rows
        self.inside: dict[str, set[Place]] = defaultdict(set)
        for right in world.rights:
            thing = right.thing
            if thing.scope in INSIDE and not right.is_denied:
                is_function = thing.scope == "routine" and thing.name.startswith(FUNCTION)
                place = right.holder, INSIDE[thing.scope], is_function
                self.inside[rows.fold(thing.database)].add(place)

    def condition(self, session: Session, database: str) -> str | None:
        """What opening it hangs on; '' for nothing, None where it stays closed."""
        found: str | None = None
        for condition in self.conditions(session, database):
            if not condition:
                return ""
            found = condition
        return found

    def conditions(self, session: Session, database: str) -> Iterator[str]:
        words = [word for word in any_words("database") if word != GRANT_OPTION]
        for word in words:
            yield from map(condition_of, self.rows.globally(session, word, database))
        for word in words:
            yield from map(condition_of, self.rows.in_database(session, word, database))
        for holder, scope, is_function in self.inside[self.rows.fold(database)]:
            fit = self.fits(session, holder, scope, is_function=is_function)
            if fit is not False:
                yield "" if fit else CLIENT_HOST

    def fits(self, session: Session, holder: int, scope: str, *, is_function: bool) -> bool | None:
        """Whether rows of ``holder`` inside open it; None for some clients."""
        if holder in session.routes:
            overlooked = is_function and session.has_roles and not self.rows.hosts.is_mariadb
            return not overlooked
        if not self.rows.hosts.is_mariadb and session.has_roles:
            return False
        (user, host), (own_user, own) = (
            self.people.names[key] for key in (holder, session.account)
        )
        if host is None or own is None or user != own_user:
            return False
        return self.people.is_for(holder, session.account, scope)


def condition_of(way: Way) -> str:
    return way.condition
