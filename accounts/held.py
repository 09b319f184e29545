"""Decide about a reading that the breaker held back."""

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from accounts.models import HeldReading
from accounts.reading import load
from accounts.sync import TASK, write_reading
from instances.models import Instance
from sync_sessions.launch import open_session
from sync_sessions.models import SyncRecord, SyncSession
from sync_sessions.outcomes import Outcome
from sync_sessions.run import run_stored
from whalefall.core.audit import note
from whalefall.core.errors import InvalidRequest, WhalefallError

if TYPE_CHECKING:
    from whalefall.users.models import User


class AlreadyDecided(WhalefallError):
    """Somebody has decided about it, or a newer reading has overtaken it."""

    code = "CONSTRAINT_VIOLATION"
    http_status = 409
    category = "conflict"


def accept_reading(held: HeldReading, *, trigger: str, by: "User | None" = None) -> SyncSession:
    """Apply the reading as it was stored; the finished session that did it.

    It is decided and applied in one transaction: where it can't be applied, it is not decided.
    Raises AlreadyDecided. Must not be called inside a transaction.
    """
    instance = held.record.instance
    assert instance is not None  # only readings of one server are held
    refresh(held)
    if held.decision != HeldReading.Decision.PENDING:
        raise already_decided(held)
    session = open_session(
        SyncSession.Category.ACCOUNTS,
        TASK,
        Instance.objects.filter(pk=instance.pk),
        trigger=trigger,
        requested_by=by,
    )

    def accept() -> datetime:
        decide(held, HeldReading.Decision.ACCEPTED, by)
        return held.record.started_at or timezone.now()

    def apply(record: SyncRecord) -> Outcome:
        return write_reading(record, load(held.reading), accept=accept)

    run_stored(session, apply)
    session.refresh_from_db()
    return session


def reject_reading(held: HeldReading, *, by: "User | None" = None) -> None:
    """Drop a held reading; the mirror stays as it is. Raises AlreadyDecided."""
    decide(held, HeldReading.Decision.REJECTED, by)


@transaction.atomic
def decide(held: HeldReading, decision: str, by: "User | None") -> None:
    by_pk = by.pk if by else None
    decided = HeldReading.objects.decide(held, decision, by=by_pk, at=timezone.now())
    refresh(held)
    if not decided:
        raise already_decided(held)
    note([(held, {"decision": [HeldReading.Decision.PENDING, decision]})])


def refresh(held: HeldReading) -> None:
    held.refresh_from_db(fields=["decision", "decided_by", "decided_at"])


def already_decided(held: HeldReading) -> AlreadyDecided:
    return AlreadyDecided(
        f"Held reading {held.pk} is {held.get_decision_display()} already; look at the newest "
        "reading of the instance."
    )


def find_held(pk: int) -> HeldReading:
    """The held reading of that number. Raises InvalidRequest."""
    held = HeldReading.objects.select_related("record__instance").filter(pk=pk).first()
    if held is None:
        raise InvalidRequest(f"There is no held reading {pk}.")
    return held
