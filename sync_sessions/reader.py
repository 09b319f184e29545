"""One server being read, in a thread of its own."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any

from instances.deadline import read_apart
from instances.engines.base import Engine
from sync_sessions.events import EventBuffer
from sync_sessions.models import SyncRecord
from whalefall.core.errors import WhalefallError

# How long an interrupted reader may take to notice before it is left to itself.
INTERRUPT_SECONDS = 4


@dataclass(slots=True)
class Reader:
    """One server being read, in a thread of its own."""

    buffer: EventBuffer
    context: Context
    engine: Engine
    deadline: float
    future: "Future[Any]" = field(default_factory=Future)
    started: float = field(default_factory=time.monotonic)
    ended_by: WhalefallError | None = None

    @property
    def record(self) -> SyncRecord:
        return self.buffer.record

    def start(self, read: Callable[[Engine], Any]) -> None:
        # A copy of the context, since the main thread enters the record's own.
        read_apart(self.engine, read, self.future, self.context.copy())

    def end(self, reason: WhalefallError) -> None:
        """Interrupt the reader; after a short grace it is settled with ``reason`` regardless."""
        if self.ended_by is None:
            self.ended_by = reason
            self.deadline = time.monotonic() + INTERRUPT_SECONDS
            threading.Thread(target=self.engine.interrupt, daemon=True).start()

    def result(self) -> Any:
        """What was read. Raises what ended the reading."""
        if self.ended_by is not None:
            raise self.ended_by
        return self.future.result(timeout=0)
