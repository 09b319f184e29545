"""The one signal between apps. Receivers only queue work."""

from django.dispatch import Signal

session_finished = Signal()
"""Sent once per session, after its final status is committed, with ``session`` (its id)."""
