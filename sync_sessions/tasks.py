"""django-q2 entry points."""

import structlog

from sync_sessions.jobs import StillRunning, start
from sync_sessions.models import SyncSession

log = structlog.get_logger(__name__)


def run_schedule(name: str) -> None:
    """What every schedule calls."""
    try:
        start(name, trigger=SyncSession.Trigger.SCHEDULE)
    except StillRunning as error:
        log.warning("schedule_skipped", schedule=name, message=str(error), **error.extra)


def beat() -> None:
    """Nothing but proof that the queue, a worker and the own database work together."""
