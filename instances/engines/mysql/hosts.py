"""Hosts of accounts and of rows: which clients they mean, and which is looked at first.

Source: https://dev.mysql.com/doc/refman/8.4/en/account-names.html
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, ip_address, ip_network

from instances.engines.mysql.patterns import (
    Rank,
    covers,
    fits,
    overlaps,
    rank_in_mariadb,
    rank_in_mysql,
)

ANY = ("%", "")
ADDRESS = re.compile(r"[0-9.:%_/]+")
LONGEST_HOST, LONGEST_DATABASE = 255, 64
"""As MariaDB counts; its 10.5 has hosts of 60, which no order that matters hangs on."""


@dataclass(frozen=True, slots=True)
class Hosts:
    """How a server reads a host. ``knows_prefixes``: ``10.0.0.0/8`` is a network (8.0.23).

    MySQL looks at addresses and networks before names; MariaDB takes a netmask for plain text
    when it sorts.
    """

    is_mariadb: bool
    knows_prefixes: bool

    def network(self, host: str) -> IPv4Network | None:
        """The network that ``host`` means, None where it is a name or a pattern."""
        _, slash, mask = host.partition("/")
        if not slash or ("." not in mask and not self.knows_prefixes):
            return None
        return network(host)

    def rank(self, host: str) -> Rank:
        """The order in which accounts, and rows of the database table, are looked at."""
        if self.is_mariadb:
            return rank_in_mariadb(host or "%", LONGEST_HOST)
        found, kind = self.network(host), 1 if "." not in host.partition("/")[2] else 2
        if found is None and self.knows_prefixes and "/" not in host:
            found, kind = network(host), 0
        if found is None:
            return (9, 0, *rank_in_mysql(host))
        return (kind, -found.prefixlen, *rank_in_mysql(host))

    def rank_of_thing(self, host: str) -> Rank:
        """The order in which rows of the tables for tables and routines are looked at."""
        return self.rank(host) if self.is_mariadb else rank_in_mysql(host)

    def rank_of_database(self, pattern: str) -> Rank:
        if self.is_mariadb:
            return rank_in_mariadb(pattern, LONGEST_DATABASE)
        return rank_in_mysql(pattern)

    def match(self, host: str, clients: Collection[str]) -> bool:
        """Whether a client of these names and addresses is meant by ``host``."""
        if host in ANY:
            return True
        found = self.network(host)
        if found is None:
            return any(fits(host.lower(), client.lower()) for client in clients)
        return any(network(client) is not None and contains(found, client) for client in clients)

    def applies(self, host: str, own: str) -> bool | None:
        """Whether a row of ``host`` is for the clients of the account ``@own``; None for some.

        A client has a name and an address, of which one alone has to fit.
        """
        host, own = host.lower(), own.lower()
        if host in ANY or host == own:
            return True
        wide, narrow = self.network(host), self.network(own)
        if wide and narrow:
            return True if narrow.subnet_of(wide) else (None if wide.overlaps(narrow) else False)
        if wide and network(own):
            return contains(wide, own)
        if wide or narrow:
            return None
        if covers(host, own):
            return True
        of_one_kind = bool(ADDRESS.fullmatch(host)) == bool(ADDRESS.fullmatch(own))
        return False if of_one_kind and not overlaps(host, own) else None


@lru_cache(maxsize=4096)
def network(host: str) -> IPv4Network | None:
    try:
        found = ip_network(host)
    except ValueError:
        return None  # a name, or a pattern of one
    return found if isinstance(found, IPv4Network) else None


def contains(found: IPv4Network, client: str) -> bool:
    return ip_address(client) in found
