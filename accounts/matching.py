"""Which account of a reading is which account of the mirror."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from accounts.diffs import FIELDS, UNSEEN
from accounts.models import Account
from accounts.stored import Stored
from instances.engines.base import AccountKind, AccountRecord


@dataclass(slots=True)
class Matching:
    """The accounts of a reading, each with its row.

    ``kept`` and ``restored`` have rows; ``added`` and ``recreated`` have new, unsaved ones;
    ``gone`` are rows that the server no longer has. ``by_name`` holds every present account by
    its name of now. ``aliases`` are names in the reading whose row keeps another name for now.
    """

    kept: list[tuple[AccountRecord, Account]] = field(default_factory=list)
    added: list[tuple[AccountRecord, Account]] = field(default_factory=list)
    restored: list[tuple[AccountRecord, Account]] = field(default_factory=list)
    recreated: list[tuple[AccountRecord, Account]] = field(default_factory=list)
    gone: list[Account] = field(default_factory=list)
    by_name: dict[str, Account] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)

    def stand_in_for_unseen(self) -> None:
        """Give the records of known accounts the mirror's values of what nobody could see."""
        for pairs in (self.kept, self.restored):
            pairs[:] = [
                (with_stored(record, row) if UNSEEN in record.attributes else record, row)
                for record, row in pairs
            ]

    @property
    def present(self) -> list[tuple[AccountRecord, Account]]:
        return [*self.kept, *self.added, *self.restored, *self.recreated]


def match(
    stored: Stored,
    records: Sequence[AccountRecord],
    *,
    is_known: bool,
    is_upgrade: bool,
    at: datetime,
) -> Matching:
    """Pair ``records`` with the rows of the mirror.

    By native id where the server has one, so that a rename keeps its row; else by name. An
    upgrade that dumps and restores gives new ids to everybody, so then only names count. Unless
    the accounts are known as a whole (``is_known``), nobody is gone and rows speak for themselves.
    """
    ids_hold = not (is_upgrade and ids_moved(stored, records))
    pairs = _pairs(stored, records, ids_hold=ids_hold)
    matching = Matching(by_name=dict(pairs))
    taken = {row.pk for row in pairs.values()}
    left = [row for row in stored.accounts if row.pk not in taken]
    new = [record for record in records if record.name not in pairs]
    if is_known:
        matching.kept = [(one, pairs[one.name]) for one in records if one.name in pairs]
        matching.gone = left
    else:
        matching.kept = [(record_of(row), row) for row in stored.accounts]
        matching.by_name = {row.name: row for row in stored.accounts}
        matching.aliases = {name: row.name for name, row in pairs.items() if name != row.name}
        new = [record for record in new if record.name not in matching.by_name]
    _place_new(stored, matching, new, at=at, ids_hold=ids_hold)
    return matching


def ids_moved(stored: Stored, records: Sequence[AccountRecord]) -> bool:
    """Whether most accounts of the same name have another id now; the engine's own never do."""
    before = {row.name: row.native_id for row in stored.accounts if not row.is_system}
    same_name = [record for record in records if before.get(record.name) and record.native_id]
    moved = [record for record in same_name if record.native_id != before[record.name]]
    return 2 * len(moved) > len(same_name)


def with_stored(record: AccountRecord, row: Account) -> AccountRecord:
    """``record`` with the mirror's word on everything that it calls unseen.

    Of a list, what could be seen is certain, and added to what the mirror has.
    """
    unseen = record.attributes[UNSEEN]
    attributes = {name: value for name, value in record.attributes.items() if name not in unseen}
    for name in unseen:
        seen = record.attributes.get(name)
        if isinstance(seen, list):
            stored = row.attributes.get(name, [])
            attributes[name] = [*stored, *(word for word in seen if word not in stored)]
        elif name in row.attributes:
            attributes[name] = row.attributes[name]
    fields = {name: getattr(row, name) for name in unseen if name in FIELDS}
    if "kind" in fields:
        fields["kind"] = AccountKind(row.kind)
    return replace(record, attributes=attributes, **fields)


def record_of(row: Account) -> AccountRecord:
    """The mirror's own knowledge of an account, to stand in for a record."""
    return AccountRecord(
        name=row.name,
        kind=AccountKind(row.kind),
        native_id=row.native_id,
        is_system=row.is_system,
        can_login=row.can_login,
        is_superuser=row.is_superuser,
        is_locked=row.is_locked,
        attributes=row.attributes,
        password_changed_at=row.password_changed_at,
        password_expires_at=row.password_expires_at,
        last_login_at=row.last_login_at,
    )


def _pairs(
    stored: Stored, records: Sequence[AccountRecord], *, ids_hold: bool
) -> dict[str, Account]:
    """The rows that stand for ``records``, by the name in the record."""
    by_native_id = {row.native_id: row for row in stored.accounts if row.native_id is not None}
    by_name = {row.name: row for row in stored.accounts}

    def same_id(record: AccountRecord) -> Account | None:
        return None if record.native_id is None else by_native_id.get(record.native_id)

    def same_name(record: AccountRecord) -> Account | None:
        row = by_name.get(record.name)
        has_two_ids = row and row.native_id is not None and record.native_id is not None
        return None if has_two_ids and ids_hold else row

    pairs: dict[str, Account] = {}
    for find in (same_id, same_name) if ids_hold else (same_name,):
        taken = {row.pk for row in pairs.values()}
        left = [record for record in records if record.name not in pairs]
        found = ((record.name, find(record)) for record in left)
        pairs |= {name: row for name, row in found if row and row.pk not in taken}
    return pairs


def _place_new(
    stored: Stored,
    matching: Matching,
    new: Sequence[AccountRecord],
    *,
    at: datetime,
    ids_hold: bool,
) -> None:
    """Sort accounts that no present row stands for into restored, recreated and added."""
    if not new:
        return

    def key(one: AccountRecord | Account) -> Hashable:
        return (one.native_id, one.native_id or one.name) if ids_hold else one.name

    names = [record.name for record in new]
    native_ids = [record.native_id for record in new if record.native_id is not None]
    removed = stored.removed(names, native_ids) if stored.was_ever_read else []
    identity = {key(row): row for row in removed}
    used_names = {row.name for row in (*removed, *matching.gone)}
    for record in new:
        row = identity.get(key(record))
        if row is not None:
            matching.restored.append((record, row))
        else:
            row = Account(instance=stored.instance, name=record.name, first_seen_at=at)
            place = matching.recreated if record.name in used_names else matching.added
            place.append((record, row))
        matching.by_name[record.name] = row
