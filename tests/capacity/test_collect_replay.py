"""Whatever happens on a server, what is stored equals a model that knows nothing of ours."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.models import DatabaseSize, InstanceSize, TableSize
from instances.models import Database, Instance
from tests.capacity.clock import START
from tests.capacity.collecting import collect
from tests.capacity.world import NAMES, World
from tests.factories import InstanceFactory
from tests.live.profiles import bounded
from tests.toy_engine import TOY_SERVERS, ToyServer

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db]

NUMBERS = st.integers(0, 11)
EVENTS = ["create"] * 3 + ["vanish", "return", "recreate", "rename", "swap", "resize"]
EVENTS += ["put_table"] * 4 + ["drop_table"]
HAPPENINGS = st.lists(st.tuples(st.sampled_from(EVENTS), NUMBERS, NUMBERS), max_size=8)
SOME: st.SearchStrategy[set[int]] = st.one_of(
    st.just(set()), st.sets(st.integers(0, len(NAMES) - 1), max_size=3)
)
ROUNDS = st.lists(
    st.tuples(HAPPENINGS, st.integers(0, 2), SOME, SOME, st.booleans()), min_size=2, max_size=6
)


def live(world: World, instance: Instance, rounds: Sequence[Any]) -> None:
    day = START
    for number, (happenings, days, hidden, shy, with_tables) in enumerate(rounds):
        for happening in happenings:
            world.do(*happening)
        day += timedelta(days)
        reading, stream = world.read(hidden, shy)
        TOY_SERVERS[instance.host] = ToyServer(sizes=reading, tables=stream)
        record = collect(instance, day, minutes=number, with_tables=with_tables)
        world.learn(day, hidden, shy, with_tables=with_tables)
        assert (record.status, record.error_message) == ("completed", "")
        compare(world, instance)


def compare(world: World, instance: Instance) -> None:
    rows = list(Database.objects.filter(instance=instance))
    identity = {row.pk: row.native_id or row.name for row in rows}
    assert len(set(identity.values())) == len(rows)
    assert {identity[row.pk]: row.name for row in rows} == world.names
    assert {identity[row.pk] for row in rows if row.removed_at is None} == world.present

    sizes = DatabaseSize.objects.filter(database__instance=instance)
    assert {
        (identity[one.database_id], one.measured_on): (one.total_bytes, one.data_bytes)
        for one in sizes
    } == world.sizes

    wholes = InstanceSize.objects.filter(instance=instance)
    assert {
        one.measured_on: (
            *(one.total_bytes, one.database_count, one.unmeasured_count, one.is_suspect),
        )
        for one in wholes
    } == world.wholes

    tables = TableSize.objects.filter(database__instance=instance).values_list(
        *("database", "schema", "name", "total_bytes", "data_bytes", "index_bytes"),
        *("estimated_rows", "valid_from", "valid_to"),
    )
    stored = [(identity[row[0]], *row[1:3], tuple(row[3:7]), *row[7:]) for row in tables]
    assert sorted(stored, key=repr) == sorted(world.edges(), key=repr)


@pytest.mark.parametrize("has_ids", [True, False])
@bounded(examples=8)
@given(rounds=ROUNDS)
def test_what_is_stored_equals_the_model_after_every_reading(has_ids: bool, rounds: Any) -> None:
    live(World(has_ids), InstanceFactory(), rounds)
