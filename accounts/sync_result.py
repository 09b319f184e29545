"""How an account sync of one instance, run while somebody waits, ended."""

from functools import partial
from typing import TYPE_CHECKING, Any

from accounts.models import HeldReading
from accounts.sync import sync_accounts_now
from instances.models import Instance
from sync_sessions import results
from sync_sessions.models import SyncRecord, SyncSession
from sync_sessions.results import RunFailed, completed_record

if TYPE_CHECKING:
    from whalefall.users.models import User


def synced_record(instance: Instance, *, requested_by: "User") -> SyncRecord:
    """The completed record of a sync that ran now. Raises RunFailed, also for a bug.

    A reading that was held back is named beside the failure, with what it would remove.
    """
    sync = partial(
        sync_accounts_now, [instance], trigger=SyncSession.Trigger.API, requested_by=requested_by
    )
    try:
        return completed_record(lambda settled: sync(settled=settled))
    except RunFailed as error:
        held = HeldReading.objects.filter(record=error.record).values("pk", "summary").first()
        if held:
            error.extra |= {"held_reading": held["pk"], **held["summary"]}
        raise


def result(record: SyncRecord) -> dict[str, Any]:
    accounts, changes = (record.counts.get(name, 0) for name in ("accounts", "changes"))
    return results.result(record, f"{accounts} accounts read, {changes} changes found.")
