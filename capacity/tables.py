"""Table sizes: one row per table and change, kept equal to a stream of readings."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from capacity.models import TableSize
from capacity.querysets.tables import Key
from capacity.spool import TableSpool
from instances.engines.base import Section
from instances.engines.sizes import TableRecord
from instances.models import Database, Instance

Numbers = tuple[int, int | None, int | None, int | None]
NUMBERS = ("total_bytes", "data_bytes", "index_bytes", "estimated_rows")


@dataclass(frozen=True, slots=True)
class Row:
    """What is stored of a size that holds, or held until today."""

    pk: int
    is_open: bool
    numbers: Numbers


@dataclass(slots=True)
class TableHistory:
    """The edges of an instance's tables as of the business day ``on``.

    A day has one size: what a second reading finds replaces what the first found, also where that
    means that a change, an appearance or an end of today did not happen. ``seen`` holds the keys
    of the rows that the reading agrees with; no more is kept of a batch.
    """

    on: date
    seen: set[int] = field(default_factory=set)
    changes: int = 0

    def store(self, tables: dict[Key, Numbers]) -> None:
        """Make the open rows of ``tables`` equal to it, in a few statements."""
        before, today = self.standing(tables)
        ended: list[int] = []
        reopened: list[int] = []
        corrected: list[TableSize] = []
        added: list[TableSize] = []
        for key, numbers in tables.items():
            old, new = before.get(key), today.get(key)
            stands = new or (old if old and old.is_open else None)
            if stands and stands.numbers == numbers:
                self.seen.add(stands.pk)
            elif old and old.numbers == numbers:
                reopened.append(old.pk)
                ended += [new.pk] if new else []
            elif new:
                corrected.append(self.size(key, numbers, pk=new.pk))
            else:
                added.append(self.size(key, numbers))
                ended += [old.pk] if old else []
        # In this order, or two rows of a table would be open at once.
        TableSize.objects.end(ended, on=self.on)
        TableSize.objects.reopen(reopened)
        TableSize.objects.correct(corrected)
        TableSize.objects.add(added)
        self.seen.update(reopened, (size.pk for size in (*corrected, *added)))
        self.changes += len(reopened) + len(corrected) + len(added)

    def standing(self, tables: Iterable[Key]) -> tuple[dict[Key, Row], dict[Key, Row]]:
        """By table: the row from before today, and the one that began today."""
        before: dict[Key, Row] = {}
        today: dict[Key, Row] = {}
        ours, columns = TableSize.objects.around(tables), ("database_id", "schema", "name", "pk")
        # Two statements, for each has an index of its own.
        for rows in (ours.ended(on=self.on), ours.open()):
            found = rows.values_list(*columns, "valid_from", "valid_to", *NUMBERS)
            for database, schema, name, pk, valid_from, valid_to, *numbers in found:
                place = before if valid_from < self.on else today
                place[database, schema, name] = Row(pk, valid_to is None, tuple(numbers))
        return before, today

    def size(self, key: Key, numbers: Numbers, *, pk: int | None = None) -> TableSize:
        database, schema, name = key
        return TableSize(
            pk=pk,
            database_id=database,
            schema=schema,
            name=name,
            valid_from=self.on,
            **dict(zip(NUMBERS, numbers, strict=True)),
        )

    def end_unseen(self, instance: Instance, known: set[int]) -> None:
        """End the tables that were not seen in the databases ``known`` as a whole."""
        rows = TableSize.objects.open().filter(database__instance=instance)
        keys = rows.values_list("pk", "database_id").iterator(chunk_size=2000)
        gone = [pk for pk, database in keys if database in known and pk not in self.seen]
        TableSize.objects.end(gone, on=self.on)
        self.changes += len(gone)


def store_tables(
    instance: Instance, rows: dict[str, Database], spool: TableSpool, *, on: date
) -> tuple[list[Section], dict[str, int]]:
    """Bring the instance's table sizes up to ``on``; what is known of them, and what was done.

    ``rows`` are its databases by their names in the reading. A table that is not there any more
    ends only where its database's tables are known as a whole. Call inside a transaction.
    """
    history = TableHistory(on)
    for batch in spool.batches():
        tables = {
            key(rows[one.database], one): numbers(one) for one in batch if one.database in rows
        }
        if tables:
            history.store(tables)
    sections = judged(spool.sections, rows)
    known = {rows[one.database].pk for one in sections if one.is_complete}
    history.end_unseen(instance, known)
    return sections, {"tables": len(history.seen), "table_changes": history.changes}


def key(database: Database, table: TableRecord) -> Key:
    return (database.pk, table.schema, table.name)


def numbers(table: TableRecord) -> Numbers:
    return (table.total_bytes, table.data_bytes, table.index_bytes, table.estimated_rows)


def judged(told: Iterable[Section], rows: dict[str, Database]) -> list[Section]:
    """A section per database: of those that came or went meanwhile, the tables are unknown.

    One that is told nothing of, now as before, has no tables that anybody could read.
    """
    by_database = {one.database: one for one in told}
    came = [name for name in by_database if name not in rows]
    silent = {row.pk: name for name, row in rows.items() if name not in by_database}
    stored = TableSize.objects.open().filter(database__in=silent)
    gone = sorted(set(stored.values_list("database", flat=True)))
    return [
        *(one for name, one in by_database.items() if name in rows),
        *(unknown(name, "It was not there yet when the databases were listed.") for name in came),
        *(
            unknown(silent[pk], "The server told nothing of its tables.")
            for pk in sorted(set(gone))
        ),
    ]


def unknown(database: str, reason: str) -> Section:
    return Section("tables", database, f"{reason} The next run tells.")
