"""How a run on one instance, made while somebody waits, ended: as a result or as an error."""

from collections.abc import Callable
from typing import Any

from sync_sessions.models import SyncRecord, SyncSession
from sync_sessions.outcomes import AlreadyRunning
from whalefall.core.codes import CODES
from whalefall.core.errors import WhalefallError
from whalefall.core.problems import Problem, problem_of

Run = Callable[[Callable[[SyncRecord], None]], SyncSession]
"""Takes whom to tell of a record that has ended; gives the finished session."""


class RunFailed(WhalefallError):
    """The record did not complete; it has the code and the message."""

    def __init__(self, record: SyncRecord) -> None:
        self.record = record
        message = record.error_message or f"The sync is {record.get_status_display()}."
        ended = _result(record, "failed", message)
        extra = {"result": ended, "instance_id": record.instance_id}
        if record.error_code == AlreadyRunning.code:
            extra |= AlreadyRunning(record).extra
        super().__init__(message, extra=extra)


def completed_record(run: Run) -> SyncRecord:
    """The completed record of the one instance that ``run`` is about. Raises RunFailed.

    Also for a bug: that is in the log already, under the error_id that the message names.
    """
    settled: list[SyncRecord] = []
    try:
        session = run(settled.append)
    except Exception:
        if not settled:
            raise
        raise RunFailed(settled[0]) from None
    record = session.records.select_related("instance").get()
    if record.status != SyncRecord.Status.COMPLETED:
        raise RunFailed(record)
    return record


def result(record: SyncRecord, message: str) -> dict[str, Any]:
    """What the API tells of a completed record; ``message`` sums its counts up."""
    return _result(record, "completed", message)


def _result(record: SyncRecord, status: str, message: str) -> dict[str, Any]:
    return {
        "status": status,
        "message": message,
        "success": status == "completed",
        "session_id": str(record.session_id),
        "counts": record.counts,
    }


@problem_of.register
def _(error: RunFailed) -> Problem:
    code = error.record.error_code
    # A cancelled record has none.
    known = code if code in CODES else "CONSTRAINT_VIOLATION"
    return Problem(known, str(error), error.extra)
