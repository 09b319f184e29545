"""Table sizes as edges in time; and the writes of that table."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Exists, OuterRef

if TYPE_CHECKING:
    from capacity.models import TableSize

BATCH = 500

Key = tuple[int, str, str]
"""A table's database, schema and name."""


class TableSizeQuerySet(models.QuerySet["TableSize"]):
    def open(self) -> Self:
        return self.filter(valid_to=None)

    def ended(self, *, on: date) -> Self:
        return self.filter(valid_to=on)

    def around(self, keys: Iterable[Key]) -> Self:
        """The rows of these tables, some hundred at most, and of others in the same places.

        Each part apart: SQLite reads its whole index when it is asked for one or another key.
        """
        databases, schemas, names = (set(part) for part in zip(*keys, strict=True))
        return self.filter(database__in=databases, schema__in=schemas, name__in=names)

    def outdated(self, *, before: date) -> Self:
        """Sizes that ended before that day, of tables with a newer one."""
        newer = self.model._default_manager.filter(
            database=OuterRef("database"),
            schema=OuterRef("schema"),
            name=OuterRef("name"),
            valid_from__gt=OuterRef("valid_from"),
        )
        return self.filter(Exists(newer), valid_to__lt=before)

    def add(self, sizes: Sequence["TableSize"]) -> None:
        """Insert ``sizes`` and give each its key."""
        self.bulk_create(sizes, batch_size=BATCH)

    def correct(self, sizes: Sequence["TableSize"]) -> None:
        """Store other numbers in the rows of ``sizes``, which have their keys."""
        self.bulk_create(
            sizes,
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=["total_bytes", "data_bytes", "index_bytes", "estimated_rows"],
            batch_size=BATCH,
        )

    def reopen(self, keys: Iterable[int]) -> None:
        for batch in batches(keys):
            self.filter(pk__in=batch).update(valid_to=None)

    def end(self, keys: Iterable[int], *, on: date) -> None:
        """From ``on`` these sizes hold no more. One that began on that day has never held."""
        for batch in batches(keys):
            self.filter(pk__in=batch)._end(on)

    def end_of(self, databases: Iterable[int], *, on: date) -> None:
        """``end`` for every open size of ``databases``."""
        for batch in batches(databases):
            self.open().filter(database__in=batch)._end(on)

    def _end(self, on: date) -> None:
        self.filter(valid_from__gte=on).delete()
        self.filter(valid_from__lt=on).update(valid_to=on)


def batches(keys: Iterable[int]) -> Iterator[list[int]]:
    listed = list(keys)
    for start in range(0, len(listed), BATCH):
        yield listed[start : start + BATCH]
