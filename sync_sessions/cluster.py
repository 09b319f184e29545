"""django-q2's cluster, watched: its workers must answer, and no schedule can stop the others.

A worker that is killed while it waits for work holds the lock of the queue for good: the others
wait for ever, and every process looks healthy. So a canary goes through the queue.
"""

import logging
import multiprocessing
import os
import signal
import threading
import time
from functools import partial
from queue import Full
from typing import Any

import django_q.cluster
import structlog
from django.conf import settings
from django.db import DatabaseError, transaction
from django_q.cluster import Cluster, Sentinel
from django_q.scheduler import scheduler
from django_q.tasks import async_task
from django_q.utils import close_old_django_connections

from sync_sessions.schedules import pause_broken_schedules

log = structlog.get_logger(__name__)

CANARY = {
    "id": "canary",
    "name": "canary",
    "func": "sync_sessions.cluster.answer",
    "args": (),
    "kwargs": {},
    "save": False,
}
# Made before the workers are forked, so that all share it. On the clock of time.monotonic().
ANSWERED_AT = multiprocessing.Value("d", 0.0, lock=False)


def answer() -> None:
    """What the canary has a worker do."""
    ANSWERED_AT.value = time.monotonic()


class WatchedSentinel(Sentinel):  # type: ignore[misc]
    def guard(self) -> None:
        threading.Thread(target=watch, args=(self,), daemon=True).start()
        super().guard()


def watch(sentinel: Any) -> None:
    """End the whole process group when no worker answers although none of them is busy."""
    alive_at = time.monotonic()
    while not sentinel.stop_event.wait(settings.WATCHDOG_SECONDS / 3):
        alive_at = max(alive_at, ANSWERED_AT.value)
        if any(is_busy(worker) for worker in list(sentinel.pool)):
            alive_at = time.monotonic()
        if time.monotonic() - alive_at > settings.WATCHDOG_SECONDS:
            log.critical("workers_do_not_answer", seconds=settings.WATCHDOG_SECONDS)
            os.killpg(os.getpgrp(), signal.SIGKILL)
        ask(sentinel.task_queue)


def is_busy(worker: Any) -> bool:
    # Without its lock: whoever was killed while holding that one would stop us too.
    return bool(worker.timer.get_obj().value > 0)


def ask(queue: Any) -> None:
    try:
        queue.put(dict(CANARY), block=False)
    except Full:
        log.info("queue_is_full")  # a worker that takes something out is proof enough


def look(broker: Any = None) -> None:
    """django-q2's look at the schedules, twice a minute, after ours."""
    close_old_django_connections()
    try:
        with transaction.atomic():
            pause_broken_schedules()
        if broker is not None and not broker.queue_size():
            transaction.on_commit(partial(async_task, "sync_sessions.tasks.beat"))
    except DatabaseError:
        log.exception("own_database_away")  # the scheduler is about to find the same
    scheduler(broker)


def run_cluster() -> None:
    """Work in this process and its children, until a signal or the end of our parent."""
    # django-q2 has no setting for either.
    django_q.cluster.Sentinel = WatchedSentinel
    django_q.cluster.scheduler = look
    logging.getLogger("django-q").addFilter(lambda line: "canary" not in line.getMessage())
    parent, cluster = os.getppid(), Cluster()
    cluster.start()
    while cluster.sentinel.is_alive():
        cluster.sentinel.join(1)
        if os.getppid() != parent:
            cluster.stop()
