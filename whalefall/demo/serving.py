"""The web server and the worker of a trial, which end with the process that began them."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from whalefall.demo.processes import CHILD, ServerFailed, free_port, tail
from whalefall.demo.trial import VAR_DIR

ROOT = VAR_DIR.parent
WANTED_PORT = 8000
START_SECONDS = 60
STOP_SECONDS = 15


@contextmanager
def serving() -> Iterator[str]:
    """A running web server and worker; the address of the first. Their logs are in ``var/``."""
    port = WANTED_PORT if is_free(WANTED_PORT) else free_port()
    address = f"http://127.0.0.1:{port}"
    web = [
        *("-m", "gunicorn", "whalefall.wsgi", "--worker-class", "gthread", "--threads", "4"),
        *("--limit-request-line", "8190"),
        *("--bind", f"127.0.0.1:{port}", "--workers", "1", "--graceful-timeout", "2"),
    ]
    children: list[subprocess.Popen[bytes]] = []
    try:
        children.append(begin(web, VAR_DIR / "web.log"))
        children.append(begin(["manage.py", "worker"], VAR_DIR / "worker.log"))
        wait_for(address, children[0])
        yield address
    finally:
        end(children)


def begin(arguments: list[str], log: Path) -> subprocess.Popen[bytes]:
    wrapper = [sys.executable, "-I", "-S", str(CHILD), str(os.getpid()), str(signal.SIGTERM)]
    user = [str(os.getuid()), str(os.getgid())]
    with log.open("wb") as output:
        return subprocess.Popen(  # noqa: S603 -- a list, no shell
            [*wrapper, *user, sys.executable, *arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C in the terminal is for us to handle
        )


def wait_for(address: str, web: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and web.poll() is None:
        try:
            with urlopen(f"{address}/admin/login/", timeout=5):  # noqa: S310 -- our own address
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise ServerFailed(f"The web server did not start:\n{tail(VAR_DIR / 'web.log')}")


def end(children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        child.terminate()
    for child in children:
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            # The group is ours alone: we made its session.
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
