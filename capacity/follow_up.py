"""What follows a session that has measured, or has found databases gone."""

from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django_q.tasks import async_task

from capacity.models import TableSize
from instances.inventory import Inventory
from sync_sessions.models import SyncSession

REFRESH = "capacity.tasks.refresh_aggregates"


def queue_refresh(sender: object, *, session: UUID, **_: Any) -> None:
    """A receiver of ``session_finished``: have the workers refresh today's aggregates."""
    capacity = SyncSession.Category.CAPACITY
    if SyncSession.objects.filter(pk=session, category=capacity).exists():
        transaction.on_commit(partial(async_task, REFRESH, str(session)))


def end_tables(sender: object, *, inventory: Inventory, at: datetime, **_: Any) -> None:
    """A receiver of ``databases_changed``: the tables of a database end with it."""
    gone = [row.pk for row in inventory.gone]
    TableSize.objects.end_of(gone, on=timezone.localdate(at))
