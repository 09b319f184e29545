"""Becomes a command that ends when its parent ends: ``child.py PARENT SIGNAL UID GID COMMAND…``.

A script of its own rather than a ``preexec_fn``, which may dead-lock in a process with threads.
It drops root first, because the kernel forgets the death signal when the user changes. Outside
Linux there is no death signal; there only ``atexit`` ends the servers.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def become(parent: int, signal: int, user: tuple[int, int], command: list[str]) -> None:
    uid, gid = user
    if os.getuid() != uid:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal)
    if os.getppid() != parent:
        sys.exit("The parent ended before its server began.")
    os.execv(command[0], command)  # noqa: S606 -- no shell is wanted, the command is a list


if __name__ == "__main__":
    parent, signal, uid, gid = (int(argument) for argument in sys.argv[1:5])
    become(parent, signal, (uid, gid), sys.argv[5:])
