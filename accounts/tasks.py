"""django-q2 entry points: positional ids in, nothing out."""

from uuid import UUID

from accounts.sync import ACCOUNTS_SYNC, launch_account_sync
from instances.models import Instance
from sync_sessions.models import SyncSession
from sync_sessions.run import run_chunk


def sync_accounts_for_records(session_id: str, first: int, last: int) -> None:
    run_chunk(UUID(session_id), first, last, ACCOUNTS_SYNC)


def sync_all_accounts() -> None:
    launch_account_sync(Instance.objects.active(), trigger=SyncSession.Trigger.SCHEDULE)
