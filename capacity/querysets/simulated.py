"""Which instances have invented history; and the writes of that table."""

from datetime import date
from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from capacity.models import SimulatedHistory
    from instances.models import Instance


class SimulatedHistoryQuerySet(models.QuerySet["SimulatedHistory"]):
    def begin(self, instance: "Instance", *, until: date) -> "SimulatedHistory":
        """Say that everything before ``until`` is invented."""
        return self.create(instance=instance, until=until)

    def forget(self) -> None:
        """Say that nothing is invented any more."""
        self.delete()
