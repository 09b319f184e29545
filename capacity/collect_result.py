"""How a collection of one instance, run while somebody waits, ended."""

from functools import partial
from typing import TYPE_CHECKING, Any

from django.template.defaultfilters import filesizeformat

from capacity.collect import collect_now
from instances.models import Instance
from sync_sessions import results
from sync_sessions.models import SyncRecord, SyncSession
from sync_sessions.results import completed_record

if TYPE_CHECKING:
    from whalefall.users.models import User


def collected_record(instance: Instance, *, requested_by: "User") -> SyncRecord:
    """The completed record of a collection that ran now. Raises RunFailed, also for a bug."""
    collect = partial(
        collect_now, [instance], trigger=SyncSession.Trigger.API, requested_by=requested_by
    )
    return completed_record(lambda settled: collect(settled=settled))


def result(record: SyncRecord) -> dict[str, Any]:
    databases, total = record.counts["databases"], record.counts.get("total_bytes")
    size = "of unknown size" if total is None else filesizeformat(total).replace("\xa0", " ")
    return results.result(record, f"{databases} databases, {size}.")
