"""``capacity/aggregations/current``."""

import pytest
from django.utils.module_loading import import_string

from capacity.aggregate import CURRENT_TASKS
from capacity.models import DatabaseAggregate, InstanceAggregate
from sync_sessions.models import SyncSession
from tests.api.conftest import person_behind
from tests.capacity.aggregating import measure
from tests.capacity.clock import START, clock_at, noon
from tests.factories import DatabaseFactory, InstanceFactory

pytestmark = pytest.mark.django_db

URL = "/api/v1/capacity/aggregations/current"


@pytest.mark.parametrize(
    ("scope", "instances", "databases"),
    [("instance", 4, 0), ("database", 0, 4), ("all", 4, 4)],
)
def test_current_periods_of_a_scope_are_queued_and_summed_up(admin, scope, instances, databases):
    measure([DatabaseFactory(instance=InstanceFactory())], {0: 5}, START)

    response = admin.post(URL, {"scope": scope}, format="json")

    assert response.status_code == 202
    session = SyncSession.objects.get(pk=response.json()["data"]["session_id"])
    assert (session.trigger, session.task) == ("api", CURRENT_TASKS[scope])
    assert session.requested_by == person_behind(admin)
    with clock_at(noon(START)):
        import_string(session.task)(str(session.pk), 0, 0)
    session.refresh_from_db()
    assert session.status == "completed"
    assert InstanceAggregate.objects.count() == instances
    assert DatabaseAggregate.objects.count() == databases


@pytest.mark.parametrize("body", [{}, {"scope": ""}, {"scope": "fleet"}, {"scope": ["all"]}])
def test_other_scopes_are_refused(admin, body):
    response = admin.post(URL, body, format="json")

    assert response.status_code == 400
    assert not SyncSession.objects.exists()
