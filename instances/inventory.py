"""Which databases a server has: the rows of ``Database`` kept equal to a reading."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from instances.engines.base import DatabaseRef
from instances.models import Database, Instance, Section
from instances.signals import databases_changed


@dataclass(slots=True)
class Inventory:
    """The databases of an instance after a reading.

    ``rows`` has the row of each record by its name in the reading, which an unfinished rename may
    make another than the row's own. ``renamed`` tells the new name by the old. ``unseen`` are
    present for all we know: the reading did not list them, but neither could it see everything.
    """

    rows: dict[str, Database] = field(default_factory=dict)
    added: list[Database] = field(default_factory=list)
    restored: list[Database] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    gone: list[Database] = field(default_factory=list)
    unseen: list[Database] = field(default_factory=list)

    @property
    def present(self) -> set[int]:
        """The keys of all that are present."""
        return {row.pk for row in (*self.rows.values(), *self.unseen)}

    @property
    def replaced(self) -> set[str]:
        """The names of databases that are gone, and have another's since."""
        return {row.name for row in self.gone} & self.rows.keys()

    @property
    def counts(self) -> dict[str, int]:
        return {
            "databases": len(self.present),
            "added": len(self.added) + len(self.restored),
            "removed": len(self.gone),
            "renamed": len(self.renamed),
        }


def take_inventory(
    instance: Instance,
    databases: Sequence[DatabaseRef],
    *,
    version: str,
    is_known: bool,
    session: UUID,
    at: datetime,
) -> Inventory:
    """Make the instance's databases equal to ``databases``. Call inside a transaction.

    The server's own id tells a rename (the same id) from a database that was dropped and made
    anew (the same name, another id): that one is a new row, so that its history stays apart. Where
    a server has no ids, or an upgrade gave new ones to most, names count. Unless the list is known
    as a whole (``is_known``), nobody is removed, and a name stays with the row that has it. What
    is known about the things inside follows, by ``databases_changed``.
    """
    inventory = Inventory()
    present = list(Database.objects.present().filter(instance=instance))
    ids_hold = not (is_upgrade(instance, version) and ids_moved(present, databases))
    pairs = paired(present, databases, ids_hold=ids_hold)
    taken = {row.pk for row in pairs.values()}
    left = [row for row in present if row.pk not in taken]
    if is_known:
        inventory.gone = left
        Database.objects.mark_removed([row.pk for row in left], at=at)
    else:
        inventory.unseen = left
    held = held_names(inventory.unseen, pairs)
    records = [one for one in databases if one.name in pairs or one.name not in held]
    place(inventory, instance, records, pairs, at=at)
    rewrite(inventory, records, held)
    Database.objects.add(inventory.added)  # whose names may have been others' until now
    if inventory.renamed or inventory.gone:
        Section.objects.follow(instance.pk, inventory.renamed, inventory.replaced)
        databases_changed.send(
            sender=Database, instance=instance, inventory=inventory, session=session, at=at
        )
    return inventory


def is_upgrade(instance: Instance, version: str) -> bool:
    """Whether ``version`` brings more than the one that the instance had when last read."""
    major_version = instance.engine_class.major_version
    return bool(instance.version) and major_version(instance.version) != major_version(version)


def ids_moved(rows: Iterable[Database], records: Iterable[DatabaseRef]) -> bool:
    """Whether most databases of the same name have another id now, as after dump and restore."""
    before = {row.name: row.native_id for row in rows if not row.is_system}
    same_name = [one for one in records if one.native_id and before.get(one.name)]
    moved = [one for one in same_name if one.native_id != before[one.name]]
    return 2 * len(moved) > len(same_name)


def paired(
    rows: Iterable[Database], records: Iterable[DatabaseRef], *, ids_hold: bool
) -> dict[str, Database]:
    """The rows that stand for ``records``, by the name in the record."""
    by_id = {row.native_id: row for row in rows if row.native_id is not None}
    by_name = {row.name: row for row in rows}
    pairs: dict[str, Database] = {}
    for record in records:
        row = by_name.get(record.name)
        if ids_hold:
            row = by_id.get(record.native_id or "") or same_name(row, record)
        if row is not None:
            pairs[record.name] = row
    return pairs


def same_name(row: Database | None, record: DatabaseRef) -> Database | None:
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
    records: Iterable[DatabaseRef],
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


def identity(one: Database | DatabaseRef) -> tuple[str | None, str]:
    """What makes two that were not there at the same time the same database."""
    return (one.native_id, "" if one.native_id is not None else one.name)


def rewrite(inventory: Inventory, records: Iterable[DatabaseRef], held: set[str]) -> None:
    """Store the names and ids that have moved, but for the names that are ``held``."""
    moved = []
    for record in records:
        row = inventory.rows[record.name]
        name = row.name if record.name in held else record.name
        native_id = row.native_id if record.native_id is None else record.native_id
        told = (name, native_id, record.is_system, None)
        if told == (row.name, row.native_id, row.is_system, row.removed_at):
            continue
        if name != row.name and row.removed_at is None:
            inventory.renamed[row.name] = name
        row.name, row.native_id, row.is_system, row.removed_at = told
        moved.append(row)
    Database.objects.rewrite(moved)
