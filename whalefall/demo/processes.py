"""Child processes and temporary folders that do not outlive this process."""

import atexit
import fcntl
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

PREFIX = "wf-"
CHILD = Path(__file__).with_name("child.py")

# The kernel's death signal comes when the *thread* that began the child ends, so one thread,
# which lives as long as the process, begins them all.
_starter = ThreadPoolExecutor(1, thread_name_prefix="servers")

# An open lock file in each temporary folder tells others that its owner lives.
_locks: dict[Path, int] = {}


class ServerFailed(Exception):
    """A throwaway server could not be made ready; the text holds the end of its log."""


def runner() -> tuple[int, int]:
    """The user and group that servers run as: never root, which they refuse."""
    if os.getuid() != 0:
        return os.getuid(), os.getgid()
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def begin(
    command: list[str], folder: Path, log: Path, death_signal: int = signal.SIGKILL
) -> subprocess.Popen[bytes]:
    """Start ``command`` in ``folder``, its output appended to ``log``."""
    uid, gid = runner()
    wrapper = [
        sys.executable,
        "-I",
        "-S",
        str(CHILD),
        str(os.getpid()),
        str(int(death_signal)),
    ]
    environment = {
        "PATH": os.defpath + ":/usr/sbin:/sbin",
        "LC_ALL": "C",
        "TMPDIR": str(folder),
    }

    def spawn() -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603 -- a list, no shell
                [*wrapper, str(uid), str(gid), *command],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C in the terminal is for us to handle
            )

    return _starter.submit(spawn).result()


def run(command: list[str], folder: Path, seconds: float = 120) -> None:
    """Run ``command`` to its end. Raises ServerFailed with the end of its output."""
    log = folder / "setup.log"
    process = begin(command, folder, log)
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        code = process.wait()
    if code:
        raise ServerFailed(f"{command[0]} ended with {code}:\n{tail(log)}")


def tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def family(pid: int) -> list[int]:
    """``pid`` and its children, which for a server is all its processes (Linux only)."""
    children: list[int] = []
    with suppress(OSError):
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        children = [int(child) for child in text.split()]
    return [pid, *children]


def send(pids: list[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def usable(path: Path) -> bool:
    """Whether the user that servers run as can get to ``path``, and a shell can spell it."""
    path = path.resolve()
    if set(str(path)) & set('"$`\\\n'):
        return False  # initdb hands its own place to a shell, in double quotes
    if os.getuid() != 0:
        return True
    readable = path.stat().st_mode & 0o004
    return bool(readable) and all(parent.stat().st_mode & 0o001 for parent in path.parents)


def temporary_folder() -> Path:
    """A new folder that the servers' user can enter, removed at the end of this process.

    After a ``kill -9`` of this process the next one that asks for a folder removes it.
    """
    places = (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp"))  # noqa: S108
    place = next(place for place in places if usable(place))
    sweep(place)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place)).resolve()
    _locks[folder] = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(_locks[folder], fcntl.LOCK_EX)
    os.chown(folder, *runner())
    return folder


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    lock = _locks.pop(folder, None)
    if lock is not None:
        os.close(lock)


def sweep(place: Path) -> None:
    """Remove the folders of processes that were killed before they could do it."""
    for lock in place.glob(f"{PREFIX}*/lock"):
        with suppress(OSError):  # somebody else's, or removed by its owner meanwhile
            if lock.stat().st_uid == os.getuid() and is_abandoned(lock):
                shutil.rmtree(lock.parent)


def is_abandoned(lock: Path) -> bool:
    if time.time() - lock.stat().st_mtime < 60:
        return False  # its owner may be about to lock it
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


@atexit.register
def _remove_all() -> None:
    for folder in list(_locks):
        remove(folder)
