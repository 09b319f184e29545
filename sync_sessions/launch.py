"""Open, queue, cancel and rescue sessions."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django_q.tasks import async_task

from instances.models import Instance
from sync_sessions.models import SyncRecord, SyncSession
from sync_sessions.signals import session_finished
from whalefall.core.audit import CREATE, note
from whalefall.core.errors import InvalidRequest
from whalefall.core.fallbacks import FallbackReason, log_fallback

if TYPE_CHECKING:
    from whalefall.users.models import User

log = structlog.get_logger(__name__)

# How long a queued record may wait for a worker before it is queued again.
QUEUE_GRACE = timedelta(minutes=10)


@transaction.atomic
def open_session(
    category: str,
    task: str,
    instances: Iterable[Instance | None],
    *,
    trigger: str,
    requested_by: "User | None" = None,
    retry_of: SyncSession | None = None,
) -> SyncSession:
    """A new session with one pending record per instance (None: for the whole fleet).

    Nothing is queued yet. ``retry_of``: the session whose failed records it runs again.
    """
    now = timezone.now()
    session = SyncSession.objects.begin(
        at=now,
        category=category,
        task=task,
        trigger=trigger,
        requested_by=requested_by,
        retry_of=retry_of,
    )
    records = SyncRecord.objects.begin(session, instances, lease_until=now + QUEUE_GRACE)
    if trigger != SyncSession.Trigger.SCHEDULE:
        started = {"status": [None, "started"], "category": [None, category]}
        note([(session, {**started, "records": [None, records]})], action=CREATE)
    if not records:
        SyncSession.objects.finish(session=session.pk, at=now)
        session.refresh_from_db()
    return session


@transaction.atomic
def launch(
    category: str,
    task: str,
    instances: Iterable[Instance | None],
    *,
    trigger: str,
    requested_by: "User | None" = None,
    retry_of: SyncSession | None = None,
) -> SyncSession:
    """Open a session and hand it to the workers once the surrounding transaction commits.

    ``task`` is the dotted path of a function that takes a session's id and the first and last
    record of a chunk.
    """
    session = open_session(
        category,
        task,
        instances,
        trigger=trigger,
        requested_by=requested_by,
        retry_of=retry_of,
    )
    queue(list(session.records.select_related("session").order_by("pk")))
    return session


def retry_failed(
    session: SyncSession, *, trigger: str, requested_by: "User | None" = None
) -> SyncSession:
    """Launch the same work again on the instances that failed in ``session``.

    Raises InvalidRequest when none of them did, or none is active any more.
    """
    failed = session.records.filter(status=SyncRecord.Status.FAILED)
    instances: list[Instance | None] = [
        *Instance.objects.active().filter(pk__in=failed.values("instance"))
    ]
    if failed.filter(instance=None).exists():
        instances.append(None)
    if not instances:
        raise InvalidRequest(
            "This session has no failed record of an active instance, so there is nothing to run "
            "again.",
            extra={"fields": {"session": ["No failed record."]}},
        )
    return launch(
        session.category,
        session.task,
        instances,
        trigger=trigger,
        requested_by=requested_by,
        retry_of=session,
    )


def queue(records: Sequence[SyncRecord]) -> None:
    """Tell the workers of pending ``records``, in chunks of one session, on commit."""
    by_session = sorted(records, key=lambda record: (str(record.session_id), record.pk))
    for session, group in groupby(by_session, key=lambda record: record.session):
        keys = [record.pk for record in group]
        for start in range(0, len(keys), settings.RECORDS_PER_CHUNK):
            chunk = keys[start : start + settings.RECORDS_PER_CHUNK]
            transaction.on_commit(
                partial(async_task, session.task, str(session.pk), chunk[0], chunk[-1])
            )


def finish_session(session: UUID) -> None:
    """Close the session if it has no open record, in a transaction of its own, and say so.

    The records' own ends must be committed before: two workers that finish the last two records
    in open transactions would each still see the other's as running.
    """
    with transaction.atomic(durable=True):
        finished = SyncSession.objects.finish(session=session, at=timezone.now())
    if not finished:
        return
    log.info("session_finished", session_id=str(session))
    for receiver, error in session_finished.send_robust(SyncSession, session=session):
        if isinstance(error, Exception):
            log_fallback(
                "session_receiver_failed",
                FallbackReason.RECEIVER_FAILED,
                receiver=str(receiver),
                exc_info=error,
            )


def cancel_session(session: SyncSession) -> bool:
    """Stop a session: waiting records at once, running ones within seconds. False if it is over."""
    now = timezone.now()
    with transaction.atomic(durable=True):
        asked = SyncSession.objects.request_cancel(session.pk, at=now)
        session.records.cancel_pending(at=now)
        if asked:
            note([(session, {"status": [session.status, "cancel requested"]})])
    finish_session(session.pk)
    return asked


def reap() -> int:
    """Rescue what dead workers left behind; the number of records queued again.

    A record whose lease ran out is given back once, then failed; a record that nobody was told of
    is queued; a session whose records are all final is finished.
    """
    with transaction.atomic(durable=True):
        lost = SyncRecord.objects.give_back(at=timezone.now(), grace=QUEUE_GRACE)
        records = list(lost.select_related("session"))
        queue(records)
    for session in SyncSession.objects.unfinished().values_list("pk", flat=True):
        finish_session(session)
    if records:
        log.warning("records_given_back", records=[record.pk for record in records])
    return len(records)
