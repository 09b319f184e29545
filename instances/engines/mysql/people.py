"""The accounts of a server: which roles are active for them, and whose rows are for whom."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from instances.engines.effective import Route, World, grouped
from instances.engines.mysql.hosts import ADDRESS, ANY, Hosts
from instances.engines.mysql.mariadb import LENT_DEFAULT_ROLE
from instances.engines.mysql.patterns import fits
from instances.engines.mysql.rows import CLIENT_HOST

Routes = Mapping[int, list[Route]]
"""By role, the ways to it; the account itself, where it is among them, by ()."""


@dataclass(frozen=True, slots=True)
class Session:
    """An account with the roles that are active. ``has_roles``: at least one is.

    ``lenders``: of these accounts one has the global rights that count as the account's own.
    """

    account: int
    routes: Routes
    has_roles: bool
    lenders: Sequence[int]
    condition: str = ""


@dataclass(frozen=True, slots=True)
class Party:
    """MariaDB: a role with its roles, whose rows are put together; PUBLIC is one, too."""

    first: int
    routes: Routes


class People:
    """``clients`` are the names and addresses of one client; () for any that may log in."""

    def __init__(self, world: World, hosts: Hosts, clients: Collection[str]) -> None:
        self.world = world
        self.hosts = hosts
        self.clients = clients
        self.names = {key: self._user_and_host(key) for key in world.principals}
        self.of_user = grouped(self.names, lambda key: self.names[key][0])
        self.is_for = cache(self._is_for)
        self.session = cache(self._session)

    def _user_and_host(self, key: int) -> tuple[str, str | None]:
        """MariaDB's roles have no host; rows without one that are for no role are for any host."""
        one = self.world.principals[key]
        if self.hosts.is_mariadb and one.kind != "user":
            name = "PUBLIC" if one.kind == "public" else one.name.removesuffix("@")
            return name, "%" if self.is_missing(key) else None
        user, _, host = one.name.rpartition("@")
        return user, host

    def is_missing(self, key: int) -> bool:
        """Whether there are rows about it, but no such account."""
        return bool(self.world.principals[key].attributes.get("is_missing"))

    def is_passive(self, account: int) -> bool:
        """Whether it is a role that only those who have it use."""
        one = self.world.principals[account]
        return one.kind != "user" and not one.can_login

    def gets_nothing(self, key: int) -> bool:
        """The anonymous user of MySQL may have a mandatory role, but nothing by it."""
        return not self.hosts.is_mariadb and not self.names[key][0]

    # --- roles --------------------------------------------------------------------------------

    def _session(self, account: int) -> Session:
        """After login."""
        return self.with_roles(account, self.active_roles(account))

    def active_roles(self, account: int) -> list[int]:
        option = "inherits" if self.is_passive(account) else "is_default"
        found = [one.role for one in self.world.links_of[account] if getattr(one, option)]
        lent = self.world.principals[account].attributes.get(LENT_DEFAULT_ROLE, "")
        role = self.world.by_name.get(lent, account)
        is_lent = any(role in self.roles_of(key) for key, _ in self.namesakes(account))
        return [role] if is_lent else found

    def with_roles(self, account: int, roles: Sequence[int]) -> Session:
        routes: dict[int, list[Route]] = {account: [()]}
        for first in () if self.gets_nothing(account) else dict.fromkeys(roles):
            for role, found in self.world.routes(first, "inherits").items():
                if role != account:
                    routes.setdefault(role, []).extend((first, *route) for route in found)
        has_roles = bool(roles) or self.is_passive(account)
        if not self.hosts.is_mariadb or not roles or self.is_passive(account):
            return Session(account, routes, has_roles, [account])
        fits = {key: fit for key, fit in self.namesakes(account) if roles[0] in self.roles_of(key)}
        is_sure = any(fits.values())
        return Session(account, routes, has_roles, list(fits), "" if is_sure else CLIENT_HOST)

    def roles_of(self, account: int) -> list[int]:
        return [one.role for one in self.world.links_of[account] if one.can_set]

    def namesakes(self, account: int) -> Iterator[tuple[int, bool | None]]:
        """MariaDB takes a role that any account of this user was given, if its host fits as well.

        Then the global rights are those of the one that was given the role; of the first, where
        several were. (Tried on 10.11.19; see check_user_can_set_role in sql/sql_acl.cc.)
        """
        yield account, True
        user, host = self.names[account]
        for key in self.of_user[user] if host is not None else ():
            fit = self.is_for(key, account, "server")
            if key != account and fit is not False and not self.is_missing(key):
                yield key, fit

    def settable(self, account: int) -> list[int]:
        """The roles that are not active, but that the account may take, one at a time."""
        active = self.active_roles(account)
        found = self.roles_of(account)
        if self.hosts.is_mariadb and not self.is_passive(account):
            found = [role for key, _ in self.namesakes(account) for role in self.roles_of(key)]
        return [role for role in dict.fromkeys(found) if role not in active]

    def parties(self, session: Session) -> Iterator[Party]:
        """MariaDB: whose rights are added to the account's own."""
        if self.is_passive(session.account):
            yield Party(session.account, session.routes)
        else:
            roles = {key: found for key, found in session.routes.items() if key != session.account}
            if roles:
                yield Party(min(roles.values(), key=len_of_first)[0][0], roles)
        everybody = self.world.everybody
        if everybody is not None and everybody != session.account:
            yield Party(everybody, self.routes_of_everybody)

    @cached_property
    def routes_of_everybody(self) -> Routes:
        """PUBLIC itself by (), as everybody has it, and its roles through it."""
        everybody = self.world.everybody
        if everybody is None:
            return {}
        found = self.world.routes(everybody, "inherits").items()
        return {
            key: [(everybody, *route) if route else () for route in routes] for key, routes in found
        }

    # --- hosts --------------------------------------------------------------------------------

    def is_role_without_host(self, key: int) -> bool:
        return self.names[key][1] is None

    def is_for_roles(self, holder: int, role: int) -> bool:
        """Whether MariaDB takes ``holder``'s rows for a role that has none of its own."""
        user, host = self.names[holder]
        return host in ANY and user in ("", self.names[role][0])

    def _is_for(self, holder: int, account: int, scope: str) -> bool | None:
        """Whether rows of ``holder`` are for ``account``, by host alone; None for some clients.

        Rows of routines are compared with the account's own host, not with the client's name.
        """
        (user, host), (own_user, own) = self.names[holder], self.names[account]
        if host is None or own is None or holder == account:
            return holder == account
        is_name = scope == "routine" and not ADDRESS.fullmatch(host)
        if is_name or (self.clients and host in ANY):
            return host in ANY or fits(host.lower(), own.lower())
        if self.clients:
            return self.hosts.match(host, self.clients)
        narrower = user == own_user and not self.is_missing(holder) and holder != account
        if narrower and self.hosts.rank(host) < self.hosts.rank(own):
            return False  # a client that both let in logs in as the other
        return self.hosts.applies(host, own)


def len_of_first(routes: list[Route]) -> int:
    return len(routes[0])
