"""One record's claim, its end, and what becomes of an error in between."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import structlog
from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone

from instances.models import Instance
from sync_sessions.events import EventBuffer
from sync_sessions.models import SyncRecord
from whalefall.core.errors import WhalefallError
from whalefall.logs import scrub_text

log = structlog.get_logger(__name__)


class LeaseLost(WhalefallError):
    """Another worker has this record now; whatever we read is thrown away."""

    code = "WORKER_LOST"


class Cancelled(WhalefallError):
    """The session was cancelled while the record ran."""


class AlreadyRunning(WhalefallError):
    """The same work runs on that instance now; ``extra["session_id"]`` says in which session."""

    code = "SYNC_ALREADY_RUNNING"
    http_status = 409
    category = "conflict"
    suggestions = ("Wait for that session, or cancel it.",)

    def __init__(self, record: SyncRecord) -> None:
        other = SyncRecord.objects.filter(
            instance=record.instance_id, category=record.category, status="running"
        ).first()
        session = str(other.session_id) if other else None
        place = f" in session {session}" if session else ""  # none: it has just ended
        super().__init__(
            f"The same work already runs on {record.instance}{place}. Wait for it, or cancel that "
            "session.",
            extra={"session_id": session},
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a write did: numbers by name, and known sections / all sections."""

    counts: dict[str, int]
    coverage: float | None = None


def lease() -> timedelta:
    return timedelta(seconds=settings.LEASE_SECONDS)


def claim(record: SyncRecord) -> bool:
    """Whether ``record`` is ours to run now.

    Raises AlreadyRunning, and the record has failed, when another session runs the same work.
    """
    now = timezone.now()
    try:
        return SyncRecord.objects.claim(record, at=now, lease_until=now + lease())
    except IntegrityError:
        error = AlreadyRunning(record)
        SyncRecord.objects.refuse(record, at=now, code=error.code, message=str(error))
        log.warning("record_refused", code=error.code)
        raise error from None


def end_record(buffer: EventBuffer, *, status: str, **result: Any) -> bool:
    """Give the buffer's record its end and store its events; False when it is no longer ours."""
    record = buffer.record
    if not SyncRecord.objects.end(record, status=status, at=timezone.now(), **result):
        log.warning("lease_lost", code=LeaseLost.code)
        return False
    if record.error_code.startswith("DATABASE_") and record.instance_id is not None:
        Instance.objects.not_reached(record.instance_id, error=record.error_message)
    log.info("record_ended", status=status, error_code=record.error_code, **record.counts)
    buffer.store()
    return True


def failure(error: WhalefallError) -> dict[str, Any]:
    log.warning("record_failed", code=error.code, message=str(error), exc_info=error.__cause__)
    return {
        "status": "failed",
        "error_code": error.code,
        "error_message": scrub_text(str(error)),
    }


def bug(error: Exception) -> dict[str, Any]:
    error_id = uuid4().hex
    log.error("record_failed_unexpectedly", error_id=error_id, exc_info=error)
    return {
        "status": "failed",
        "error_code": "TASK_EXECUTION_FAILED",
        "error_message": f"Unexpected error; error_id {error_id} finds it in the worker's log.",
    }


def cut_off(error: BaseException) -> dict[str, Any]:
    """The end of a record whose run was ended by Ctrl-C, a signal, a time-out or a bug."""
    is_cancelled = isinstance(error, KeyboardInterrupt)
    return {
        "status": "cancelled" if is_cancelled else "failed",
        "error_code": "" if is_cancelled else "TASK_EXECUTION_FAILED",
        "error_message": "The run was cut off: the worker was stopped or ran out of time. Run it "
        "again.",
    }
