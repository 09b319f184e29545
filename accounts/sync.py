"""Keep the mirror of an instance's accounts equal to the server's."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.changes import ChangeLog, Entry
from accounts.compare import Comparison, compare
from accounts.models import AccountChange, HeldReading
from accounts.reading import dump
from accounts.store import store
from accounts.stored import Stored
from instances.engines.base import AccountsReading, Engine
from instances.inventory import take_inventory
from instances.models import Instance, Section
from sync_sessions.inline import run_inline
from sync_sessions.launch import launch, open_session
from sync_sessions.models import SyncRecord, SyncSession
from sync_sessions.outcomes import LeaseLost, Outcome
from sync_sessions.run import WRITE_LEASE, Work
from whalefall.core.errors import WhalefallError
from whalefall.core.fallbacks import FallbackReason, log_fallback

if TYPE_CHECKING:
    from whalefall.users.models import User

TASK = "accounts.tasks.sync_accounts_for_records"
# Fewer lost accounts or edges than this are never implausible.
IMPLAUSIBLE_FLOOR = 5


class ReadingHeld(WhalefallError):
    """The breaker held the reading back: it would remove too much to be believed unseen."""

    code = "SYNC_IMPLAUSIBLE"
    http_status = 409
    category = "conflict"
    suggestions = ("Look at the held reading, then accept or reject it.",)


def launch_account_sync(
    instances: Iterable[Instance], *, trigger: str, requested_by: "User | None" = None
) -> SyncSession:
    """Hand an account sync of ``instances`` to the workers."""
    return launch(
        SyncSession.Category.ACCOUNTS,
        TASK,
        instances,
        trigger=trigger,
        requested_by=requested_by,
    )


def sync_accounts_now(
    instances: Iterable[Instance],
    *,
    trigger: str,
    requested_by: "User | None" = None,
    settled: Callable[[SyncRecord], None] = lambda _record: None,
) -> SyncSession:
    """Sync the accounts of ``instances`` in this process; the finished session.

    Must not be called inside a transaction. Ctrl-C cancels the session.
    """
    session = open_session(
        SyncSession.Category.ACCOUNTS,
        TASK,
        instances,
        trigger=trigger,
        requested_by=requested_by,
    )
    return run_inline(session, ACCOUNTS_SYNC, settled=settled)


def read_accounts(engine: Engine) -> AccountsReading:
    return engine.read_accounts()


def write_reading(
    record: SyncRecord,
    reading: AccountsReading,
    *,
    accept: Callable[[], datetime] | None = None,
) -> Outcome:
    """Make the mirror of the record's instance equal to ``reading``, in one transaction.

    Raises ReadingHeld when the reading is not plausible: then it is stored for a decision and
    nothing else changes. ``accept`` takes that decision inside the same transaction, and tells
    when the reading was made. Raises LeaseLost when another worker has taken the record over.
    """
    with transaction.atomic(durable=True):
        now = timezone.now()
        if not SyncRecord.objects.hold(record, lease_until=now + WRITE_LEASE):
            raise LeaseLost("Another worker has taken this record over.")
        assert record.instance_id is not None  # account syncs are always about one server
        instance = Instance.objects.lock(record.instance_id)
        read_at = accept() if accept else now
        if reading.databases and not accept:  # one held back may tell names of long ago
            take_inventory(
                instance,
                reading.databases,
                version=reading.version,
                is_known=True,
                session=record.session_id,
                at=now,
            )
        stored = Stored(instance)
        comparison = compare(stored, reading, at=now)
        HeldReading.objects.supersede(instance.pk, at=now)
        summary = None if accept else implausible(stored, comparison)
        if summary is None:
            return apply(record, stored, comparison, at=now, read_at=read_at)
        held = HeldReading.objects.hold(record, reading=dump(reading), summary=summary)
    raise ReadingHeld(
        f"{instance} would lose {summary['lost_accounts']} of {summary['accounts']} accounts and "
        f"{summary['lost_edges']} of {summary['edges']} grants and memberships. Nothing was "
        f"changed; accept or reject held reading {held.pk}.",
        extra={"held_reading": held.pk, **summary},
    )


def apply(
    record: SyncRecord,
    stored: Stored,
    comparison: Comparison,
    *,
    at: datetime,
    read_at: datetime,
) -> Outcome:
    instance, knowledge = stored.instance, comparison.knowledge
    log = ChangeLog(stored, comparison, session=record.session_id, at=at)
    changes = list(log.entries())
    touched = store(instance, comparison, at=at)
    AccountChange.objects.record(changes)
    Section.objects.record(knowledge.rows(instance.pk, read_at))
    reading = knowledge.reading
    Instance.objects.reached(
        instance.pk, version=reading.version, settings=reading.settings, at=read_at
    )
    if not knowledge.is_complete:
        log_fallback(
            "sections_unknown",
            FallbackReason.SECTION_UNKNOWN,
            sections=sorted(f"{name} {database}".strip() for name, database in knowledge.unknown),
        )
    numbers = counts(comparison, changes)
    return Outcome({**numbers, "touched": touched}, knowledge.coverage)


def counts(comparison: Comparison, changes: list[Entry]) -> dict[str, int]:
    matching, edges = comparison.matching, comparison.changes.values()
    return {
        "accounts": len(comparison.fingerprints),
        "added": len(matching.added) + len(matching.recreated) + len(matching.restored),
        "removed": len(matching.gone),
        "granted": sum(len(change.opened) for change in edges),
        "revoked": comparison.lost_edges(),
        "changes": len(changes),
        "sections": len(comparison.knowledge.known) + len(comparison.knowledge.unknown),
        "unknown_sections": len(comparison.knowledge.unknown),
    }


def implausible(stored: Stored, comparison: Comparison) -> dict[str, Any] | None:
    """What a reading would remove, if that is more than we believe without being told; else None.

    More than ``IMPLAUSIBLE_SHARE`` of the accounts, or of the open grants and memberships.
    """
    lost_accounts, lost_edges = len(comparison.matching.gone), comparison.lost_edges()
    if max(lost_accounts, lost_edges) < IMPLAUSIBLE_FLOOR:
        return None
    accounts, edges = len(stored.accounts), stored.open_edges()
    if not (too_many(lost_accounts, accounts) or too_many(lost_edges, edges)):
        return None
    return {
        "accounts": accounts,
        "lost_accounts": lost_accounts,
        "edges": edges,
        "lost_edges": lost_edges,
        "names": sorted(row.name for row in comparison.matching.gone)[:50],
    }


def too_many(lost: int, total: int) -> bool:
    return lost >= IMPLAUSIBLE_FLOOR and lost > settings.IMPLAUSIBLE_SHARE * total


ACCOUNTS_SYNC = Work(read=read_accounts, write=write_reading)
