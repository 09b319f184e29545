"""Run the records of a chunk: many servers read at a time, everything of ours in one thread."""

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextvars import Context, copy_context
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection
from django.utils import timezone

from instances.engines.base import Engine
from instances.engines.errors import ServerTimeout
from sync_sessions.events import EventBuffer
from sync_sessions.launch import finish_session, reap
from sync_sessions.models import SyncRecord, SyncSession
from sync_sessions.outcomes import (
    AlreadyRunning,
    Cancelled,
    LeaseLost,
    Outcome,
    bug,
    claim,
    cut_off,
    end_record,
    failure,
    lease,
)
from sync_sessions.reader import Reader
from whalefall.core.errors import WhalefallError
from whalefall.core.fallbacks import FallbackReason, log_fallback

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.2
# A worker that writes can't renew its leases, and a first load may take minutes.
WRITE_LEASE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Work:
    """What a chunk does with each server: ``read`` it (in a thread, no ORM), then ``write``.

    ``write`` takes the record and what ``read`` returned; it opens its own short transaction.
    """

    read: Callable[[Engine], Any]
    write: Callable[[SyncRecord, Any], Outcome]


def run_chunk(
    session_id: UUID,
    first: int,
    last: int,
    work: Work,
    *,
    settled: Callable[[SyncRecord], None] = lambda _record: None,
) -> None:
    """Work on the pending records from ``first`` to ``last`` of a session, then close it if done.

    An expected failure ends on its record. A bug is recorded too, does not stop the other
    servers, and is raised at the end. ``settled`` hears of each record that has ended.
    """
    reap()
    SyncSession.objects.start(session_id, at=timezone.now())
    chunk = Chunk(SyncRecord.objects.chunk(session_id, first, last), work, settled)
    try:
        chunk.run()
    finally:
        finish_session(session_id)
    if chunk.bugs:
        raise chunk.bugs[0]


def run_stored(session: SyncSession, write: Callable[[SyncRecord], Outcome]) -> None:
    """Run the records of ``session`` without reading a server, under the same claim and lease.

    One after another; an expected failure of one does not stop the others. Raises the first too,
    for there is one caller who waits for it.
    """
    waiting = session.records.pending().select_related("session", "instance").order_by("pk")
    SyncSession.objects.start(session.pk, at=timezone.now())
    failures: list[WhalefallError] = []
    try:
        for record in waiting or session.records.all():
            try:
                copy_context().run(_run_stored, record, EventBuffer(record), write)
            except WhalefallError as error:
                failures.append(error)
    finally:
        finish_session(session.pk)
    if failures:
        raise failures[0]


def _run_stored(
    record: SyncRecord, buffer: EventBuffer, write: Callable[[SyncRecord], Outcome]
) -> None:
    buffer.bind()
    if not claim(record):
        raise Cancelled("The session was cancelled before it could begin.")
    started = time.monotonic()
    try:
        outcome = write(record)
    except Cancelled:
        end_record(buffer, status="cancelled")
        raise
    except WhalefallError as error:
        end_record(buffer, **failure(error))
        raise
    except Exception as error:
        end_record(buffer, **bug(error))
        raise
    except BaseException as error:
        end_record(buffer, **cut_off(error))
        raise
    seconds = round(time.monotonic() - started, 4)
    end_record(
        buffer,
        status="completed",
        counts=outcome.counts,
        coverage=outcome.coverage,
        timings={"read": 0, "write": seconds, "total": seconds},
    )


