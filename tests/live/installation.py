"""An installation of Whalefall of its own: an SQLite file, keys, and commands as real processes.

A process that starts with the environment of the one before begins as a fork of a process that has
loaded the program already, which takes a tenth of the time.
"""

import json
import os
import select
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from whalefall.demo.machine import ROOT

COMMAND_SECONDS = 90
LOADED = """
import django, json, os, sys
django.setup()
from django.core.management import execute_from_command_line
from django.urls import get_resolver
get_resolver().url_patterns
for line in sys.stdin:
    arguments, stdin, stdout, stderr = json.loads(line)
    child = os.fork()
    if not child:
        for number, (name, flags) in enumerate(
            [(stdin, os.O_RDONLY), (stdout, os.O_WRONLY), (stderr, os.O_WRONLY)]
        ):
            os.dup2(os.open(name, flags), number)
        sys.argv = ["manage.py", *arguments]
        execute_from_command_line(sys.argv)
        sys.exit()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
WORKER_SECONDS = 60
PATH = "PATH"


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        assert self.code in (0, 1), self.err
        return json.loads(self.out)


@dataclass
class Installation:
    """``secrets`` must not appear in anything that a command prints."""

    folder: Path
    root: Path = ROOT
    keys: list[str] = field(default_factory=lambda: [Fernet.generate_key().decode()])
    secrets: set[str] = field(default_factory=set)
    loaded: tuple[dict[str, str], "subprocess.Popen[str]"] | None = None

    @property
    def environment(self) -> dict[str, str]:
        return {
            PATH: os.environ[PATH],
            "SECRET_KEY": "only-for-this-test",
            "WHALEFALL_ENCRYPTION_KEYS": ",".join(self.keys),
            "DATABASE_URL": f"sqlite:///{self.folder / 'own.sqlite3'}",
            "CONNECT_TIMEOUT_SECONDS": "2",
            "WORKERS": "1",
        }

    def manage(self, *arguments: str, stdin: str = "", **environment: str) -> Done:
        streams = [self.folder / name for name in ("stdin", "stdout", "stderr")]
        for stream, text in zip(streams, (stdin, "", ""), strict=True):
            stream.write_text(text)
        process = self.process(self.environment | environment)
        json.dump([arguments, *map(str, streams)], process.stdin)
        process.stdin.write("\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], COMMAND_SECONDS)
        assert ready, arguments
        done = Done(int(process.stdout.readline()), *(one.read_text() for one in streams[1:]))
        printed = done.out + done.err
        for secret in (*self.secrets, *self.keys):
            assert secret not in printed, arguments
        assert "Traceback" not in printed, printed
        return done

    def process(self, environment: dict[str, str]) -> Any:
        """One that has loaded the program in ``environment``, and starts its commands."""
        if self.loaded is None or self.loaded[0] != environment:
            self.close()
            process = subprocess.Popen(
                [sys.executable, "-c", LOADED],
                cwd=self.root,
                env=environment | {"DJANGO_SETTINGS_MODULE": "whalefall.settings"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            self.loaded = environment, process
        return self.loaded[1]

    def close(self) -> None:
        if self.loaded is not None:
            with self.loaded[1]:  # it ends with its input
                self.loaded = None

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Look into Whalefall's own database, beside all of its code."""
        with closing(sqlite3.connect(self.folder / "own.sqlite3", timeout=20)) as connection:
            return connection.execute(sql).fetchall()

    @contextmanager
    def worker(self) -> Iterator[None]:
        """A running ``manage.py worker``, ended with all its processes."""
        log = self.folder / "worker.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "manage.py", "worker"],
                cwd=self.root,
                env=self.environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # the session that we made for it
                process.wait()
            printed = log.read_text()
        assert not [secret for secret in (*self.secrets, *self.keys) if secret in printed]

    def wait_for(self, sql: str, rows: list[tuple[Any, ...]]) -> None:
        """Until the own database answers ``sql`` with ``rows``."""
        deadline = time.monotonic() + WORKER_SECONDS
        while self.ask(sql) != rows:
            log = self.folder / "worker.log"
            assert time.monotonic() < deadline, log.read_text() if log.exists() else sql
            time.sleep(0.1)
