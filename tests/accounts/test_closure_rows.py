"""The stored closure equals what the open memberships reach, and is written only where it moved."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from accounts.closure import reached_roles
from accounts.models import Account, Membership, RoleClosure
from accounts.worlds import links
from instances.engines.base import MembershipRecord
from instances.models import Instance
from tests.accounts.mirror import written_tables
from tests.factories import InstanceFactory, sync
from tests.toy_engine import TOY_SERVERS, ToyServer, reading, role, select_on, user

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db]
NAMES = ("a", "b", "c", "d", "e")
CLOSURE = "accounts_roleclosure"

memberships = st.builds(
    MembershipRecord,
    st.sampled_from(NAMES),
    st.sampled_from(NAMES),
    inherits=st.booleans(),
    can_set=st.booleans(),
)
servers = st.tuples(st.sets(st.sampled_from(NAMES)), st.lists(memberships, max_size=8))


def rows(instance: Instance) -> dict[tuple[int, int], tuple[bool, int]]:
    found = RoleClosure.objects.filter(account__instance=instance)
    columns = ("account", "role", "inherits", "depth")
    return {
        (one, other): (inherits, depth)
        for one, other, inherits, depth in found.values_list(*columns)
    }


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(program=st.lists(servers, min_size=1, max_size=4))
def test_rows_are_the_closure_of_the_open_memberships(
    program: list[tuple[set[str], list[MembershipRecord]]],
) -> None:
    instance = InstanceFactory()
    for names, edges in program:
        there = [one for one in edges if {one.member, one.role} <= names]
        TOY_SERVERS[instance.host] = ToyServer(reading([user(one) for one in names], there))
        sync(instance)
        present = Membership.objects.open().filter(member__instance=instance)
        reached = reached_roles(links(present))
        assert rows(instance) == reached
    Instance.objects.filter(pk=instance.pk).forget()


@pytest.fixture
def server(instance: Instance, server_has: Any) -> ToyServer:
    """``a`` → ``b`` → ``c`` and back to ``a``."""
    circle = [MembershipRecord(*ends) for ends in ("ab", "bc", "ca")]
    made: ToyServer = server_has(instance, reading([role(name) for name in "abc"], circle))
    sync(instance)
    return made


def tables_written_by_sync(instance: Instance) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        sync(instance)
    return [table for table in written_tables(queries) if table == CLOSURE]


def test_other_changes_leave_the_rows_alone(instance, server):
    before = list(RoleClosure.objects.order_by("pk").values())

    server.now_has(grants=[select_on("shop.public.orders", "a")])

    assert tables_written_by_sync(instance) == []
    assert list(RoleClosure.objects.order_by("pk").values()) == before


def test_only_the_rows_that_differ_are_written(instance, server):
    kept = set(
        RoleClosure.objects.exclude(account__name="c")
        .exclude(role__name="a")
        .values_list("pk", flat=True)
    )

    server.now_has(memberships=server.reading.memberships[:2])
    sync(instance)

    assert set(RoleClosure.objects.values_list("pk", flat=True)) == kept
    assert len(kept) == 3


def test_rows_of_an_older_version_are_made_anew(instance, server):
    before = rows(instance)
    Account.objects.update(facts_version=1)
    RoleClosure.objects.all().delete()

    sync(instance)

    assert rows(instance) == before != {}
