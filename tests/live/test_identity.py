"""Who is whom after a rename, a drop, and a creation under an old name."""

from collections.abc import Iterator
from typing import Any

import pytest

from accounts.models import Account
from instances.models import Instance
from tests.accounts.mirror import changes
from tests.engines.mysql.conftest import cleaned as cleaned_mysql
from tests.engines.postgresql.conftest import cleaned as cleaned_postgresql
from tests.factories import sync
from tests.live.mirrored import Replay, instance_of, open_edges
from whalefall.demo.servers import Server

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["postgresql", "old_postgresql"])
def postgresql_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with cleaned_postgresql(request.getfixturevalue(request.param)) as server:
        server.execute("CREATE ROLE ada; CREATE ROLE bob; CREATE ROLE team; GRANT team TO ada")
        yield server


@pytest.fixture(params=["mysql", "mariadb"])
def mysql_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with cleaned_mysql(request.getfixturevalue(request.param)) as server:
        server.execute("CREATE USER ada@'%' IDENTIFIED BY 'x'")
        server.execute("GRANT SELECT ON shop.* TO ada@'%'")
        yield server


def rows(instance: Instance, *names: str) -> dict[str, list[int]]:
    """The keys of the accounts of each name, and whether they are present: gone ones first."""
    accounts = Account.objects.filter(instance=instance, name__in=names).order_by("pk")
    found: dict[str, list[int]] = {name: [] for name in names}
    for account in accounts:
        found[account.name].append(account.pk if account.removed_at is None else -account.pk)
    return found


def kinds(instance: Instance, since: int) -> list[tuple[str, str]]:
    return sorted((name, kind) for name, kind, _, _ in changes(instance, since))


def edges_of(instance: Instance, account: int) -> set[tuple[Any, ...]]:
    return {edge for edge in open_edges(instance) if edge[0] == account}


def test_renamed_role_keeps_its_history_and_its_edges(postgresql_server: Server) -> None:
    server, instance = postgresql_server, instance_of(postgresql_server)
    sync(instance)
    known, [ada] = len(changes(instance)), rows(instance, "ada")["ada"]
    edges = open_edges(instance)

    server.execute("ALTER ROLE ada RENAME TO countess; ALTER ROLE team RENAME TO ada")
    sync(instance)

    assert changes(instance, known) == [
        ("countess", "renamed", "observed", {"attributes": {"name": ["ada", "countess"]}}),
        ("ada", "renamed", "observed", {"attributes": {"name": ["team", "ada"]}}),
    ]
    assert rows(instance, "countess", "team") == {"countess": [ada], "team": []}
    assert open_edges(instance) == edges


def test_two_roles_that_swap_their_names_are_renamed(postgresql_server: Server) -> None:
    server, instance = postgresql_server, instance_of(postgresql_server)
    sync(instance)
    known, before = len(changes(instance)), rows(instance, "ada", "bob")

    server.execute(
        "ALTER ROLE ada RENAME TO between; ALTER ROLE bob RENAME TO ada;"
        "ALTER ROLE between RENAME TO bob"
    )
    sync(instance)

    assert kinds(instance, known) == [("ada", "renamed"), ("bob", "renamed")]
    assert rows(instance, "ada", "bob") == {"ada": before["bob"], "bob": before["ada"]}


def test_role_made_again_under_its_name_is_another_account(postgresql_server: Server) -> None:
    server, instance = postgresql_server, instance_of(postgresql_server)
    sync(instance)
    known, [ada] = len(changes(instance)), rows(instance, "ada")["ada"]

    server.execute("DROP ROLE ada; CREATE ROLE ada; GRANT team TO ada")
    sync(instance)

    [gone, present] = rows(instance, "ada")["ada"]
    assert (gone, present > ada) == (-ada, True)
    assert kinds(instance, known) == [("ada", "recreated"), ("ada", "removed")]
    assert edges_of(instance, ada) == set()
    assert len(edges_of(instance, present)) == 1
    assert Replay(instance).edges == open_edges(instance)


def test_role_that_is_back_with_its_own_id_is_restored(postgresql_server: Server) -> None:
    server, instance = postgresql_server, instance_of(postgresql_server)
    sync(instance)
    known, [ada] = len(changes(instance)), rows(instance, "ada")["ada"]
    [(oid,)] = server.execute("SELECT oid FROM pg_roles WHERE rolname = 'ada'")

    server.execute("DROP ROLE ada")
    sync(instance)
    # As a restored backup of the server would do it; SQL alone never gives an id out twice.
    server.execute(
        "CREATE ROLE ada; SET allow_system_table_mods = on;"
        f"UPDATE pg_authid SET oid = {oid} WHERE rolname = 'ada'"
    )
    sync(instance)

    assert kinds(instance, known) == [("ada", "removed"), ("ada", "restored")]
    assert rows(instance, "ada") == {"ada": [ada]}


def test_renamed_user_of_mysql_is_gone_and_another_came(mysql_server: Server) -> None:
    server, instance = mysql_server, instance_of(mysql_server)
    sync(instance)
    known, [ada] = len(changes(instance)), rows(instance, "ada@%")["ada@%"]

    server.execute("RENAME USER ada@'%' TO countess@'%'")
    sync(instance)

    [countess] = rows(instance, "countess@%")["countess@%"]
    assert kinds(instance, known) == [("ada@%", "removed"), ("countess@%", "added")]
    assert rows(instance, "ada@%") == {"ada@%": [-ada]}
    assert edges_of(instance, ada) == set()
    assert len(edges_of(instance, countess)) == 1


def test_user_of_mysql_that_comes_back_is_restored(mysql_server: Server) -> None:
    server, instance = mysql_server, instance_of(mysql_server)
    sync(instance)
    known, [ada] = len(changes(instance)), rows(instance, "ada@%")["ada@%"]

    server.execute("DROP USER ada@'%'")
    sync(instance)
    server.execute("CREATE USER ada@'%' IDENTIFIED BY 'x'")
    server.execute("GRANT INSERT ON shop.* TO ada@'%'")
    sync(instance)

    assert kinds(instance, known) == [("ada@%", "removed"), ("ada@%", "restored")]
    assert rows(instance, "ada@%") == {"ada@%": [ada]}
    assert {edge[1] for edge in edges_of(instance, ada)} == {"INSERT"}
    assert Replay(instance).edges == open_edges(instance)
