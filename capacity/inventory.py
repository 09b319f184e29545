"""Which databases a server has: the rows of ``Database`` kept equal to a reading."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from instances.engines.sizes import DatabaseRecord, SizesReading
from instances.models import Database, Instance


@dataclass(slots=True)
class Inventory:
    """The databases of an instance after a reading.

    ``rows`` has the row of each record by its name in the reading, which an unfinished rename may
    make another than the row's own. ``unseen`` are present for all we know: the reading did not
    list them, but neither could it see everything.
    """

    rows: dict[str, Database] = field(default_factory=dict)
    added: list[Database] = field(default_factory=list)
    restored: list[Database] = field(default_factory=list)
    renamed: list[Database] = field(default_factory=list)
    gone: list[Database] = field(default_factory=list)
    unseen: list[Database] = field(default_factory=list)

    @property
    def present(self) -> set[int]:
        """The keys of all that are present."""
        return {row.pk for row in (*self.rows.values(), *self.unseen)}

    @property
    def counts(self) -> dict[str, int]:
        return {
            "databases": len(self.present),
            "added": len(self.added) + len(self.restored),
            "removed": len(self.gone),
            "renamed": len(self.renamed),
        }


def take_inventory(instance: Instance, reading: SizesReading, *, at: datetime) -> Inventory:
    """Make the instance's databases equal to those of ``reading``. Call inside a transaction.

    The server's own id tells a rename (the same id) from a database that was dropped and made
    anew (the same name, another id): that one is a new row, so that its history stays apart. Where
    a server has no ids, names count. Unless the list is known as a whole, nobody is removed, and
    a name stays with the row that has it.
    """
    is_known = any(one.name == "databases" and one.is_complete for one in reading.sections)
    inventory = Inventory()
    present = list(Database.objects.present().filter(instance=instance))
    pairs = paired(present, reading.databases)
    taken = {row.pk for row in pairs.values()}
    left = [row for row in present if row.pk not in taken]
    if is_known:
        inventory.gone = left
        Database.objects.mark_removed([row.pk for row in left], at=at)
    else:
        inventory.unseen = left
    held = held_names(inventory.unseen, pairs)
    records = [one for one in reading.databases if one.name in pairs or one.name not in held]
    place(inventory, instance, records, pairs, at=at)
    rewrite(inventory, records, held)
    Database.objects.add(inventory.added)  # whose names may have been others' until now
    return inventory


def paired(rows: Iterable[Database], records: Iterable[DatabaseRecord]) -> dict[str, Database]:
    """The rows that stand for ``records``, by the name in the record."""
    by_id = {row.native_id: row for row in rows if row.native_id is not None}
    by_name = {row.name: row for row in rows}
    pairs: dict[str, Database] = {}
    for record in records:
        row = None if record.native_id is None else by_id.get(record.native_id)
        if row is None:
            row = same_name(by_name.get(record.name), record)
        if row is not None:
            pairs[record.name] = row
    return pairs


def same_name(row: Database | None, record: DatabaseRecord) -> Database | None:
    """``row``, which has the record's name, unless two ids say that they are two databases."""
    if row is None or None in (row.native_id, record.native_id):
        return row
    return None


def held_names(unseen: Iterable[Database], pairs: dict[str, Database]) -> set[str]:
    """The names that stay with their rows, since a row that was not seen may still have them."""
    held = {row.name for row in unseen}
    while kept := {row.name for name, row in pairs.items() if name in held} - held:
        held |= kept
    return held


def place(
    inventory: Inventory,
    instance: Instance,
    records: Iterable[DatabaseRecord],
    pairs: dict[str, Database],
    *,
    at: datetime,
) -> None:
    """Give each record its row: the one that it has, a removed one that is back, or a new one."""
    new = [record for record in records if record.name not in pairs]
    removed = {}
    if new:
        rows = Database.objects.filter(instance=instance, removed_at__isnull=False)
        # Of several, the one that was there last.
        removed = {identity(row): row for row in rows.order_by("removed_at", "pk")}
    for record in records:
        row = pairs.get(record.name)
        if row is None and (row := removed.pop(identity(record), None)):
            inventory.restored.append(row)
        elif row is None:
            row = Database(instance=instance, name=record.name, first_seen_at=at)
            row.native_id, row.is_system = record.native_id, record.is_system
            inventory.added.append(row)
        inventory.rows[record.name] = row


def identity(one: Database | DatabaseRecord) -> tuple[str | None, str]:
    """What makes two that were not there at the same time the same database."""
    return (one.native_id, "" if one.native_id is not None else one.name)


def rewrite(inventory: Inventory, records: Iterable[DatabaseRecord], held: set[str]) -> None:
    """Store the names and ids that have moved, but for the names that are ``held``."""
    moved = []
    for record in records:
        row = inventory.rows[record.name]
        name = row.name if record.name in held else record.name
        native_id = row.native_id if record.native_id is None else record.native_id
        told = (name, native_id, record.is_system, None)
        if told == (row.name, row.native_id, row.is_system, row.removed_at):
            continue
        if name != row.name:
            inventory.renamed.append(row)
        row.name, row.native_id, row.is_system, row.removed_at = told
        moved.append(row)
    Database.objects.rewrite(moved)
