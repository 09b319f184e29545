"""django-q2 entry points."""

from sync_sessions.launch import reap


def reap_sessions() -> None:
    reap()
