"""Workers as real processes, killed and frozen in the middle; and the real queue."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from queue import Queue

import pytest
from django.db import connection
from django_q.brokers import get_broker
from django_q.models import OrmQ
from django_q.signing import SignedPackage
from django_q.worker import worker

from accounts.models import Account
from accounts.sync import ACCOUNTS_SYNC, TASK, launch_account_sync
from sync_sessions.launch import open_session, reap
from sync_sessions.models import SyncRecord
from sync_sessions.run import run_chunk
from tests.sync_sessions.scripts import ends
from tests.toy_engine import reading, user
from whalefall.demo.machine import ROOT

pytestmark = [pytest.mark.races, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def record(instance):
    session = open_session("accounts", TASK, [instance], trigger="schedule")
    return session.records.select_related("session").get()


@pytest.fixture
def flag(tmp_path):
    return tmp_path / "answer"


@pytest.fixture
def start_worker(record, flag):
    """A process that claims ``record`` and reads until ``flag`` exists."""
    own = connection.settings_dict
    address = f"{own['USER']}:{own['PASSWORD']}@{own['HOST']}:{own['PORT']}/{own['NAME']}"
    variables = {name: value for name, value in os.environ.items() if name != "OWN_DATABASE"}
    variables |= {
        "DATABASE_URL": f"postgres://{address}",
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "LEASE_SECONDS": "2",
    }
    arguments = [str(record.session_id), str(record.pk), str(record.pk), str(flag)]
    started = []

    def start() -> "subprocess.Popen[bytes]":
        attempt = SyncRecord.objects.get(pk=record.pk).attempt
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.sync_sessions.worker", *arguments],
            cwd=ROOT,
            env=variables,
            stderr=subprocess.DEVNULL,
        )
        started.append(process)
        wait_until(lambda: SyncRecord.objects.get(pk=record.pk).attempt > attempt)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait(10)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline, "It never came to that."
        time.sleep(0.05)


def kill(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(10)


def test_killed_worker_loses_its_record_once_and_then_it_has_failed(record, start_worker):
    kill(start_worker())
    too_early = reap()
    wait_until(lambda: reap() == 1)
    record.refresh_from_db()
    given_back = (record.status, record.attempt, OrmQ.objects.count())

    kill(start_worker())
    wait_until(lambda: reap() == 0 and ends(record.session) != [("running", "")])

    record.session.refresh_from_db()
    assert (too_early, given_back) == (0, ("pending", 1, 1))
    assert ends(record.session) == [("failed", "WORKER_LOST")]
    assert record.session.status == "failed"
    assert Account.objects.count() == 0


def test_frozen_worker_that_wakes_up_too_late_writes_nothing(
    record, start_worker, server_has, flag
):
    process = start_worker()
    process.send_signal(signal.SIGSTOP)
    wait_until(lambda: reap() == 1)
    server_has(record.instance, reading([user("new")]))

    run_chunk(record.session_id, record.pk, record.pk, ACCOUNTS_SYNC)
    flag.touch()
    process.send_signal(signal.SIGCONT)
    code = process.wait(20)

    record.refresh_from_db()
    assert code == 0
    assert (record.status, record.attempt, record.counts["accounts"]) == ("completed", 2, 1)
    assert [account.name for account in Account.objects.all()] == ["new"]


def test_worker_of_the_real_queue_does_what_was_launched(instance, server_has):
    server_has(instance, reading([user("app")]))
    session = launch_account_sync([instance], trigger="schedule")

    [(_, package)] = get_broker().dequeue()
    tasks: Queue[object] = Queue()
    tasks.put(SignedPackage.loads(package))
    tasks.put("STOP")
    worker(tasks, Queue(), multiprocessing.Value("f", -1))

    session.refresh_from_db()
    assert (session.status, ends(session)) == ("completed", [("completed", "")])
    assert Account.objects.get().name == "app"
