"""Short words for what the tests of a run do and look at."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.db import connection

from accounts.sync import sync_accounts_now
from instances.models import Instance
from sync_sessions.models import SyncEvent, SyncRecord, SyncSession
from sync_sessions.signals import session_finished


def run(instances: Iterable[Instance], **how: Any) -> SyncSession:
    return sync_accounts_now(instances, trigger="command", **how)


def ends(session: SyncSession) -> list[tuple[str, str]]:
    """Status and error code of each record."""
    return list(session.records.order_by("pk").values_list("status", "error_code"))


def newest() -> SyncSession:
    session = SyncSession.objects.order_by("created_at").last()
    assert session is not None
    return session


def events(record: SyncRecord) -> list[str]:
    return list(SyncEvent.objects.filter(record=record).values_list("event", flat=True))


def fallbacks(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The reasons of the fallbacks that were logged."""
    said = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    return [event["fallback_reason"] for event in said if event.get("fallback")]


class Finished(list[Any]):
    """The sessions that ``session_finished`` told of, while it is entered."""

    def __enter__(self) -> "Finished":
        session_finished.connect(self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        session_finished.disconnect(self._hear)

    def _hear(self, sender: object, session: Any, **_: object) -> None:
        self.append(session)


def at_statement(start: str, act: Callable[[], None]) -> AbstractContextManager[None]:
    """``act`` before the first statement of ours that begins with ``start``."""
    done: list[str] = []

    def watch(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        if sql.startswith(start) and not done:
            done.append(sql)
            act()
        return execute(sql, *args)

    return connection.execute_wrapper(watch)
