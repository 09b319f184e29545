"""Which instances, credentials and sections; and the writes of those tables."""

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.db import connections, models
from django.db.models import F

from whalefall.core.errors import InvalidRequest

if TYPE_CHECKING:
    from instances.models import Credential, Database, Instance, Section

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

    def add(self, credentials: Iterable["Credential"]) -> None:
        """Insert ``credentials`` and give each its key."""
        self.bulk_create(credentials, batch_size=BATCH)


class InstanceQuerySet(models.QuerySet["Instance"]):
    def living(self) -> Self:
        """Those outside the recycle bin."""
        return self.filter(deleted_at=None)

    def active(self) -> Self:
        """Those that runs include: alive and switched on."""
        return self.living().filter(is_active=True)

    def with_parts(self) -> Self:
        """With their credentials and tags."""
        return self.select_related("credential").prefetch_related("tags")

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

    def recycle(self, keys: Collection[int], *, at: datetime) -> None:
        """Into the recycle bin; one that is there already keeps its moment."""
        self.living().filter(pk__in=keys).update(deleted_at=at)

    def restore(self, pk: int) -> None:
        self.filter(pk=pk).update(deleted_at=None)

    def add(self, instances: Iterable["Instance"]) -> None:
        """Insert ``instances`` and give each its key."""
        self.bulk_create(instances, batch_size=BATCH)

    def add_tags(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Put tags on instances that have none yet; ``pairs`` are keys, the instance's first."""
        through = self.model.tags.through
        rows = [through(instance_id=instance, tag_id=tag) for instance, tag in pairs]
        through.objects.bulk_create(rows, batch_size=BATCH)

    def tag_pairs(self) -> "models.QuerySet[Any]":
        """Which of these instances has which tag."""
        return self.model.tags.through.objects.filter(instance__in=self.order_by())

    def assign_tags(self, tags: Collection[int]) -> int:
        """Put ``tags`` on these instances, in one statement; how many pairs are new."""
        through = self.model.tags.through
        connection = connections[self.db]
        quote = connection.ops.quote_name
        all_tags: Any = through._meta.get_field("tag").related_model
        tag_rows = all_tags.objects.filter(pk__in=tags)
        instances, given = self.order_by().values(key=F("pk")).query.sql_with_params()
        chosen, named = tag_rows.order_by().values(key=F("pk")).query.sql_with_params()
        sql = (
            f"INSERT INTO {quote(through._meta.db_table)} (instance_id, tag_id) "  # noqa: S608 -- names of ours
            f"SELECT one.key, tag.key FROM ({instances}) one CROSS JOIN ({chosen}) tag "
            "WHERE true ON CONFLICT DO NOTHING"  # without WHERE, SQLite takes ON for a join's
        )
        with connection.cursor() as cursor:
            cursor.execute(sql, (*given, *named))
            return int(cursor.rowcount)

    def remove_tags(self, tags: Collection[int] | None = None) -> int:
        """Take ``tags`` (None: all) off these instances, in one statement; how many pairs went."""
        pairs = self.tag_pairs()
        return (pairs if tags is None else pairs.filter(tag__in=tags)).delete()[0]

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

    def of_privileges(self) -> Self:
        """What decides who may do what, which logins of late have no part in."""
        return self.filter(category="accounts").exclude(name="activity")

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
