"""Forget old aggregates, forecasts and table sizes, and databases nothing is known of any more."""

from collections import Counter
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from capacity.models import (
    DatabaseAggregate,
    DatabaseSize,
    Forecast,
    InstanceAggregate,
    TableSize,
)
from capacity.partitions import months_back
from instances.models import Database
from sync_sessions.cleaning import days_back, sweep, sweep_by_instance
from sync_sessions.models import SyncRecord


def clean_capacity(record: SyncRecord) -> "Counter[str]":
    """How many rows went, by the name of their model. Sizes go with their months instead."""
    deleted: Counter[str] = Counter()
    today = timezone.localdate()
    for period, months in settings.AGGREGATE_RETENTION_MONTHS.items():
        if (before := months_back(today, months)) is not None:
            for model in (DatabaseAggregate, InstanceAggregate):
                old = model._default_manager.filter(period=period, period_start__lt=before)
                deleted += sweep(record, old, "period_start")
    if (before := months_back(today, settings.FORECAST_RETENTION_MONTHS)) is not None:
        deleted += sweep(record, Forecast.objects.filter(made_on__lt=before), "made_on")
    if (before := months_back(today, settings.TABLE_SIZE_RETENTION_MONTHS)) is not None:
        deleted += sweep(record, TableSize.objects.outdated(before=before), "valid_to")
    return deleted + sweep_by_instance(record, forgettable_databases)


def forgettable_databases() -> "QuerySet[Any]":
    """Databases removed long ago of which no size of any kind is left."""
    before = days_back(settings.REMOVED_DATABASE_RETENTION_DAYS)
    if before is None:
        return Database.objects.none()
    known = (DatabaseSize, DatabaseAggregate, TableSize, Forecast)
    return Database.objects.filter(
        *(~Exists(one._default_manager.filter(database=OuterRef("pk"))) for one in known),
        removed_at__lt=before,
    )
