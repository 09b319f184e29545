"""The order in which a server gives its rows is its own affair."""

import random
from dataclasses import replace

import pytest
from django.utils import timezone

from accounts.compare import compare_in_full
from accounts.sections import Knowledge
from accounts.stored import Stored
from instances.adding import Address, add_instance
from tests.factories import sync
from whalefall.demo.company import open_company
from whalefall.demo.servers import Server

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=["throwaway_postgresql", "throwaway_mariadb"])
def server(request: pytest.FixtureRequest) -> Server:
    started: Server = request.getfixturevalue(request.param)
    return started


def test_200_shuffled_replays_of_a_company_differ_in_nothing(server: Server):
    target = open_company(server)
    address = Address(server.engine, target.host, target.port, target.username, target.password)
    instance, _ = add_instance("company", address)
    sync(instance)
    instance.refresh_from_db()
    with instance.engine_class.connect(instance.target()) as engine:
        reading = engine.read_accounts()

    order = random.Random(7)
    for _ in range(200):
        shuffled = replace(
            reading,
            sections=order.sample(list(reading.sections), len(reading.sections)),
            accounts=order.sample(list(reading.accounts), len(reading.accounts)),
            memberships=order.sample(list(reading.memberships), len(reading.memberships)),
            grants=order.sample(list(reading.grants), len(reading.grants)),
        )
        stored = Stored(instance)
        found = compare_in_full(stored, shuffled, Knowledge(stored, shuffled), at=timezone.now())

        assert (found.differing, found.matching.gone, found.changes) == ([], [], {})
