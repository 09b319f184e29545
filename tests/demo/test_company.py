"""The demo's company is the same on every kind of server, and our login there is a poor one."""

from collections.abc import Callable

import psycopg
import pytest

from tests.servers import required
from whalefall.demo.builds import Build
from whalefall.demo.company import change_company, open_company
from whalefall.demo.machine import mariadb_build, postgresql_build


def old_build() -> Build:
    return postgresql_build(before=16)


@pytest.mark.parametrize("find", [postgresql_build, old_build])
def test_postgresql_company_opens_and_changes(find: Callable[[], Build]) -> None:
    for server in required(find):
        target = open_company(server)
        change_company(server)

        assert server.execute("SELECT 1 FROM pg_roles WHERE rolname = 'mia_lindqvist'")
        assert not server.execute("SELECT 1 FROM pg_roles WHERE rolname = 'freelancer'")
        server.connect("shop", target.username, target.password).close()
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            server.connect("billing", target.username, target.password)


def test_mariadb_company_opens_and_changes() -> None:
    for server in required(mariadb_build):
        target = open_company(server)
        change_company(server)

        server.connect("", target.username, target.password).close()
        names = {name for (name,) in server.execute("SELECT User FROM mysql.global_priv")}
        assert {"crm_import", "lena", "whalefall"} <= names
        assert "petra" not in names
