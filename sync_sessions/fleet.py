"""Runs about the whole fleet: a session with one record and no server to read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from sync_sessions.launch import cancel_session, launch, open_session
from sync_sessions.models import SyncRecord, SyncSession
from sync_sessions.outcomes import Cancelled, LeaseLost, Outcome
from sync_sessions.run import WRITE_LEASE, run_stored
from whalefall.core.errors import WhalefallError

if TYPE_CHECKING:
    from whalefall.users.models import User


def launch_for_fleet(
    category: str, task: str, *, trigger: str, requested_by: "User | None" = None
) -> SyncSession:
    """Hand ``task`` to the workers, in a session about the whole fleet."""
    return launch(category, task, [None], trigger=trigger, requested_by=requested_by)


def run_for_fleet(
    category: str,
    task: str,
    write: Callable[[SyncRecord], Outcome],
    *,
    trigger: str,
    requested_by: "User | None" = None,
) -> SyncSession:
    """Run ``write`` in this process; the finished session. ``task`` is who would run it again.

    Must not be called inside a transaction. Raises the expected failure that ended it,
    AlreadyRunning among them. Ctrl-C cancels the session.
    """
    session = open_session(category, task, [None], trigger=trigger, requested_by=requested_by)
    try:
        run_stored(session, write)
    except KeyboardInterrupt:
        cancel_session(session)
        raise
    session.refresh_from_db()
    return session


def run_fleet_record(session_id: UUID, write: Callable[[SyncRecord], Outcome]) -> None:
    """What a task calls: run the record of a launched session. Its record tells how it ended."""
    try:
        run_stored(SyncSession.objects.get(pk=session_id), write)
    except WhalefallError:
        return  # an expected failure is a result: it is on the record, and logged


@contextmanager
def step(record: SyncRecord) -> Iterator[None]:
    """One of the short transactions of a run that takes many; it keeps the record's lease.

    Raises LeaseLost when another worker has taken the record over, and Cancelled.
    """
    with transaction.atomic(durable=True):
        if not SyncRecord.objects.hold(record, lease_until=timezone.now() + WRITE_LEASE):
            raise LeaseLost("Another worker has taken this record over.")
        wanted = SyncSession.objects.filter(pk=record.session_id, cancel_requested_at=None)
        if not wanted.exists():
            raise Cancelled("The session was cancelled.")
        yield
