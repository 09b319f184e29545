"""django-q2 entry points: positional ids in, nothing out.

What a schedule starts takes ``trigger`` and ``requested_by``, and returns the session.
"""

from typing import Any
from uuid import UUID

from capacity.aggregate import Aggregation, Scope, launch_aggregation, refresh_after
from capacity.collect import COLLECTION, TABLES_COLLECTION, launch_collection
from capacity.forecast import launch_forecast, run_forecast
from capacity.maintain import launch_maintenance, run_maintenance, run_retention
from instances.models import Instance
from sync_sessions.fleet import run_fleet_record
from sync_sessions.models import SyncSession
from sync_sessions.run import run_chunk
from whalefall.cleaning import launch_clean_up, run_clean_up


def collect_capacity_for_records(session_id: str, first: int, last: int) -> None:
    run_chunk(UUID(session_id), first, last, COLLECTION)


def collect_tables_for_records(session_id: str, first: int, last: int) -> None:
    run_chunk(UUID(session_id), first, last, TABLES_COLLECTION)


def collect_all_capacity(**who: Any) -> SyncSession:
    return launch_collection(Instance.objects.active(), **who)


def collect_all_tables(**who: Any) -> SyncSession:
    return launch_collection(Instance.objects.active(), with_tables=True, **who)


def forecast_for_record(session_id: str, _first: int, _last: int) -> None:
    run_forecast(UUID(session_id))


def forecast_fleet(**who: Any) -> SyncSession:
    return launch_forecast(**who)


def aggregate_due(session_id: str, _first: int, _last: int) -> None:
    run_fleet_record(UUID(session_id), Aggregation().run)


def aggregate_current(session_id: str, _first: int, _last: int) -> None:
    run_fleet_record(UUID(session_id), Aggregation(only_current=True).run)


def aggregate_current_instances(session_id: str, _first: int, _last: int) -> None:
    current = Aggregation(scope=Scope.INSTANCE, only_current=True)
    run_fleet_record(UUID(session_id), current.run)


def aggregate_current_databases(session_id: str, _first: int, _last: int) -> None:
    current = Aggregation(scope=Scope.DATABASE, only_current=True)
    run_fleet_record(UUID(session_id), current.run)


def aggregate_all_due(**who: Any) -> SyncSession:
    return launch_aggregation(None, **who)


def refresh_aggregates(session_id: str) -> None:
    refresh_after(SyncSession.objects.get(pk=session_id))


def maintain_for_record(session_id: str, _first: int, _last: int) -> None:
    run_maintenance(UUID(session_id))


def drop_old_for_record(session_id: str, _first: int, _last: int) -> None:
    run_retention(UUID(session_id))


def maintain_partitions(**who: Any) -> SyncSession:
    return launch_maintenance(**who)


def clean_up_for_record(session_id: str, _first: int, _last: int) -> None:
    run_clean_up(UUID(session_id))


def clean_up(**who: Any) -> SyncSession:
    return launch_clean_up(**who)
