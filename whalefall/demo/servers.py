"""Throwaway database servers on free ports of 127.0.0.1, for the demo and the tests.

    with start(postgresql_build()) as server:
        server.execute("CREATE ROLE ada LOGIN")
        read(server.target())

A server ends with the process that started it, whatever ends that process (see child.py).
"""

import atexit
import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import MySQLdb
import psycopg

from instances.engines.base import Target
from whalefall.demo import processes
from whalefall.demo.builds import Build
from whalefall.demo.machine import ROOT
from whalefall.demo.processes import ServerFailed

START_SECONDS = 60
STOP_SECONDS = 10


@dataclass
class Server:
    """One running server. ``options`` are added to its command line at each start."""

    build: Build
    folder: Path
    port: int
    password: str = field(repr=False)
    options: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    host = "127.0.0.1"

    @property
    def kind(self) -> str:
        return self.build.kind

    @property
    def engine(self) -> str:
        """The folder of instances.engines that reads it."""
        return self.build.engine

    @property
    def version(self) -> str:
        return self.build.version

    @property
    def username(self) -> str:
        return self.build.superuser

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def target(self, **overrides: Any) -> Target:
        """Where to connect, as the superuser unless ``overrides`` say otherwise."""
        return replace(Target(self.host, self.port, self.username, self.password), **overrides)

    def connect(self, database: str = "", username: str = "", password: str | None = None) -> Any:
        """A driver's connection in autocommit; the caller closes it."""
        return self.build.connect(
            host=self.host,
            port=self.port,
            user=username or self.username,
            password=self.password if password is None else password,
            database=database,
        )

    def execute(self, sql: str, database: str = "") -> list[tuple[Any, ...]]:
        """Run statements as the superuser; the rows of the last one that gave any.

        PostgreSQL takes several statements as one transaction.
        """
        connection = self.connect(database)
        try:
            return self.build.run(connection, sql)
        finally:
            connection.close()

    def start(self) -> Self:
        """Start, or start again after ``stop`` or ``kill``, on the same port and data."""
        assert self.process is None, "the server runs already"
        command = [*self.build.command(self.folder / "data", self.port), *self.options]
        self.process = processes.begin(command, self.folder, self.log, self.build.death_signal)
        try:
            self._wait(self.process)
        except BaseException:
            self.kill()
            raise
        return self

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if process.poll() is not None or time.monotonic() > deadline:
                raise ServerFailed(f"{self.kind} did not start:\n{processes.tail(self.log)}")
            time.sleep(0.02)

    def answers(self) -> bool:
        try:
            self.connect().close()
        except (psycopg.OperationalError, MySQLdb.OperationalError):
            return False
        return True

    def stop(self) -> None:
        """Shut down in good order, ending open connections."""
        self._end(self.build.stop_signal)

    def kill(self) -> None:
        """End all its processes at once, as a crash does."""
        if self.process:
            processes.send(processes.family(self.process.pid), signal.SIGKILL)
            self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Leave all its processes as they are: connections stay open and nothing answers."""
        assert self.process, "the server does not run"
        processes.send(processes.family(self.process.pid), signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process, "the server does not run"
        processes.send(processes.family(self.process.pid), signal.SIGCONT)

    def close(self) -> None:
        """End it and remove its data."""
        if self.process:
            self.thaw()
            self._end(self.build.death_signal)
        processes.remove(self.folder)

    def _end(self, number: int) -> None:
        if not self.process:
            return
        family = processes.family(self.process.pid)
        self.process.send_signal(number)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            processes.send(family, signal.SIGKILL)
            self.process.wait()
        self.process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def start(build: Build, *options: str) -> Server:
    """A new server of this build, with nothing in it but what its set-up makes."""
    folder = processes.temporary_folder()
    try:
        password = copy_template(build, folder)
        return start_on_free_port(reachable(build, folder), folder, password, options)
    except BaseException:
        processes.remove(folder)
        raise


def start_on_free_port(
    build: Build, folder: Path, password: str, options: tuple[str, ...]
) -> Server:
    for _ in range(3):  # somebody may take the port between our look and the server's
        server = Server(build, folder, processes.free_port(), password, options)
        try:
            server.start()
        except ServerFailed as error:
            if "in use" not in str(error):
                raise
        else:
            atexit.register(server.close)
            return server
    raise ServerFailed(f"{build.kind} found no free port.")


def copy_template(build: Build, folder: Path) -> str:
    """Make ``folder/data`` a copy of this machine's template; the superuser's password."""
    templates = ROOT / "var" / "servers"
    templates.mkdir(parents=True, exist_ok=True, mode=0o700)
    template = templates / f"{build.kind}-{build.version}-{processes.runner()[0]}"
    with template.with_name(f"{template.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not template.exists():
            make_template(build, template)
    data = folder / "data"
    shutil.copytree(template / "data", data)
    give_to_runner(data)
    return (template / "password").read_text()


def make_template(build: Build, template: Path) -> None:
    folder = processes.temporary_folder()
    unfinished = template.with_name(f"{template.name}.new")
    try:
        password = secrets.token_urlsafe(18)
        (folder / "data").mkdir(mode=0o700)
        os.chown(folder / "data", *processes.runner())
        reachable(build, folder).set_up(folder / "data", password)
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        (unfinished / "password").write_text(password)
        shutil.copytree(folder / "data", unfinished / "data")
        unfinished.rename(template)
    finally:
        processes.remove(folder)


def reachable(build: Build, folder: Path) -> Build:
    """``build``, copied into ``folder`` when the servers' user can't get at its own place."""
    if processes.usable(build.programs):
        return build
    installed = build.installed
    copies = folder / "programs"
    for part in installed:
        shutil.copytree(part, copies / part.name, symlinks=True)
    place = copies / build.programs.relative_to(installed[0].parent)
    return replace(build, programs=place)


def give_to_runner(folder: Path) -> None:
    if os.getuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, *processes.runner(), follow_symlinks=False)
