"""``manage.py worker`` as real processes: it outlives what stops django-q2's cluster for good."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection
from django_q.models import Task
from django_q.tasks import async_task

from whalefall.demo.machine import ROOT

pytestmark = [pytest.mark.races, pytest.mark.django_db(transaction=True)]

BEAT = "sync_sessions.tasks.beat"
SECONDS = 90


class Worker:
    """The command, what it logs, and who works for it."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.process = process
        self.log = log

    def said(self) -> str:
        return self.log.read_text()

    def workers(self) -> list[int]:
        """Process ids, as django-q2 logged them."""
        return [int(pid) for pid in re.findall(r"ready for work at (\d+)", self.said())]

    def wait_for(self, is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SECONDS
        while not is_so():
            assert time.monotonic() < deadline, self.said()
            assert self.process.poll() is None, self.said()
            time.sleep(0.05)


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    own = connection.settings_dict
    address = f"{own['USER']}:{own['PASSWORD']}@{own['HOST']}:{own['PORT']}/{own['NAME']}"
    variables = {name: value for name, value in os.environ.items() if name != "OWN_DATABASE"}
    variables |= {
        "DATABASE_URL": f"postgres://{address}",
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "LOG_FORMAT": "json",
        "WATCHDOG_SECONDS": "3",
        "WORKERS": "2",
    }
    log = tmp_path / "worker.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "worker"],
            cwd=ROOT,
            env=variables,
            stdout=output,
            stderr=output,
        )
    one = Worker(process, log)
    yield one
    process.terminate()
    try:
        process.wait(15)
    finally:
        process.kill()
    left = [pid for pid in one.workers() if Path(f"/proc/{pid}").exists()]
    assert left == [], one.said()


def done() -> int:
    number: int = Task.objects.filter(func=BEAT, success=True).count()
    return number


def test_kill_of_the_idle_workers_stops_nothing_for_good(worker: Worker) -> None:
    async_task(BEAT)
    worker.wait_for(lambda: done() == 1)

    for pid in worker.workers():  # one of them waits for the queue, and holds its lock
        os.kill(pid, signal.SIGKILL)
    async_task(BEAT)
    worker.wait_for(lambda: "workers_do_not_answer" in worker.said())
    async_task(BEAT)

    worker.wait_for(lambda: done() >= 2)
    assert len(set(worker.workers())) > 4  # two, those after them, and those of the new cluster


def test_busy_workers_are_left_alone_and_a_healthy_cluster_is_not_restarted(
    worker: Worker,
) -> None:
    for _ in range(2):
        async_task("time.sleep", 8)
    worker.wait_for(lambda: Task.objects.filter(func="time.sleep", success=True).count() == 2)
    time.sleep(5)

    assert len(worker.workers()) == 2
    assert "canary" not in worker.said()
