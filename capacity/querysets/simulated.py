"""Invented history; and the writes of that table."""

from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from capacity.models import SimulatedHistory  # noqa: F401 -- named in a quoted base class


class SimulatedHistoryQuerySet(models.QuerySet["SimulatedHistory"]):
    pass
