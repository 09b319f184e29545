"""The default schedules in django-q2."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import Schedule
from pytest_django import Settings

from sync_sessions.schedules import setup_schedules
from whalefall.core.errors import InvalidRequest

pytestmark = pytest.mark.django_db


def test_every_schedule_is_created_once_and_not_run_at_once():
    before = timezone.now()

    assert setup_schedules() == list(settings.SCHEDULES)
    assert setup_schedules() == []

    rows = Schedule.objects.values_list("name", "func", "cron")
    assert {name: (func, cron) for name, func, cron in rows} == settings.SCHEDULES
    assert all(one.next_run > before for one in Schedule.objects.all())


def test_daily_sync_is_due_at_one_in_the_local_time_zone(settings: Settings):
    settings.TIME_ZONE = "Asia/Tokyo"
    with timezone.override("Asia/Tokyo"):
        setup_schedules()

        due = timezone.localtime(Schedule.objects.get(name="sync_accounts").next_run)

    assert (due.hour, due.minute) == (1, 0)
    assert due - timezone.now() <= timedelta(days=1)


def test_what_an_operator_changed_stays():
    setup_schedules()
    Schedule.objects.filter(name="sync_accounts").update(cron="30 2 * * *")

    setup_schedules()

    assert Schedule.objects.get(name="sync_accounts").cron == "30 2 * * *"


def test_wrong_cron_creates_nothing(settings: Settings):
    settings.SCHEDULES = {**settings.SCHEDULES, "broken": ("accounts.tasks.x", "61 * * * *")}

    with pytest.raises(InvalidRequest, match="broken"):
        setup_schedules()

    assert not Schedule.objects.exists()


@pytest.mark.parametrize("name", settings.SCHEDULES)
def test_every_schedule_names_a_function(name: str):
    assert callable(import_string(settings.SCHEDULES[name][0]))
