"""What follows a session that has measured."""

from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django_q.tasks import async_task

from sync_sessions.models import SyncSession

REFRESH = "capacity.tasks.refresh_aggregates"


def queue_refresh(sender: object, *, session: UUID, **_: Any) -> None:
    """A receiver of ``session_finished``: have the workers refresh today's aggregates."""
    capacity = SyncSession.Category.CAPACITY
    if SyncSession.objects.filter(pk=session, category=capacity).exists():
        transaction.on_commit(partial(async_task, REFRESH, str(session)))
