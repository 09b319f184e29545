"""Forget old changes, decided readings, closed edges, and what no edge speaks of any more."""

from collections import Counter
from datetime import datetime
from uuid import UUID

from django.conf import settings

from accounts.history import KEPT_SINCE, as_mark, kept_since, marking_session
from accounts.models import Account, AccountChange, Grant, HeldReading, Membership, Securable
from sync_sessions.cleaning import days_back, sweep, sweep_by_instance
from sync_sessions.fleet import step
from sync_sessions.models import SyncRecord


def clean_accounts(record: SyncRecord) -> "Counter[str]":
    """How many rows went, by the name of their model; and since when history is kept."""
    deleted: Counter[str] = Counter()
    before = days_back(settings.CHANGE_RETENTION_DAYS)
    if before is not None:
        old = AccountChange.objects.filter(occurred_at__lt=before)
        deleted += sweep(record, old, "occurred_at")
    before = days_back(settings.HELD_READING_RETENTION_DAYS)
    if before is not None:
        deleted += sweep(record, HeldReading.objects.decided(before=before), "decided_at", most=20)
    before = days_back(settings.HISTORY_RETENTION_DAYS)
    if before is not None:
        deleted += clean_history(record, before=before)
    since = kept_since()
    return deleted if since is None else deleted | Counter({KEPT_SINCE: as_mark(since)})


def needed_sessions() -> set[UUID]:
    """Sessions whose end would take away a decision to be made, or the mark of what is kept."""
    waiting = HeldReading.objects.pending().values_list("record__session", flat=True)
    return {*waiting, *marking_session()}


def clean_history(record: SyncRecord, *, before: datetime) -> "Counter[str]":
    """Forget the edges closed before ``before``, and removed accounts and things without any."""
    grants = Grant.objects.closed(before=before)
    memberships = Membership.objects.closed(before=before)
    accounts = Account.objects.forgettable(before=before)
    if not (grants.exists() or memberships.exists() or accounts.exists()):
        return Counter()
    with step(record):  # first: an answer of now must not miss what goes while it is made
        SyncRecord.objects.note(record, **{KEPT_SINCE: as_mark(before)})
    deleted = sweep(record, grants, "valid_to") + sweep(record, memberships, "valid_to")
    deleted += sweep_by_instance(record, lambda: Account.objects.forgettable(before=before))
    return deleted + sweep_by_instance(record, Securable.objects.unused)
