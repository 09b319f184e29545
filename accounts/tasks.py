"""django-q2 entry points: positional ids in, nothing out.

What a schedule starts takes ``trigger`` and ``requested_by``, and returns the session.
"""

from typing import Any
from uuid import UUID

from accounts import classify
from accounts.sync import ACCOUNTS_SYNC, launch_account_sync
from instances.models import Instance
from sync_sessions.models import SyncSession
from sync_sessions.run import run_chunk


def sync_accounts_for_records(session_id: str, first: int, last: int) -> None:
    run_chunk(UUID(session_id), first, last, ACCOUNTS_SYNC)


def sync_all_accounts(**who: Any) -> SyncSession:
    return launch_account_sync(Instance.objects.active(), **who)


def classify_for_records(session_id: str, _first: int, _last: int) -> None:
    classify.run_classification(UUID(session_id))


def classify_after(session_id: str) -> None:
    classify.classify_after(SyncSession.objects.get(pk=session_id))


def classify_all_accounts(**who: Any) -> SyncSession:
    return classify.launch_classification(**who)