class Chunk:
    """The state of one ``run_chunk``: which records wait, and which servers are being read."""

    def __init__(self, records: Any, work: Work, settled: Callable[[SyncRecord], None]) -> None:
        self.records = records
        self.work = work
        self.settled = settled
        self.waiting: list[SyncRecord] = list(
            records.pending().select_related("session", "instance__credential").order_by("-pk")
        )
        self.readers: dict[Future[Any], Reader] = {}
        self.bugs: list[Exception] = []
        self.renewed_at = self.polled_at = time.monotonic()

    def run(self) -> None:
        try:
            while self.waiting or self.readers:
                self.fill()
                self.settle_some()
                self.keep_leases()
                self.watch_deadlines()
                self.watch_cancel()
        except BaseException as error:
            self.abandon(error)
            raise

    # --- begin ------------------------------------------------------------------------------

    def fill(self) -> None:
        while self.waiting and len(self.readers) < settings.READ_CONCURRENCY:
            record, context = self.waiting.pop(), copy_context()
            buffer = EventBuffer(record)
            context.run(buffer.bind)
            context.run(self.begin, buffer, context)

    def begin(self, buffer: EventBuffer, context: Context) -> None:
        record = buffer.record
        try:
            if not claim(record):
                return
        except AlreadyRunning:  # its record says so already
            buffer.store()
            self.settled(record)
            return
        log.info("record_started", attempt=record.attempt)
        assert record.instance is not None  # a record of the whole fleet has no server to read
        try:
            engine = record.instance.engine_class(record.instance.target())
        except Exception as error:  # noqa: BLE001 -- recorded here, raised when the chunk is done
            self.close(buffer, **self.fault(error))
            return
        deadline = time.monotonic() + settings.READ_TIMEOUT_SECONDS
        reader = Reader(buffer, context, engine, deadline)
        self.readers[reader.future] = reader
        reader.start(self.work.read)

    # --- settle -----------------------------------------------------------------------------

    def settle_some(self) -> None:
        if not self.readers:
            return
        done, _ = wait(self.readers, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
        for future in done:
            self.take_out(self.readers[future], self.settle)

    def take_out(self, reader: Reader, settle: Callable[[Reader], None]) -> None:
        """Settle ``reader``, which stays ours until then: an end by force finds it."""
        reader.context.run(settle, reader)
        del self.readers[reader.future]

    def settle(self, reader: Reader) -> None:
        """Write what was read, and give the record its end."""
        seconds = {"read": time.monotonic() - reader.started}
        try:
            reading = reader.result()
            result = self.write(reader, reading, seconds)
        except LeaseLost:
            log.warning("lease_lost", code=LeaseLost.code)
            return
        except Exception as error:  # noqa: BLE001 -- recorded here, raised when the chunk is done
            result = self.fault(error)
        seconds["total"] = time.monotonic() - reader.started
        timings = {name: round(value, 4) for name, value in seconds.items()}
        timings.setdefault("remote_statements", reader.engine.statements)
        self.close(reader.buffer, timings=timings, **result)

    def write(self, reader: Reader, reading: Any, seconds: dict[str, float]) -> dict[str, Any]:
        self.renew(WRITE_LEASE)
        if self.cancel_requested():
            raise Cancelled("The session was cancelled.")
        log.info("server_read", seconds=round(seconds["read"], 3))
        started, counter = time.monotonic(), StatementCounter()
        with connection.execute_wrapper(counter):
            outcome = self.work.write(reader.record, reading)
        seconds["write"] = time.monotonic() - started
        seconds["own_statements"] = counter.statements
        return {
            "status": "completed",
            "counts": outcome.counts,
            "coverage": outcome.coverage,
        }

    def fault(self, error: Exception) -> dict[str, Any]:
        """How ``error`` ends its record. A bug is kept, to be raised when the chunk is done."""
        if isinstance(error, Cancelled):
            return {"status": "cancelled"}
        if isinstance(error, WhalefallError):
            return failure(error)
        self.bugs.append(error)
        return bug(error)

    def close(self, buffer: EventBuffer, **result: Any) -> None:
        if end_record(buffer, **result):
            self.settled(buffer.record)

    # --- watch ------------------------------------------------------------------------------

    def keep_leases(self) -> None:
        if time.monotonic() - self.renewed_at > settings.LEASE_SECONDS / 3:
            self.renew(lease())

    def renew(self, length: timedelta) -> None:
        self.renewed_at = time.monotonic()
        running = [reader.record.pk for reader in self.readers.values()]
        SyncRecord.objects.renew(self.records, running, lease_until=timezone.now() + length)

    def watch_deadlines(self) -> None:
        now = time.monotonic()
        for reader in [one for one in self.readers.values() if now > one.deadline]:
            if reader.ended_by is None:
                reader.end(too_slow(reader.record))
            else:
                self.take_out(reader, self.leave)

    def leave(self, reader: Reader) -> None:
        log_fallback("reader_left_behind", FallbackReason.READER_ABANDONED)
        self.settle(reader)

    def watch_cancel(self) -> None:
        if time.monotonic() - self.polled_at < 1 or not self.cancel_requested():
            return
        self.waiting.clear()
        for reader in self.readers.values():
            reader.end(Cancelled("The session was cancelled."))

    def cancel_requested(self) -> bool:
        self.polled_at = time.monotonic()
        cancelled: bool = self.records.filter(session__cancel_requested_at__isnull=False).exists()
        return cancelled

    def abandon(self, error: BaseException) -> None:
        """The chunk itself is being ended, by a time-out, a signal or a bug: say so on each."""
        for reader in self.readers.values():
            reader.end(Cancelled("The run was cut off."))
            reader.context.run(self.close, reader.buffer, **cut_off(error))


class StatementCounter:
    """Counts the statements that our own database is asked."""

    def __init__(self) -> None:
        self.statements = 0

    def __call__(self, execute: Callable[..., Any], *args: Any) -> Any:
        self.statements += 1
        return execute(*args)


def too_slow(record: SyncRecord) -> ServerTimeout:
    return ServerTimeout(
        f"{record.instance} did not answer within {settings.READ_TIMEOUT_SECONDS} s; the reading "
        "was ended and nothing was changed."
    )
