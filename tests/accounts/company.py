"""A little server as plain dictionaries, and what a mirror of it should hold: no product code."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from instances.engines.base import AccountsReading, MembershipRecord, Section
from tests.toy_engine import reading, select_on, user

DATABASES = ("shop", "web")
MEMBERSHIPS = ("memberships", "")
SECTIONS = (*(("grants", database) for database in DATABASES), MEMBERSHIPS)

EdgeKey = tuple[tuple[str, str], int, str | int, int | None]
"""Section, account, table or role, grantor. Accounts are numbers, which no rename changes."""


@dataclass
class Company:
    """Accounts by number with name and native id; edges with the option to pass them on."""

    has_ids: bool
    names: dict[int, str] = field(default_factory=dict)
    ids: dict[int, str] = field(default_factory=dict)
    dropped: list[tuple[int, str, str]] = field(default_factory=list)
    edges: dict[EdgeKey, bool] = field(default_factory=dict)
    version: int = 1
    mirrored: dict[EdgeKey, bool] = field(default_factory=dict)
    made: int = 0

    # --- what may happen to it ----------------------------------------------------------------

    def do(self, what: str, one: int, two: int, three: int) -> None:
        there = sorted(self.names)
        if what == "create":
            self.create(f"n{one % 6}")
        elif there:
            first, second = there[one % len(there)], there[two % len(there)]
            getattr(self, what)(first, second, three)

    def create(self, name: str) -> None:
        if name in self.names.values():
            return
        self.made += 1
        # Without ids nobody can tell an account from one of the same name before it.
        number = self.made if self.has_ids else int(name[1:])
        self.names[number], self.ids[number] = name, f"id{self.made}"

    def drop(self, one: int, _two: int, _three: int) -> None:
        self.dropped.append((one, self.names.pop(one), self.ids.pop(one)))
        self.edges = {key: option for key, option in self.edges.items() if one not in key[1:]}

    def drop_and_create(self, one: int, _two: int, _three: int) -> None:
        name = self.names[one]
        self.drop(one, 0, 0)
        self.create(name)

    def bring_back(self, _one: int, _two: int, three: int) -> None:
        if self.dropped:
            number, name, native_id = self.dropped[three % len(self.dropped)]
            if number not in self.names and name not in self.names.values():
                self.names[number], self.ids[number] = name, native_id

    def rename(self, one: int, _two: int, three: int) -> None:
        name = f"n{three % 6}"
        if self.has_ids and name not in self.names.values():
            self.names[one] = name

    def swap(self, one: int, two: int, _three: int) -> None:
        if self.has_ids:
            self.names[one], self.names[two] = self.names[two], self.names[one]

    def grant(self, one: int, two: int, three: int) -> None:
        database = DATABASES[three % 2]
        grantor = None if three % 3 == 0 else two
        key = (("grants", database), one, f"{database}.public.t{three % 4}", grantor)
        self.edges[key] = three % 5 == 0

    def join(self, one: int, two: int, three: int) -> None:
        grantor = None if three % 2 else two
        if one != two:
            self.edges[MEMBERSHIPS, one, two, grantor] = three % 3 == 0

    def revoke(self, one: int, _two: int, three: int) -> None:
        theirs = [key for key in sorted(self.edges, key=repr) if key[1] == one]
        if theirs:
            del self.edges[theirs[three % len(theirs)]]

    def upgrade(self) -> None:
        """Dumped and restored into a new major version: everybody has another id."""
        self.version += 1
        self.ids = {number: f"v{self.version}-{number}" for number in self.ids}
        self.dropped = []

    # --- what is read of it, and what is then to be expected ------------------------------------

    def read(self, unknown: Collection[int], seen: int) -> AccountsReading:
        """A reading that knows all but the sections ``unknown``, of which every ``seen``-th edge
        is seen all the same. The mirror should then hold ``mirrored``."""
        hidden = {SECTIONS[one] for one in unknown}
        shown = {
            key: option
            for place, (key, option) in enumerate(sorted(self.edges.items(), key=repr))
            if key[0] not in hidden or (seen and place % seen == 0)
        }
        kept = {
            key: option
            for key, option in self.mirrored.items()
            if key[0] in hidden and self._stands(key)
        }
        either = {key: option or kept.get(key, False) for key, option in shown.items()}
        self.mirrored = kept | either
        return self._reading(shown, [Section(*place, "No.") for place in sorted(hidden)])

    def _stands(self, key: EdgeKey) -> bool:
        return all(end in self.names for end in key[1:] if isinstance(end, int))

    def _reading(self, shown: dict[EdgeKey, bool], unknown: list[Section]) -> AccountsReading:
        memberships, grants = [], []
        for (_, one, other, grantor), option in shown.items():
            by = None if grantor is None else self.names[grantor]
            if isinstance(other, int):
                roles = (self.names[one], self.names[other])
                memberships.append(MembershipRecord(*roles, by, admin_option=option))
            else:
                grants.append(select_on(other, self.names[one], grantor=by, grantable=option))
        accounts = [
            user(name, native_id=self.ids[number] if self.has_ids else None)
            for number, name in self.names.items()
        ]
        return reading(
            *(accounts, memberships, grants),
            databases=DATABASES,
            unknown=unknown,
            version=f"{self.version}.0",
        )

    def expected(self) -> set[tuple[Any, ...]]:
        """``mirrored`` in the words of ``tests.accounts.mirror.edges``."""
        return {
            (
                self.names[one],
                *(("∈", self.names[other]) if isinstance(other, int) else ("SELECT", other)),
                None if grantor is None else self.names[grantor],
                option,
            )
            for (_, one, other, grantor), option in self.mirrored.items()
        }
