"""Forget what is old: in many short transactions, by date, each table by a setting of its own."""

from collections import Counter
from collections.abc import Callable, Collection
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from instances.models import Instance
from sync_sessions.fleet import step
from sync_sessions.models import SyncEvent, SyncRecord, SyncSession
from whalefall.core.querysets import BATCH, forget_oldest

# Each may have a record, and some events, of every instance.
SESSIONS_AT_ONCE = 20


def days_back(days: int) -> datetime | None:
    """The local midnight that began the day ``days`` ago; None for 0, which keeps for ever."""
    if not days:
        return None
    day = timezone.localdate() - timedelta(days=days)
    return timezone.make_aware(datetime.combine(day, time()))


def sweep(
    record: SyncRecord, rows: "QuerySet[Any]", field: str, *, most: int = BATCH
) -> "Counter[str]":
    """Delete ``rows``, by ``field`` the oldest first; how many of each model, by its name."""
    deleted: Counter[str] = Counter()
    while True:
        with step(record):
            batch = forget_oldest(rows, field, most=most)
        if not batch:
            return deleted
        deleted += batch


def sweep_by_instance(record: SyncRecord, rows: Callable[[], "QuerySet[Any]"]) -> "Counter[str]":
    """Delete ``rows``, which a sync may take up again: never while it writes its instance."""
    deleted: Counter[str] = Counter()
    for instance in sorted(set(rows().values_list("instance", flat=True))):
        batch = Counter({"": 1})
        while batch:
            with step(record):
                Instance.objects.lock(instance)
                batch = forget_oldest(rows().filter(instance=instance), "pk")
            deleted += batch
    return deleted


def clean_sessions(record: SyncRecord, *, needed: Collection[UUID]) -> "Counter[str]":
    """Forget old events, then old sessions with all of theirs, except the ``needed`` ones.

    What has not come to its end stays, however old.
    """
    deleted = clean_events(record)
    before = days_back(settings.SESSION_RETENTION_DAYS)
    if before is not None:
        old = SyncSession.objects.over(before=before).exclude(pk__in=needed)
        deleted += sweep(record, old, "created_at", most=SESSIONS_AT_ONCE)
    return deleted


def clean_events(record: SyncRecord) -> "Counter[str]":
    """Forget the events of old sessions: all that a session said, never a part of it."""
    deleted: Counter[str] = Counter()
    before = days_back(settings.EVENT_RETENTION_DAYS)
    while before is not None:
        with step(record):
            old = SyncSession.objects.over(before=before).with_events().order_by("created_at")
            sessions = list(old.values_list("pk", flat=True)[:SESSIONS_AT_ONCE])
            deleted["syncevent"] += SyncEvent.objects.forget_of(sessions)
        if not sessions:
            break
    return +deleted
