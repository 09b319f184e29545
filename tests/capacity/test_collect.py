"""A collection from the server to the daily sizes."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks

from capacity.collect import TABLES_TASK, TASK, collect_now, launch_collection
from capacity.models import DatabaseAggregate, DatabaseSize, InstanceSize, StalePeriod, TableSize
from capacity.tasks import collect_all_capacity, collect_all_tables
from instances.engines.base import Section
from instances.engines.errors import ConnectionFailed
from instances.models import Database, Instance
from instances.models import Section as StoredSection
from sync_sessions.models import SyncRecord
from tests.capacity.clock import START, clock_at, noon
from tests.capacity.collecting import collect, instance_sizes, totals
from tests.factories import InstanceFactory, InstanceSizeFactory, SyncRecordFactory
from tests.sync_sessions.scripts import events, fallbacks
from tests.toy_engine import database, sizes, table

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db]

NEXT = START + timedelta(1)
WHOLE = ("total_bytes", "database_count", "unmeasured_count")


@pytest.fixture
def server(instance, server_has):
    return server_has(instance, sizes=sizes(database("shop", 70), database("web", 30)))


def test_measurement_is_stored_with_all_its_numbers(instance, server):
    parts = {"data_bytes": 40, "index_bytes": 20, "log_bytes": 10}
    server.sizes = sizes(
        database("shop", 70, **parts), database("web", 0), log_bytes=5, limit_bytes=1000
    )

    record = collect(instance)

    moment = {"measured_on": START, "measured_at": noon(START)}
    rows: Any = DatabaseSize.objects.order_by("database__name").values()
    shop, web = rows
    assert shop == {
        **moment,
        "database_id": Database.objects.get(name="shop").pk,
        "total_bytes": 70,
        **parts,
    }
    assert (web["total_bytes"], web["data_bytes"], web["index_bytes"], web["log_bytes"]) == (
        *(0, None, None, None),
    )
    assert InstanceSize.objects.values().get() == {
        **moment,
        "instance_id": instance.pk,
        "total_bytes": 70,
        "log_bytes": 5,
        "limit_bytes": 1000,
        "database_count": 2,
        "unmeasured_count": 0,
        "is_suspect": False,
    }
    assert record.counts == {
        "databases": 2,
        "added": 2,
        "removed": 0,
        "renamed": 0,
        "unmeasured": 0,
        "total_bytes": 70,
        "suspect": 0,
        "sections": 3,
        "unknown_sections": 0,
    }
    assert (record.category, record.coverage) == ("capacity", 1.0)
    assert record.timings["remote_statements"] == 2


def test_day_is_that_of_the_reading_in_the_local_time_zone(instance, server, settings):
    settings.TIME_ZONE = "Asia/Tokyo"
    before, after = (datetime(2026, 3, 28, hour, 30, tzinfo=UTC) for hour in (14, 15))

    for moment in (before, after):
        with clock_at(moment):
            collect_now([instance], trigger="command")

    assert instance_sizes(instance, "measured_on", "measured_at") == [
        (START, before),
        (NEXT, after),
    ]


def test_reading_before_midnight_that_is_written_after_it_counts_for_the_day_before(
    instance, server, monkeypatch
):
    moments = [datetime(2026, 3, 28, 23, 59, tzinfo=UTC)]
    monkeypatch.setattr("django.utils.timezone.now", lambda: moments[-1])
    server.tables = [Section("tables", "shop"), Section("tables", "web")]
    server.during_read = lambda: moments.append(moments[-1] + timedelta(minutes=server.reads - 1))

    collect_now([instance], with_tables=True, trigger="command")

    # The tables were read a minute after the sizes.
    assert instance_sizes(instance, "measured_on", "measured_at") == [(START, moments[0])]
    assert moments[-1].date() == NEXT


def test_second_measurement_of_a_day_replaces_the_first(instance, server):
    collect(instance)
    server.sizes = sizes(database("shop", 8), database("web", 30))

    collect(instance, minutes=5)

    assert totals(instance) == [("shop", "28", 8), ("web", "28", 30)]
    assert instance_sizes(instance, "total_bytes", "measured_at") == [(38, noon(START, 5))]


def test_same_reading_again_changes_nothing_but_the_moment(instance, server):
    server.tables = [table("shop.public.t"), Section("tables", "shop"), Section("tables", "web")]
    collect(instance, with_tables=True)
    models = (Database, DatabaseSize, InstanceSize, TableSize, StoredSection)
    moments = {"measured_at", "read_at"}

    def stored():
        return [
            sorted(
                str({name: value for name, value in row.items() if name not in moments})
                for row in model.objects.values()
            )
            for model in models
        ]

    before = stored()
    collect(instance, minutes=5, with_tables=True)

    assert stored() == before
    assert instance_sizes(instance, "measured_at") == [(noon(START, 5),)]


def test_database_that_could_not_be_measured_counts_with_its_last_known_size(instance, server):
    collect(instance)
    server.sizes = sizes(database("shop", None), database("web", 31), database("new", None))

    record = collect(instance, NEXT)

    assert totals(instance) == [("shop", "28", 70), ("web", "28", 30), ("web", "29", 31)]
    assert instance_sizes(instance, *WHOLE) == [(100, 2, 0), (101, 3, 2)]
    assert (record.counts["unmeasured"], record.counts["total_bytes"]) == (2, 101)
    assert record.coverage == 2 / 4


def test_database_measured_earlier_on_the_day_is_measured(instance, server):
    collect(instance)
    server.sizes = sizes(database("shop", None), database("web", 30))

    collect(instance, minutes=5)

    assert instance_sizes(instance, *WHOLE) == [(100, 2, 0)]


def test_instance_has_no_size_while_no_database_ever_had_one(instance, server):
    server.sizes = sizes(database("shop", None))

    record = collect(instance)

    assert (record.status, record.coverage) == ("completed", 0.5)
    assert not InstanceSize.objects.exists()
    assert not StalePeriod.objects.exists()
    assert "total_bytes" not in record.counts
    assert record.counts["unmeasured"] == 1


@pytest.mark.parametrize(("total", "is_suspect"), [(50, False), (49, True), (100, False)])
def test_drop_of_more_than_half_is_kept_and_flagged(instance, server, total, is_suspect):
    InstanceSizeFactory(instance=instance, measured_on=START - timedelta(9), total_bytes=1)
    collect(instance)
    server.sizes = sizes(database("shop", total))

    record = collect(instance, NEXT)

    assert instance_sizes(instance, "total_bytes", "is_suspect")[-1] == (total, is_suspect)
    assert record.counts["suspect"] == int(is_suspect)
    assert ("size_dropped" in events(record)) == is_suspect


def test_day_is_not_compared_with_itself(instance, server):
    collect(instance)
    server.sizes = sizes(database("shop", 1))

    record = collect(instance, minutes=5)

    assert record.counts["suspect"] == 0


def test_what_could_not_be_read_is_stored_and_logged(instance, server, caplog):
    server.sizes = sizes(database("shop", None), database("web", 1))

    collect(instance)

    assert list(
        StoredSection.objects.order_by("name", "database").values_list(
            *("category", "name", "database", "state", "reason", "read_at")
        )
    ) == [
        ("capacity", "databases", "", "complete", "", noon(START)),
        ("capacity", "sizes", "shop", "unknown", "It is shy.", None),
        ("capacity", "sizes", "web", "complete", "", noon(START)),
    ]
    assert fallbacks(caplog) == ["section_unknown"]


def test_periods_of_the_day_are_marked_as_stale(instance, server):
    collect(instance)

    marked = StalePeriod.objects.filter(instance=instance).order_by("period")
    assert list(marked.values_list("period", "period_start")) == [
        ("daily", START),
        ("monthly", date(2026, 3, 1)),
        ("quarterly", date(2026, 1, 1)),
        ("weekly", date(2026, 3, 23)),
    ]


def test_collection_in_this_process_refreshes_the_aggregates_of_today(instance, server):
    with clock_at(noon(START)):
        session = collect_now([instance], trigger="command")

    assert session.status == "completed"
    days = DatabaseAggregate.objects.filter(period="daily").order_by("avg_bytes")
    assert list(days.values_list("period_start", "avg_bytes")) == [(START, 30), (START, 70)]


def test_instance_was_reached_and_keeps_the_version_that_account_syncs_compare_with(
    instance, server
):
    Instance.objects.filter(pk=instance.pk).update(version="0.9", last_error="It was down.")

    collect(instance)

    instance.refresh_from_db()
    assert (instance.version, instance.last_reached_at, instance.last_error) == (
        *("0.9", noon(START), ""),
    )


def test_failed_reading_changes_nothing(instance, server):
    collect(instance)
    server.fails_with = ConnectionFailed("It is down.")

    record = collect(instance, NEXT)

    assert (record.status, record.error_code) == ("failed", "DATABASE_CONNECTION_ERROR")
    assert totals(instance) == [("shop", "28", 70), ("web", "28", 30)]
    assert instance_sizes(instance, *WHOLE) == [(100, 2, 0)]
    assert not Database.objects.exclude(removed_at=None).exists()


def test_collection_while_another_runs_is_refused(instance, server):
    SyncRecordFactory(instance=instance, category="capacity", status="running")

    record = collect(instance)

    assert (record.status, record.error_code) == ("failed", "SYNC_ALREADY_RUNNING")
    assert not Database.objects.exists()


def test_account_sync_of_the_same_instance_is_no_obstacle(instance, server):
    SyncRecordFactory(instance=instance, category="accounts", status="running")

    assert collect(instance).status == "completed"


@pytest.mark.parametrize(("with_tables", "task"), [(False, TASK), (True, TABLES_TASK)])
def test_launched_collection_is_queued_on_commit(
    instance,
    with_tables: bool,
    task: str,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
):
    with django_capture_on_commit_callbacks() as queued:
        session = launch_collection([instance], with_tables=with_tables, trigger="api")

    assert (session.category, session.task, len(queued)) == ("capacity", task, 1)


@pytest.mark.parametrize(
    ("schedule", "task"), [(collect_all_capacity, TASK), (collect_all_tables, TABLES_TASK)]
)
def test_schedule_measures_the_active_instances(instance, schedule, task):
    InstanceFactory(is_active=False)

    session = schedule(trigger="schedule")

    assert (session.task, session.trigger) == (task, "schedule")
    assert [record.instance for record in SyncRecord.objects.all()] == [instance]
