"""Servers whose databases come, go and grow, and what must be known of them after each reading.

Written without looking at the product: plain dictionaries, one state per day, edges as runs of
equal days.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Any

from instances.engines.base import Section
from instances.engines.sizes import DatabaseRecord, SizesReading, TableRecord

NAMES = ["ant", "bee", 'c"e', "doe"]
TABLES = [("public", "t"), ("public", "T t"), ("", "t"), ("öd", "u'")]
Numbers = tuple[int, int | None, int | None, int | None]


@dataclass
class One:
    """A database of the server."""

    native_id: str
    name: str
    total: int = 100
    data: int | None = None
    tables: dict[tuple[str, str], Numbers] = field(default_factory=dict)


@dataclass
class World:
    """``has_ids``: the server tells an id of each database; else only names count."""

    has_ids: bool
    there: list[One] = field(default_factory=list)
    away: list[One] = field(default_factory=list)
    made: int = 0
    # What must be known, by identity.
    names: dict[str, str] = field(default_factory=dict)
    present: set[str] = field(default_factory=set)
    sizes: dict[tuple[str, date], tuple[int, int | None]] = field(default_factory=dict)
    wholes: dict[date, tuple[int, int, int, bool]] = field(default_factory=dict)
    tables: dict[tuple[str, str, str], Numbers] = field(default_factory=dict)
    days: dict[date, dict[tuple[str, str, str], Numbers]] = field(default_factory=dict)

    # --- what happens ---------------------------------------------------------------------------

    def do(self, event: str, which: int, what: int) -> None:
        one = self.there[which % len(self.there)] if self.there else None
        if event == "create":
            self.create(NAMES[what % len(NAMES)])
        elif event == "return" and self.away:
            self.come_back(self.away.pop(which % len(self.away)))
        elif one is not None and event not in {"create", "return"}:
            getattr(self, event)(one, what)

    def create(self, name: str) -> None:
        if name not in {one.name for one in self.there}:
            self.made += 1
            self.there.append(One(str(self.made), name))

    def come_back(self, one: One) -> None:
        if one.name not in {other.name for other in self.there}:
            self.there.append(one)

    def vanish(self, one: One, _: int) -> None:
        self.there.remove(one)
        self.away.append(one)

    def recreate(self, one: One, _: int) -> None:
        self.there.remove(one)
        self.create(one.name)

    def rename(self, one: One, what: int) -> None:
        name = NAMES[what % len(NAMES)]
        if name not in {other.name for other in self.there}:
            one.name = name

    def swap(self, one: One, what: int) -> None:
        other = self.there[what % len(self.there)]
        one.name, other.name = other.name, one.name

    def resize(self, one: One, what: int) -> None:
        one.total, one.data = 100 * what, (what or None)

    def put_table(self, one: One, what: int) -> None:
        estimate = None if what % 3 else what
        one.tables[TABLES[what % len(TABLES)]] = (10 * (what // 4), what, None, estimate)

    def drop_table(self, one: One, what: int) -> None:
        one.tables.pop(TABLES[what % len(TABLES)], None)

    # --- what a reading tells -------------------------------------------------------------------

    def identity(self, one: One) -> str:
        return one.native_id if self.has_ids else one.name

    def is_listed(self, one: One, hidden: set[int]) -> bool:
        return self.has_ids or not hidden or NAMES.index(one.name) not in hidden

    def read(self, hidden: set[int], shy: set[int]) -> tuple[SizesReading, list[Any]]:
        """``hidden`` databases are not listed, nor said to be missing; ``shy`` ones not measured.

        A hidden one of a server with ids is one whose tables nobody may see as a whole.
        """
        is_blind = bool(hidden) and not self.has_ids
        sections = [Section("databases", reason="We may not list them." if is_blind else "")]
        records: list[DatabaseRecord] = []
        stream: list[TableRecord | Section] = []
        for one in self.there:
            if not self.is_listed(one, hidden):
                continue
            number = NAMES.index(one.name)
            is_shy, is_secret = number in shy, number in hidden
            native_id = one.native_id if self.has_ids else None
            known = (None, None) if is_shy else (one.total, one.data)
            records.append(
                DatabaseRecord(one.name, native_id, total_bytes=known[0], data_bytes=known[1])
            )
            sections.append(Section("sizes", one.name, "It is shy." if is_shy else ""))
            visible = list(one.tables.items())[: 1 if is_secret else None]
            stream += [
                TableRecord(one.name, schema, name, total, data, index, rows)
                for (schema, name), (total, data, index, rows) in visible
            ]
            stream.append(Section("tables", one.name, "It hides some." if is_secret else ""))
        return SizesReading("1.0", sections, records), stream

    # --- what must be known then ----------------------------------------------------------------

    def learn(self, day: date, hidden: set[int], shy: set[int], *, with_tables: bool) -> None:
        listed = {self.identity(one): one for one in self.there if self.is_listed(one, hidden)}
        is_blind = bool(hidden) and not self.has_ids
        gone = set() if is_blind else self.present - set(listed)
        self.present = (self.present - gone) | set(listed)
        for identity, one in listed.items():
            self.names[identity] = one.name
            if NAMES.index(one.name) not in shy:
                self.sizes[identity, day] = (one.total, one.data)
        self.tables = {key: size for key, size in self.tables.items() if key[0] not in gone}
        if with_tables:
            for identity, one in listed.items():
                self.learn_tables(identity, one, NAMES.index(one.name) in hidden)
        self.days[day] = dict(self.tables)
        self.add_up(day)

    def learn_tables(self, identity: str, one: One, is_secret: bool) -> None:
        if not is_secret:
            self.tables = {key: size for key, size in self.tables.items() if key[0] != identity}
        for place, size in list(one.tables.items())[: 1 if is_secret else None]:
            self.tables[identity, *place] = size

    def add_up(self, day: date) -> None:
        last = {}
        for identity in self.present:
            days = [when for who, when in self.sizes if who == identity and when <= day]
            if days:
                last[identity] = self.sizes[identity, max(days)][0]
        if not last:
            return
        unmeasured = sum((identity, day) not in self.sizes for identity in self.present)
        total, earlier = sum(last.values()), [when for when in self.wholes if when < day]
        before = self.wholes[max(earlier)][0] if earlier else 0
        self.wholes[day] = (total, len(self.present), unmeasured, total < before / 2)

    def edges(self) -> Iterator[tuple[Any, ...]]:
        """Each run of days with one size: identity, schema, table, size, since, until."""
        days = sorted(self.days)
        keys = {key for state in self.days.values() for key in state}
        for key in keys:
            states = [(day, self.days[day].get(key)) for day in days]
            changes = [states[0]]
            changes += [after for before, after in pairwise(states) if after[1] != before[1]]
            for (since, size), (until, _) in pairwise([*changes, (None, None)]):
                if size is not None:
                    yield (*key, size, since, until)
