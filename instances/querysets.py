"""Which instances, credentials and sections; and the writes of those tables."""

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.db import models

from whalefall.core.errors import InvalidRequest

if TYPE_CHECKING:
    from instances.models import Credential, Database, Instance, Section  # noqa: F401 -- named in a quoted base class

BATCH = 500


class CredentialQuerySet(models.QuerySet["Credential"]):
    def rotate(self) -> int:
        """Encrypt every stored password anew with the newest key; how many there were.

        Raises UnreadableCredential naming the first that no key opens; call inside a transaction.
        """
        credentials = list(self.select_for_update())
        for credential in credentials:
            credential.password = credential.rotated_password()
        return self.bulk_update(credentials, ["password"], batch_size=500)


class InstanceQuerySet(models.QuerySet["Instance"]):
    def living(self) -> Self:
        """Those outside the recycle bin."""
        return self.filter(deleted_at=None)

    def active(self) -> Self:
        """Those that runs include: alive and switched on."""
        return self.living().filter(is_active=True)

    def named(self, names: Sequence[str]) -> Self:
        """The living instances of these names. Raises InvalidRequest naming those that are none."""
        found = set(self.living().filter(name__in=names).values_list("name", flat=True))
        unknown = [name for name in names if name not in found]
        if unknown:
            raise InvalidRequest(
                f"There is no instance named {', '.join(map(repr, unknown))}.",
                extra={"fields": {"instances": unknown}},
            )
        return self.living().filter(name__in=names)

    def forget(self) -> None:
        """Delete these instances, their credentials and all that was ever known of them."""
        credentials = [instance.credential for instance in self.select_related("credential")]
        self.delete()
        for credential in credentials:
            credential.delete()

    def recycle(self, pk: int, *, at: datetime) -> None:
        """Into the recycle bin; one that is there already keeps its moment."""
        self.living().filter(pk=pk).update(deleted_at=at)

    def restore(self, pk: int) -> None:
        self.filter(pk=pk).update(deleted_at=None)

    def lock(self, pk: int) -> "Instance":
        """The row, kept from other writers until the transaction ends (a no-op on SQLite)."""
        # Not from rows that only point to it, such as aggregates: those would wait for us while
        # we wait for them.
        return self.select_for_update(of=("self",), no_key=True).get(pk=pk)

    def reached(self, pk: int, *, version: str, settings: Mapping[str, str], at: datetime) -> None:
        self.filter(pk=pk).update(
            version=version, server_settings=dict(settings), last_reached_at=at, last_error=""
        )

    def was_reached(self, pk: int, *, at: datetime) -> None:
        self.filter(pk=pk).update(last_reached_at=at, last_error="")

    def not_reached(self, pk: int, *, error: str) -> None:
        self.filter(pk=pk).update(last_error=error)


class DatabaseQuerySet(models.QuerySet["Database"]):
    def present(self) -> Self:
        return self.filter(removed_at=None)

    def mark_removed(self, keys: Sequence[int], *, at: datetime) -> None:
        for start in range(0, len(keys), BATCH):
            self.filter(pk__in=keys[start : start + BATCH]).update(removed_at=at)

    def add(self, databases: Iterable["Database"]) -> None:
        """Insert ``databases`` and give each its key."""
        self.bulk_create(databases, batch_size=BATCH)

    def rewrite(self, databases: Sequence["Database"]) -> None:
        """Store what the server tells of ``databases``; some may have swapped their names."""
        keys = [database.pk for database in databases]
        for start in range(0, len(keys), BATCH):
            # Out of the unique index first: a swap would meet itself half-way.
            batch = self.filter(pk__in=keys[start : start + BATCH])
            batch.update(removed_at=models.F("first_seen_at"))
        fields = ["name", "native_id", "is_system", "removed_at"]
        self.bulk_update(databases, fields, batch_size=200)


class SectionQuerySet(models.QuerySet["Section"]):
    def unknown(self) -> Self:
        return self.filter(state="unknown")

    def follow(self, instance: int, renamed: Mapping[str, str], replaced: Set[str]) -> None:
        """Move what is known to the databases' new names, and forget it of ``replaced``."""
        ours = self.filter(instance=instance)
        moved = list(ours.filter(database__in=renamed.keys()))
        # Out of the unique index first: a swap would meet itself half-way.
        ours.filter(database__in={*renamed, *renamed.values(), *replaced}).delete()
        for row in moved:
            row.pk, row.database = None, renamed[row.database]
        self.bulk_create(moved, batch_size=BATCH)

    def record(self, sections: Iterable["Section"]) -> None:
        """Store what the last reading knew and did not know; sections it lacks are forgotten.

        ``sections`` are all of one instance and category, unsaved, each with ``read_at`` set, or
        None where the reading did not have it: then the moment it was last read is kept.
        """
        rows = list(sections)
        if not rows:
            return
        ours = self.filter(instance=rows[0].instance_id, category=rows[0].category)
        names = {(row.name, row.database) for row in rows}
        gone = [row.pk for row in ours if (row.name, row.database) not in names]
        for start in range(0, len(gone), 500):
            self.filter(pk__in=gone[start : start + 500]).delete()
        unique = ["instance", "category", "name", "database"]
        state = ["state", "reason", "needed_grant"]
        read = [row for row in rows if row.read_at]
        unread = [row for row in rows if not row.read_at]
        for batch, fields in ((read, [*state, "read_at"]), (unread, state)):
            self.bulk_create(
                batch,
                update_conflicts=True,
                unique_fields=unique,
                update_fields=fields,
                batch_size=500,
            )
