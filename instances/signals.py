"""What the apps above hear of the databases inside an instance."""

from django.dispatch import Signal

databases_changed = Signal()
"""Sent inside the transaction that stores it, so that what is known of the things inside follows.

With ``instance``, its ``inventory`` of now, the ``session`` (its id) that saw it, and ``at``.
Receivers write to the same transaction.
"""
