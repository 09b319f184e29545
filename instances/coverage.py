"""How much of an instance its last reading knew; shown beside every number about it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Q

from instances.engines.base import Section as ReadSection
from instances.models import Section


@dataclass(frozen=True, slots=True)
class Coverage:
    """Known sections of all; ``accounts_read_at`` is when the list of accounts was last read."""

    known: int = 0
    total: int = 0
    accounts_read_at: datetime | None = None

    @property
    def was_read(self) -> bool:
        return self.total > 0

    @property
    def is_complete(self) -> bool:
        return self.was_read and self.known == self.total


NEVER_READ = Coverage()


def coverage_by_instance(
    instances: Iterable[int] | None = None, *, category: str = "accounts"
) -> dict[int, Coverage]:
    """The coverage of ``instances`` (None: of all) in one query; one never read is left out."""
    sections = Section.objects.filter(category=category)
    if instances is not None:
        sections = sections.filter(instance__in=set(instances))
    rows = (
        sections.order_by()
        .values("instance")
        .annotate(
            known=Count("pk", filter=Q(state=Section.State.COMPLETE)),
            total=Count("pk"),
            read_at=Max("read_at", filter=Q(name="accounts", database="")),
        )
    )
    return {row["instance"]: Coverage(row["known"], row["total"], row["read_at"]) for row in rows}


def coverage_of(instance: int) -> Coverage:
    return coverage_by_instance([instance]).get(instance, NEVER_READ)


def section_rows(
    instance: int, category: str, sections: Iterable[ReadSection], *, read_at: datetime
) -> Iterator[Section]:
    """Rows, unsaved, of what a reading of ``category`` knew at ``read_at`` and did not know."""
    for one in sections:
        yield Section(
            instance_id=instance,
            category=category,
            name=one.name,
            database=one.database,
            state=Section.State.COMPLETE if one.is_complete else Section.State.UNKNOWN,
            reason=one.reason,
            needed_grant=one.needed_grant,
            read_at=read_at if one.is_complete else None,
        )
