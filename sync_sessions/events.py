"""What is logged while a record runs becomes its events."""

from datetime import datetime

import structlog
from structlog.typing import EventDict

from sync_sessions.models import SyncEvent, SyncRecord
from whalefall.logs import event_sink

NOT_FIELDS = {
    # They are columns of the event, or say again what its record says.
    *("event", "level", "timestamp", "logger", "session_id", "record_id", "instance"),
    # Events are for everybody who signs in, and these for who reads the log.
    *("exception", "ip", "user_id"),
}


class EventBuffer:
    """The events of one record, kept in memory until the run stores them.

    A sink that wrote at once, on another connection, would dead-lock with the run on SQLite.
    """

    def __init__(self, record: SyncRecord) -> None:
        self.record = record
        self._events: list[EventDict] = []

    def bind(self) -> None:
        """From here on, what is logged in the current context belongs to the record."""
        event_sink.set(self._events.append)
        structlog.contextvars.bind_contextvars(
            session_id=str(self.record.session_id),
            record_id=self.record.pk,
            instance=str(self.record.instance or "whole fleet"),
        )

    def store(self) -> None:
        events, self._events[:] = list(self._events), []
        SyncEvent.objects.record(
            SyncEvent(
                session_id=self.record.session_id,
                record=self.record,
                level=event.get("level", "info"),
                event=str(event.get("event", "")),
                fields={key: item for key, item in event.items() if key not in NOT_FIELDS},
                at=datetime.fromisoformat(event["timestamp"]),
            )
            for event in events
        )
