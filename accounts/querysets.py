"""Which accounts, edges and changes; and every write of the mirror's tables."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Self, TypeVar

from django.db import models
from django.db.models import Count, Q

if TYPE_CHECKING:
    from accounts.models import (
        Account,
        AccountChange,
        Grant,
        HeldReading,
        Membership,
        Securable,
    )
    from instances.models import Instance
    from sync_sessions.models import SyncRecord

# SQLite takes some 30,000 parameters in one statement; far fewer are as quick.
BATCH = 2000

T = TypeVar("T")
AnyEdge = TypeVar("AnyEdge", bound=models.Model)


def batches(items: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, BATCH)):
        yield batch


class AccountQuerySet(models.QuerySet["Account"]):
    def present(self) -> Self:
        return self.filter(removed_at=None)

    def listed(self) -> Self:
        """Those that lists and counts show by default: present, and not the engine's own."""
        return self.present().filter(is_system=False)

    def superusers(self) -> Self:
        return self.present().filter(is_superuser=True)

    def mark_removed(self, accounts: Iterable["Account"], *, at: datetime) -> None:
        for batch in batches(account.pk for account in accounts):
            self.filter(pk__in=batch).update(removed_at=at)

    def create_all(self, accounts: Iterable["Account"]) -> None:
        """Insert ``accounts`` and give each its key."""
        self.bulk_create(list(accounts), batch_size=BATCH)

    def rewrite(self, accounts: Sequence["Account"], fields: Collection[str]) -> None:
        """Store ``fields`` of ``accounts``, of which some may have swapped their names."""
        if "name" in fields:
            # Out of the unique index first: a swap would meet itself half-way.
            for batch in batches(account.pk for account in accounts):
                self.filter(pk__in=batch).update(removed_at=models.F("first_seen_at"))
        self.bulk_update(accounts, fields, batch_size=200)

    def saw_logins(self, logins: Iterable["Account"]) -> None:
        """Store ``last_login_at``. It is evidence, not a change: it has no part in fingerprints."""
        self.bulk_update(logins, ["last_login_at"], batch_size=200)


class SecurableQuerySet(models.QuerySet["Securable"]):
    def ensure(self, instance: "Instance", securables: Sequence["Securable"]) -> dict[str, int]:
        """The keys of ``securables`` by digest; those that are new are inserted."""
        known: dict[str, int] = {}
        ours = self.filter(instance=instance)
        for batch in batches(securable.digest for securable in securables):
            known.update(ours.filter(digest__in=batch).values_list("digest", "pk"))
        new = [securable for securable in securables if securable.digest not in known]
        self.bulk_create(new, batch_size=BATCH)
        return known | {securable.digest: securable.pk for securable in new}


class EdgeQuerySet(models.QuerySet[AnyEdge]):
    def open(self) -> Self:
        return self.filter(valid_to=None)

    def at(self, moment: datetime) -> Self:
        """The edges that held at ``moment``."""
        return self.filter(Q(valid_to=None) | Q(valid_to__gt=moment), valid_from__lte=moment)

    def close(self, keys: Iterable[int], *, at: datetime) -> None:
        for batch in batches(keys):
            self.open().filter(pk__in=batch).update(valid_to=at)


class MembershipQuerySet(EdgeQuerySet["Membership"]):
    def open_all(self, memberships: Iterable["Membership"]) -> None:
        self.bulk_create(memberships, batch_size=BATCH)


class GrantQuerySet(EdgeQuerySet["Grant"]):
    def counted_by_database(self) -> Iterable[tuple[int, str, int]]:
        """(account, database, number of grants there), in this order."""
        rows = self.values_list("account", "securable__database").annotate(Count("pk"))
        return rows.order_by("account", "securable__database")

    def open_all(self, grants: Iterable["Grant"]) -> None:
        self.bulk_create(grants, batch_size=BATCH)


class AccountChangeQuerySet(models.QuerySet["AccountChange"]):
    def record(self, changes: Iterable["AccountChange"]) -> None:
        self.bulk_create(changes, batch_size=BATCH)

    def counted(self) -> dict[str, int]:
        """How many there are of each kind."""
        counts = self.order_by().values_list("kind").annotate(Count("pk"))
        return dict(counts)


class HeldReadingQuerySet(models.QuerySet["HeldReading"]):
    def pending(self) -> Self:
        return self.filter(decision="pending")

    def hold(
        self, record: "SyncRecord", *, reading: dict[str, Any], summary: dict[str, Any]
    ) -> "HeldReading":
        """Keep a reading until somebody decides about it."""
        return self.create(record=record, reading=reading, summary=summary)

    def supersede(self, instance: int, *, at: datetime) -> None:
        """A newer reading of ``instance`` is here; nobody may accept an older one any more."""
        ours = self.filter(record__instance=instance).values("pk")
        self.pending().filter(pk__in=ours).update(decision="superseded", decided_at=at)

    def decide(self, held: "HeldReading", decision: str, *, by: int | None, at: datetime) -> bool:
        """Whether ``held`` was still pending, and is now decided."""
        decided = self.pending().filter(pk=held.pk)
        return bool(decided.update(decision=decision, decided_by=by, decided_at=at))
