"""How a sync of one instance, run while somebody waits, ended: as a result or as an error."""

from typing import TYPE_CHECKING, Any

from accounts.models import HeldReading
from accounts.sync import sync_accounts_now
from instances.models import Instance
from sync_sessions.models import SyncRecord, SyncSession
from sync_sessions.outcomes import AlreadyRunning
from whalefall.core.codes import CODES
from whalefall.core.errors import WhalefallError
from whalefall.core.problems import Problem, problem_of

if TYPE_CHECKING:
    from whalefall.users.models import User


class SyncFailed(WhalefallError):
    """The record did not complete; it has the code and the message."""

    def __init__(self, record: SyncRecord) -> None:
        self.record = record
        ended = result(record)
        extra = {**more(record), "result": ended, "instance_id": record.instance_id}
        super().__init__(ended["message"], extra=extra)


def synced_record(instance: Instance, *, requested_by: "User") -> SyncRecord:
    """The completed record of a sync that ran now. Raises SyncFailed, also for a bug.

    A bug is in the log already, under the error_id that the record's message names.
    """
    settled: list[SyncRecord] = []
    try:
        session = sync_accounts_now(
            [instance],
            trigger=SyncSession.Trigger.API,
            requested_by=requested_by,
            settled=settled.append,
        )
    except Exception:
        if not settled:
            raise
        raise SyncFailed(settled[0]) from None
    record = session.records.select_related("instance").get()
    if record.status != SyncRecord.Status.COMPLETED:
        raise SyncFailed(record)
    return record


def result(record: SyncRecord) -> dict[str, Any]:
    is_completed = record.status == SyncRecord.Status.COMPLETED
    accounts, changes = (record.counts.get(name, 0) for name in ("accounts", "changes"))
    return {
        "status": "completed" if is_completed else "failed",
        "message": (
            f"{accounts} accounts read, {changes} changes found."
            if is_completed
            else record.error_message or f"The sync is {record.get_status_display()}."
        ),
        "success": is_completed,
        "session_id": str(record.session_id),
        "counts": record.counts,
    }


def more(record: SyncRecord) -> dict[str, Any]:
    """What the error itself would have said beside its message."""
    if record.error_code == AlreadyRunning.code:
        return AlreadyRunning(record).extra
    held = HeldReading.objects.filter(record=record).values("pk", "summary").first()
    return {"held_reading": held["pk"], **held["summary"]} if held else {}


@problem_of.register
def _(error: SyncFailed) -> Problem:
    code = error.record.error_code
    # A cancelled record has none.
    known = code if code in CODES else "CONSTRAINT_VIOLATION"
    return Problem(known, str(error), error.extra)
