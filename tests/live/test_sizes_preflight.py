"""What a preflight says is missing for sizes and tables, and that it is enough."""

from collections.abc import Iterator

import pytest

from instances.probe import probe_target
from tests.engines.mysql.conftest import cleaned as cleaned_mysql
from tests.engines.mysql.conftest import plant
from tests.engines.postgresql.conftest import cleaned as cleaned_postgresql
from whalefall.demo.servers import Server

LOGIN = {"username": "eye", "password": "hush-hush"}
NEVER = ("ALL PRIVILEGES", "SUPER", "pg_monitor", "pg_read_all_data")


@pytest.fixture(params=["postgresql", "old_postgresql", "mariadb", "mysql"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    found: Server = request.getfixturevalue(request.param)
    if found.engine == "mysql":
        with cleaned_mysql(found) as cleaned:
            plant(
                cleaned,
                "CREATE USER eye@'%' IDENTIFIED BY 'hush-hush'",
                "CREATE DATABASE shop",
                "CREATE TABLE shop.t (id INT)",
            )
            yield cleaned
    else:
        with cleaned_postgresql(found) as cleaned:
            cleaned.execute("CREATE ROLE eye LOGIN PASSWORD 'hush-hush'")
            cleaned.execute("CREATE DATABASE shop")
            cleaned.execute("REVOKE CONNECT ON DATABASE shop FROM PUBLIC")
            yield cleaned


def test_preflight_names_what_sizes_and_tables_need(server: Server) -> None:
    login = server.target(**LOGIN)

    before = probe_target(server.engine, login)
    for statement in before.needed_grants:
        server.execute(statement)
    after = probe_target(server.engine, login)

    places = {(section.name, section.database) for section in before.unknown}
    # A login without rights sees no database of MySQL that could have a section.
    assert places >= (
        {("databases", "")}
        if server.engine == "mysql"
        else {("sizes", "shop"), ("parts", "shop"), ("tables", "shop"), ("log", "")}
    )
    assert not [grant for grant in before.needed_grants for word in NEVER if word in grant]
    assert after.unknown == []
    assert after.coverage == 1
    known = {(section.name, section.database) for section in after.sections}
    assert known >= {("accounts", ""), ("databases", ""), ("sizes", "shop"), ("tables", "shop")}
