"""An installation of Whalefall of its own: an SQLite file, keys, and commands as real processes."""

import json
import os
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
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=self.root,
            env=self.environment | environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        printed = done.stdout + done.stderr
        for secret in (*self.secrets, *self.keys):
            assert secret not in printed, arguments
        assert "Traceback" not in printed, printed
        return Done(done.returncode, done.stdout, done.stderr)

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
