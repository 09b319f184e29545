"""Clean-up of every app in one run. It stands above the apps, which do not know each other."""

from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib.sessions.backends.db import SessionStore

from accounts.cleaning import clean_accounts, needed_sessions
from capacity.cleaning import clean_capacity
from sync_sessions.cleaning import clean_sessions
from sync_sessions.fleet import launch_for_fleet, run_fleet_record, run_for_fleet
from sync_sessions.models import SyncRecord, SyncSession
from sync_sessions.outcomes import Outcome

if TYPE_CHECKING:
    from whalefall.users.models import User

TASK = "capacity.tasks.clean_up_for_record"


def launch_clean_up(*, trigger: str, requested_by: "User | None" = None) -> SyncSession:
    """Have the workers forget what is older than the settings keep."""
    category = SyncSession.Category.CLEAN_UP
    return launch_for_fleet(category, TASK, trigger=trigger, requested_by=requested_by)


def clean_up_now(*, trigger: str, requested_by: "User | None" = None) -> SyncSession:
    """Clean up in this process; the finished session. Not inside a transaction.

    Raises AlreadyRunning, which its record has too.
    """
    category = SyncSession.Category.CLEAN_UP
    return run_for_fleet(category, TASK, clean_up, trigger=trigger, requested_by=requested_by)


def run_clean_up(session_id: UUID) -> None:
    run_fleet_record(session_id, clean_up)


def clean_up(record: SyncRecord) -> Outcome:
    """Counts the deleted rows by the name of their model."""
    deleted = clean_accounts(record)
    deleted += clean_capacity(record)
    deleted += clean_sessions(record, needed=needed_sessions())
    SessionStore.clear_expired()  # sign-ins; how many there were is of no interest
    return Outcome(dict(deleted))
