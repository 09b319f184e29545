"""Databases that are renamed, dropped and made anew, readable to our login or not."""

from collections.abc import Iterator

import pytest

from instances.models import Instance, Section
from tests.accounts.mirror import changes, edges
from tests.engines.postgresql.conftest import cleaned
from tests.factories import sync
from tests.live.mirrored import instance_of
from whalefall.demo.servers import Server

pytestmark = pytest.mark.django_db

LOGIN = {"credential__username": "eye", "credential__password": "hush-hush"}


@pytest.fixture(params=["readable", "unreadable"])
def is_readable(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "readable")


@pytest.fixture
def server(postgresql: Server) -> Iterator[Server]:
    with cleaned(postgresql) as found:
        found.execute(
            "CREATE ROLE eye LOGIN PASSWORD 'hush-hush'; GRANT pg_read_all_stats TO eye;"
            "CREATE ROLE ada; CREATE ROLE bob"
        )
        for name, role in (("ren", "ada"), ("other", "bob")):
            make(found, name, role)
        yield found


def make(server: Server, name: str, role: str) -> None:
    server.execute(f"CREATE DATABASE {name}")
    server.execute(f"CREATE TABLE t (a int); GRANT SELECT ON t TO {role}", name)


@pytest.fixture
def instance(server: Server, *, is_readable: bool) -> Instance:
    """Everything was read once; then the databases may be closed to us."""
    made = instance_of(server, **LOGIN)
    assert sync(made).coverage == 1
    for name in ("ren", "other"):
        # As it is, or only for us: either way an access list that later steps leave alone.
        server.execute(f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")
        if is_readable:
            server.execute(f"GRANT CONNECT ON DATABASE {name} TO eye")
    assert (sync(made).coverage == 1) is is_readable
    return made


def selects(instance: Instance) -> set[tuple[str, str]]:
    """Who may SELECT from a table of ours, now."""
    return {
        (edge[0], edge[2])
        for edge in edges(instance)
        if edge[1] == "SELECT" and edge[0] in {"ada", "bob"}
    }


def told(instance: Instance, since: int) -> list[tuple[str, str, str, str]]:
    """Every change of what is inside: account, kind, cause, thing."""
    return [
        (name, kind, cause, f"{grant['privilege']} {grant['database']}.{grant['object']}")
        for name, kind, cause, diff in changes(instance, since)
        for grant in diff.get("grants", [{"privilege": "?", "database": "", "object": ""}])
        if grant["privilege"] == "SELECT" and name in {"ada", "bob"}
    ]


def test_renamed_database_takes_its_edges_along_without_an_entry(
    server: Server, instance: Instance, *, is_readable: bool
) -> None:
    known = len(changes(instance))
    server.execute("ALTER DATABASE ren RENAME TO ren2")
    sync(instance)

    assert selects(instance) == {("ada", "ren2.public.t"), ("bob", "other.public.t")}
    assert changes(instance, known) == []
    assert (Section.objects.get(database="ren2").state == "complete") is is_readable
    server.execute("GRANT CONNECT ON DATABASE ren2 TO eye")
    sync(instance)
    assert told(instance, known) == []


def test_two_databases_swap_their_names(server: Server, instance: Instance) -> None:
    known = len(changes(instance))
    for before, after in (("ren", "x"), ("other", "ren"), ("x", "other")):
        server.execute(f"ALTER DATABASE {before} RENAME TO {after}")
    sync(instance)

    assert selects(instance) == {("ada", "other.public.t"), ("bob", "ren.public.t")}
    assert changes(instance, known) == []
    sync(instance)
    assert changes(instance, known) == []


def test_dropped_database_is_observed_to_be_gone(server: Server, instance: Instance) -> None:
    known = len(changes(instance))
    server.execute("DROP DATABASE ren")
    sync(instance)

    assert selects(instance) == {("bob", "other.public.t")}
    assert told(instance, known) == [("ada", "revoked", "observed", "SELECT ren.t")]
    assert {entry[2] for entry in changes(instance, known)} == {"observed"}


def test_database_made_anew_under_its_name_is_another_one(
    server: Server, instance: Instance, *, is_readable: bool
) -> None:
    known = len(changes(instance))
    server.execute("DROP DATABASE ren")
    make(server, "ren", "ada")
    server.execute("REVOKE CONNECT ON DATABASE ren FROM PUBLIC")
    if is_readable:
        server.execute("GRANT CONNECT ON DATABASE ren TO eye")
    sync(instance)

    ended = ("ada", "revoked", "observed", "SELECT ren.t")
    begun = ("ada", "granted", "observed", "SELECT ren.t")
    assert told(instance, known) == ([ended, begun] if is_readable else [ended])
    assert (("ada", "ren.public.t") in selects(instance)) is is_readable


def test_database_renamed_to_the_name_of_a_dropped_one(server: Server, instance: Instance) -> None:
    known = len(changes(instance))
    server.execute("DROP DATABASE ren")
    server.execute("ALTER DATABASE other RENAME TO ren")
    sync(instance)

    assert selects(instance) == {("bob", "ren.public.t")}
    assert told(instance, known) == [("ada", "revoked", "observed", "SELECT ren.t")]
