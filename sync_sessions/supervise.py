"""Keep a process and its children running until somebody wants them to stop."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence

import structlog

log = structlog.get_logger(__name__)

LONGEST_PAUSE_SECONDS = 60


class Supervisor:
    """Runs ``command`` in a process group of its own, and again whenever it ends by itself.

    The first SIGTERM or SIGINT asks it to finish what it does, the second ends it at once.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self.command = command
        self.child: subprocess.Popen[bytes] | None = None
        self.stopping = threading.Event()

    def run(self) -> None:
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, self.stop)
        pause = 1.0
        while not self.stopping.is_set():
            began = time.monotonic()
            code = self.run_once()
            if self.stopping.is_set():
                return
            log.error("workers_ended", code=code)
            pause = 1.0 if time.monotonic() - began > LONGEST_PAUSE_SECONDS else pause * 2
            self.stopping.wait(min(pause, LONGEST_PAUSE_SECONDS))

    def run_once(self) -> int:
        """The exit code of the command, when nothing is left of its group."""
        self.child = subprocess.Popen(self.command, start_new_session=True)  # noqa: S603 -- our own
        if self.stopping.is_set():  # the signal came before there was a child to tell
            self.tell(signal.SIGTERM)
        code = self.child.wait()
        self.tell(signal.SIGKILL)
        return code

    def stop(self, *_: object) -> None:
        self.tell(signal.SIGKILL if self.stopping.is_set() else signal.SIGTERM)
        self.stopping.set()

    def tell(self, what: signal.Signals) -> None:
        """SIGTERM is for the first process, which stops the others in order; SIGKILL for all."""
        if self.child is None:
            return
        try:
            if what == signal.SIGKILL:
                os.killpg(self.child.pid, what)
            else:
                self.child.send_signal(what)
        except ProcessLookupError:
            return  # there is nobody left to tell
