"""Mirror the accounts of servers, now or by the workers."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet

from accounts.sync import launch_account_sync, sync_accounts_now
from instances.models import Instance
from sync_sessions.commands import RunCommand
from sync_sessions.models import SyncRecord, SyncSession


class Command(RunCommand):
    help = "Mirror the accounts of the named instances, or of every active one."
    doing = "Syncing"
    done = "synced"

    def launch(self, instances: QuerySet[Instance], *, trigger: str, **options: Any) -> SyncSession:
        return launch_account_sync(instances, trigger=trigger)

    def run_now(
        self,
        instances: QuerySet[Instance],
        *,
        trigger: str,
        settled: Callable[[SyncRecord], None],
        **options: Any,
    ) -> SyncSession:
        return sync_accounts_now(instances, trigger=trigger, settled=settled)
