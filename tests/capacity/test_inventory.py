"""Which databases are there: come, gone, back, renamed, made anew."""

import pytest

from instances.engines.base import Section
from instances.models import Database
from tests.capacity.clock import START, noon
from tests.capacity.collecting import collect, databases, totals
from tests.factories import DatabaseFactory
from tests.toy_engine import database, sizes

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db]

BLIND = [Section("databases", reason="We may not list them.", needed_grant="GRANT SHOW DATABASES")]


@pytest.fixture
def server(instance, server_has):
    return server_has(instance)


def test_new_database_is_seen_from_then_on(instance, server):
    server.sizes = sizes(database("shop", native_id="5", is_system=True))

    record = collect(instance)

    row = Database.objects.get()
    assert (row.name, row.native_id, row.is_system) == ("shop", "5", True)
    assert (row.first_seen_at, row.removed_at) == (noon(START), None)
    assert {name: record.counts[name] for name in ("databases", "added", "removed", "renamed")} == {
        "databases": 1,
        "added": 1,
        "removed": 0,
        "renamed": 0,
    }


def test_gone_database_is_kept_and_comes_back_with_its_history(instance, server):
    server.sizes = sizes(database("shop"), database("web"))
    collect(instance)
    server.sizes = sizes(database("web"))
    gone = collect(instance, minutes=1)
    row = Database.objects.get(name="shop")
    assert (gone.counts["removed"], row.removed_at) == (1, noon(START, 1))

    server.sizes = sizes(database("shop"), database("web"))
    back = collect(instance, minutes=2)

    assert (back.counts["added"], back.counts["removed"]) == (1, 0)
    assert databases(instance) == [("shop", None, False), ("web", None, False)]
    assert Database.objects.get(name="shop").pk == row.pk


def test_renamed_database_keeps_its_row(instance, server):
    server.sizes = sizes(database("shop", native_id="5"))
    collect(instance)
    server.sizes = sizes(database("store", native_id="5"))

    record = collect(instance)

    assert databases(instance) == [("store", "5", False)]
    assert (record.counts["renamed"], record.counts["added"]) == (1, 0)


def test_databases_that_swap_their_names_keep_their_rows(instance, server):
    server.sizes = sizes(database("a", 1, native_id="1"), database("b", 2, native_id="2"))
    collect(instance)
    server.sizes = sizes(database("b", 1, native_id="1"), database("a", 2, native_id="2"))

    collect(instance)

    assert databases(instance) == [("b", "1", False), ("a", "2", False)]
    assert totals(instance) == [("b", "28", 1), ("a", "28", 2)]


def test_name_that_a_renamed_database_has_left_is_free_at_once(instance, server):
    server.sizes = sizes(database("shop", 70, native_id="5"))
    collect(instance)
    server.sizes = sizes(database("shop", 8, native_id="6"), database("old", 70, native_id="5"))

    collect(instance)

    assert databases(instance) == [("old", "5", False), ("shop", "6", False)]
    assert totals(instance) == [("old", "28", 70), ("shop", "28", 8)]


def test_database_made_anew_under_its_name_has_a_history_of_its_own(instance, server):
    server.sizes = sizes(database("shop", 70, native_id="5"))
    collect(instance)
    server.sizes = sizes(database("shop", 8, native_id="6"))

    record = collect(instance)

    assert databases(instance) == [("shop", "5", True), ("shop", "6", False)]
    assert totals(instance) == [("shop", "28", 70), ("shop", "28", 8)]
    assert (record.counts["added"], record.counts["removed"]) == (1, 1)


def test_of_several_gone_databases_of_a_name_the_last_is_the_one_that_is_back(instance, server):
    for number in (1, 2):
        DatabaseFactory(
            instance=instance, name="shop", native_id="5", removed_at=noon(START, number - 60)
        )
    server.sizes = sizes(database("shop", native_id="5"))

    collect(instance)

    assert databases(instance) == [("shop", "5", True), ("shop", "5", False)]


def test_database_of_another_instance_is_not_touched(instance, server):
    other = DatabaseFactory(name="shop")
    server.sizes = sizes(database("web"))

    collect(instance)

    assert databases(other.instance) == [("shop", None, False)]


def test_row_without_an_id_takes_the_one_that_the_server_tells(instance, server):
    row = DatabaseFactory(instance=instance, name="shop")
    server.sizes = sizes(database("shop", native_id="5"))

    collect(instance)

    assert databases(instance) == [("shop", "5", False)]
    assert Database.objects.get().pk == row.pk


def test_nobody_is_gone_while_the_list_is_unknown(instance, server):
    server.sizes = sizes(database("shop", 70), database("web", 1))
    collect(instance)
    server.sizes = sizes(database("web", 2), database("new", 4), unknown=BLIND)

    record = collect(instance)

    assert databases(instance) == [
        ("shop", None, False),
        ("web", None, False),
        ("new", None, False),
    ]
    assert totals(instance) == [("shop", "28", 70), ("web", "28", 2), ("new", "28", 4)]
    assert (record.counts["databases"], record.counts["removed"]) == (3, 0)
    assert record.coverage == 2 / 3


def test_name_stays_with_a_database_that_may_still_have_it(instance, server):
    """The reading lists a part of a server on which three databases have passed their names on."""
    server.sizes = sizes(
        *(database(name, 1, native_id=number) for name, number in zip("abc", "123", strict=True))
    )
    collect(instance)
    server.sizes = sizes(
        database("c", 10, native_id="1"),
        database("a", 20, native_id="2"),
        database("b", 40, native_id="4"),
        unknown=BLIND,
    )

    collect(instance)

    assert databases(instance) == [("a", "1", False), ("b", "2", False), ("c", "3", False)]
    assert totals(instance) == [("a", "28", 10), ("b", "28", 20), ("c", "28", 1)]
    server.sizes = sizes(
        database("c", 10, native_id="1"),
        database("a", 20, native_id="2"),
        database("b", 40, native_id="4"),
    )
    collect(instance)
    assert databases(instance) == [
        *[("c", "1", False), ("a", "2", False), ("c", "3", True), ("b", "4", False)],
    ]


def test_quiet_reading_leaves_the_inventory_alone(instance, server):
    server.sizes = sizes(*(database(f"d{number}", native_id=f"{number}") for number in range(1200)))
    collect(instance)
    before = list(Database.objects.order_by("pk").values())

    record = collect(instance)

    assert list(Database.objects.order_by("pk").values()) == before
    assert (record.counts["databases"], record.counts["added"]) == (1200, 0)
    assert record.timings["own_statements"] < 60
