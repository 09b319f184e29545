"""Sizes by period, which periods are stale; and the writes of those tables."""

from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from capacity.models import DatabaseAggregate, InstanceAggregate, StalePeriod  # noqa: F401 -- named in a quoted base class


class DatabaseAggregateQuerySet(models.QuerySet["DatabaseAggregate"]):
    pass


class InstanceAggregateQuerySet(models.QuerySet["InstanceAggregate"]):
    pass


class StalePeriodQuerySet(models.QuerySet["StalePeriod"]):
    pass
