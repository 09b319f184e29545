"""The throwaway servers: they start, restart, and never outlive who started them."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from whalefall.demo import machine, processes, servers
from whalefall.demo.builds import Build
from whalefall.demo.machine import NoServer, mariadb_build, mysql_build, postgresql_build
from whalefall.demo.servers import Server, start

BUILDS = (postgresql_build, mariadb_build, mysql_build)

PARENT = """
import signal, time
# Whoever runs the tests in the background has it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
from whalefall.demo.machine import {find}
from whalefall.demo.processes import family
from whalefall.demo.servers import start
server = start({find}())
print(server.folder, *family(server.process.pid), flush=True)
time.sleep(600)
"""


@pytest.fixture
def hostile_folder() -> Iterator[Path]:
    """Where temporary files go, with a long and awkward name that everybody may enter."""
    base = Path(tempfile.mkdtemp())
    folder = base / ("a 'quoted' name; " + "ü" * 50)
    folder.mkdir()
    base.chmod(0o755)
    yield folder
    shutil.rmtree(base)


def found(find: Callable[[], Build]) -> Build:
    try:
        return find()
    except NoServer as reason:
        pytest.skip(str(reason))


def lives(pid: int) -> bool:
    """Whether a process of this id runs; one that ended and waits for its parent does not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("find", BUILDS)
def test_server_keeps_port_and_data_over_stop_and_kill(find: Callable[[], Build]) -> None:
    with start(found(find)) as server:
        port = server.port
        server.execute("CREATE DATABASE kept")

        server.stop()
        assert not server.answers()
        server.start()
        server.kill()
        assert not server.answers()
        server.start()

        assert server.port == port
        assert server.execute("SELECT 1", database="kept") == [(1,)]


@pytest.mark.parametrize("find", BUILDS)
def test_closed_server_leaves_no_process_and_no_folder(find: Callable[[], Build]) -> None:
    server = start(found(find))
    assert server.process
    family = processes.family(server.process.pid)

    server.close()

    assert not any(lives(pid) for pid in family)
    assert not server.folder.exists()


@pytest.mark.parametrize(
    ("find", "number"),
    [
        (postgresql_build, signal.SIGINT),
        (postgresql_build, signal.SIGTERM),
        *[(find, signal.SIGKILL) for find in BUILDS],
    ],
)
def test_server_ends_with_its_parent(find: Callable[[], Build], number: int) -> None:
    found(find)
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(find=find.__name__)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=machine.ROOT,
    )
    assert parent.stdout
    folder, server, *others = parent.stdout.readline().split()
    started = lives(int(server))

    parent.send_signal(number)
    parent.wait(20)
    parent.stdout.close()

    assert started
    assert eventually(lambda: not any(lives(int(pid)) for pid in (server, *others)))
    assert Path(folder).exists() == (number != signal.SIGINT)
    shutil.rmtree(folder, ignore_errors=True)  # what the next sweep would do


def test_folder_of_a_killed_process_is_swept_and_a_living_one_is_not(tmp_path: Path) -> None:
    for name in ("wf-killed", "wf-living"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "lock").touch()
        os.utime(tmp_path / name / "lock", (0, 0))

    with (tmp_path / "wf-living" / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        processes.sweep(tmp_path)

        assert [folder.name for folder in tmp_path.iterdir()] == ["wf-living"]


@pytest.mark.parametrize("find", BUILDS)
def test_awkward_temporary_folder_is_no_obstacle(
    find: Callable[[], Build], hostile_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = found(find)
    monkeypatch.setattr(tempfile, "tempdir", str(hostile_folder))
    monkeypatch.setattr(servers, "ROOT", hostile_folder)  # so that the set-up runs there as well

    with start(build) as server:
        assert server.folder.parent == hostile_folder
        assert server.execute("SELECT 1") == [(1,)]


def test_folder_that_root_keeps_from_servers_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    folder = processes.temporary_folder()

    assert (folder.parent == tmp_path) == (os.getuid() != 0)
    processes.remove(folder)


def test_folder_that_no_shell_can_spell_is_passed_over(
    hostile_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unspeakable = hostile_folder / 'a "$HOME"'
    unspeakable.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(unspeakable))

    with start(postgresql_build()) as server:
        assert server.folder.parent != unspeakable


def test_programs_that_servers_may_not_reach_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = postgresql_build()
    monkeypatch.setattr(processes, "usable", lambda path: path != build.programs)

    with start(build) as server:
        assert server.build.programs.is_relative_to(server.folder)
        assert server.execute("SELECT 1") == [(1,)]


def test_wrong_password_is_refused(postgresql: Server) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        postgresql.connect(password="wrong")


def test_target_shows_no_password_and_takes_overrides(postgresql: Server) -> None:
    target = postgresql.target(username="ada", connect_timeout_seconds=1)

    assert (target.username, target.connect_timeout_seconds) == ("ada", 1)
    assert postgresql.password not in f"{target!r} {postgresql!r}"


def test_frozen_server_answers_again_when_thawed(throwaway_postgresql: Server) -> None:
    throwaway_postgresql.freeze()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(
            host=throwaway_postgresql.host,
            port=throwaway_postgresql.port,
            user="postgres",
            connect_timeout=2,
        )

    throwaway_postgresql.thaw()

    assert throwaway_postgresql.answers()


def test_server_that_cannot_start_says_why() -> None:
    with pytest.raises(processes.ServerFailed, match="no_such_setting"):
        start(postgresql_build(), "--no_such_setting=1")


def test_versions_are_what_the_servers_say(postgresql: Server, old_postgresql: Server) -> None:
    for server in (postgresql, old_postgresql):
        assert server.version in str(server.execute("SHOW server_version"))
    assert old_postgresql.build.major < 16
