"""Which tags, and the writes of their table."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Count, Q

if TYPE_CHECKING:
    from tags.models import Tag

BATCH = 500


class TagQuerySet(models.QuerySet["Tag"]):
    def with_uses(self) -> Self:
        """Adds ``instance_count``: on how many instances outside the recycle bin each is."""
        living = Q(instances__deleted_at=None)
        return self.annotate(instance_count=Count("instances", filter=living))

    def called(self, names: Collection[str]) -> "dict[str, Tag]":
        """Those of ``names`` that exist, by name."""
        wanted = sorted(names)
        return {
            tag.name: tag
            for start in range(0, len(wanted), BATCH)
            for tag in self.filter(name__in=wanted[start : start + BATCH])
        }

    def add(self, names: Collection[str]) -> "list[Tag]":
        """New tags of these names."""
        return self.bulk_create([self.model(name=name) for name in names], batch_size=BATCH)
