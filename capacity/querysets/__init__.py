"""The only place that writes the tables of ``capacity``."""

from capacity.querysets.aggregates import (
    DatabaseAggregateQuerySet,
    InstanceAggregateQuerySet,
    StalePeriodQuerySet,
)
from capacity.querysets.forecasts import ForecastQuerySet
from capacity.querysets.simulated import SimulatedHistoryQuerySet
from capacity.querysets.sizes import DatabaseSizeQuerySet, InstanceSizeQuerySet
from capacity.querysets.tables import TableSizeQuerySet

__all__ = [
    "DatabaseAggregateQuerySet",
    "DatabaseSizeQuerySet",
    "ForecastQuerySet",
    "InstanceAggregateQuerySet",
    "InstanceSizeQuerySet",
    "SimulatedHistoryQuerySet",
    "StalePeriodQuerySet",
    "TableSizeQuerySet",
]
