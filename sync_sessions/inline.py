"""Run a session in this process, while somebody waits."""

from collections.abc import Callable

from sync_sessions.launch import cancel_session
from sync_sessions.models import SyncRecord, SyncSession
from sync_sessions.run import Work, run_chunk


def run_inline(
    session: SyncSession,
    work: Work,
    *,
    settled: Callable[[SyncRecord], None] = lambda _record: None,
) -> SyncSession:
    """Run every record of a session that was opened and not queued; the finished session.

    Must not be called inside a transaction. Ctrl-C cancels the session.
    """
    keys = list(session.records.order_by("pk").values_list("pk", flat=True))
    try:
        if keys:
            run_chunk(session.pk, keys[0], keys[-1], work, settled=settled)
    except KeyboardInterrupt:
        cancel_session(session)
        raise
    session.refresh_from_db()
    return session
