"""Planted grants of every scope are read exactly, and as SHOW GRANTS tells them."""

import random
from typing import Any

from instances.engines.base import AccountRecord, GrantRecord, Scope
from instances.engines.mysql.engine import MySQLEngine
from instances.engines.mysql.flavours import parse_version
from instances.engines.mysql.words import MARIADB_BITS
from tests.engines.mysql.conftest import Read, plant, quote
from tests.engines.mysql.show_grants import grants_in, roles_in
from whalefall.demo.servers import Server

COMPANY = (
    "CREATE DATABASE `shop`",
    "CREATE TABLE shop.orders (id int, total int, `no``te` text)",
    "CREATE PROCEDURE shop.close() SELECT 1",
    "CREATE FUNCTION shop.close() RETURNS int DETERMINISTIC RETURN 1",
    "CREATE USER app@'%' IDENTIFIED BY 'x', ''@'10.0.0.%' IDENTIFIED BY 'x', boss@localhost",
    "GRANT SELECT, CREATE TEMPORARY TABLES ON `shop`.* TO app@'%'",
    r"GRANT ALL ON `sh\_op%`.* TO app@'%' WITH GRANT OPTION",
    "GRANT USAGE ON `other`.* TO app@'%' WITH GRANT OPTION",
    "GRANT INSERT, CREATE VIEW ON shop.orders TO app@'%' WITH GRANT OPTION",
    "GRANT SELECT (id, total), UPDATE (`no``te`) ON shop.orders TO ''@'10.0.0.%'",
    "GRANT UPDATE (id) ON shop.orders TO app@'%'",
    "GRANT EXECUTE ON PROCEDURE shop.close TO app@'%' WITH GRANT OPTION",
    "GRANT ALTER ROUTINE ON FUNCTION shop.close TO app@'%'",
    "GRANT PROXY ON boss@localhost TO app@'%' WITH GRANT OPTION",
    "GRANT PROCESS, REPLICATION SLAVE, SHOW DATABASES ON *.* TO boss@localhost",
)
NEW_IN_MARIADB_11_3 = {"SHOW CREATE ROUTINE"}
DATABASE_WORDS = {
    *("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "REFERENCES", "INDEX", "ALTER"),
    *("CREATE TEMPORARY TABLES", "LOCK TABLES", "CREATE VIEW", "SHOW VIEW", "CREATE ROUTINE"),
    *("ALTER ROUTINE", "EXECUTE", "EVENT", "TRIGGER"),
}


def all_of(server: Server) -> frozenset[str]:
    """What ALL PRIVILEGES means on MariaDB; MySQL spells it out."""
    if server.kind == "mysql":
        return frozenset()
    is_new = parse_version(server.version) >= (11, 3)
    return frozenset(MARIADB_BITS) - {"GRANT OPTION", *(() if is_new else NEW_IN_MARIADB_11_3)}


def company(server: Server) -> set[GrantRecord]:
    app, nobody, boss = "app@%", "@10.0.0.%", "boss@localhost"
    everything = DATABASE_WORDS | (all_of(server) & {"DELETE HISTORY", *NEW_IN_MARIADB_11_3})
    orders = ("shop", "", "orders")
    return {
        # GRANT PROXY … WITH GRANT OPTION puts it into the global row as well, on both flavours.
        GrantRecord(app, "GRANT OPTION", Scope.SERVER, grantable=True),
        GrantRecord(app, "SELECT", Scope.DATABASE, "shop"),
        GrantRecord(app, "CREATE TEMPORARY TABLES", Scope.DATABASE, "shop"),
        *(
            GrantRecord(app, word, Scope.DATABASE, r"sh\_op%", grantable=True)
            for word in everything
        ),
        GrantRecord(app, "GRANT OPTION", Scope.DATABASE, "other", grantable=True),
        GrantRecord(app, "INSERT", Scope.TABLE, *orders, grantable=True),
        GrantRecord(app, "CREATE VIEW", Scope.TABLE, *orders, grantable=True),
        GrantRecord(app, "UPDATE", Scope.COLUMN, *orders, "id", grantable=True),
        GrantRecord(nobody, "SELECT", Scope.COLUMN, *orders, "id"),
        GrantRecord(nobody, "SELECT", Scope.COLUMN, *orders, "total"),
        GrantRecord(nobody, "UPDATE", Scope.COLUMN, *orders, "no`te"),
        GrantRecord(app, "EXECUTE", Scope.ROUTINE, "shop", "", "PROCEDURE close", grantable=True),
        GrantRecord(app, "ALTER ROUTINE", Scope.ROUTINE, "shop", "", "FUNCTION close"),
        GrantRecord(app, "PROXY", Scope.PROXY, name=boss, grantable=True),
        GrantRecord(boss, "PROCESS", Scope.SERVER),
        GrantRecord(boss, "REPLICATION SLAVE", Scope.SERVER),
        GrantRecord(boss, "SHOW DATABASES", Scope.SERVER),
    }


def test_grants_of_every_scope_are_read_exactly(server: Server, read: Read) -> None:
    before = read()

    plant(server, *COMPANY)
    reading = read()

    assert set(reading.grants) - set(before.grants) == company(server)
    assert len(reading.grants) == len(set(reading.grants))
    assert {account.name for account in reading.accounts} - {
        account.name for account in before.accounts
    } == {"app@%", "@10.0.0.%", "boss@localhost"}


def test_every_account_reads_as_show_grants_tells_it(server: Server, read: Read) -> None:
    plant(server, *COMPANY, *more(server.kind))

    reading = read()

    names = [account.name for account in reading.accounts if not is_missing(account)]
    told = {name: own_lines(shown(server, name), name) for name in names}
    everything = all_of(server)
    assert {grant for grant in reading.grants if grant.account in told} == {
        grant for name, lines in told.items() for grant in grants_in(lines, name, everything)
    }
    assert {(edge.member, edge.role, edge.admin_option) for edge in reading.memberships} == {
        edge for name, lines in told.items() for edge in roles_in(lines)
    }


def is_missing(account: AccountRecord) -> bool:
    return bool(account.attributes.get("is_missing"))


def more(kind: str) -> list[str]:
    shared = [
        "CREATE ROLE reader, writer",
        "GRANT SELECT ON *.* TO reader",
        "GRANT reader TO writer",
        "GRANT writer TO app@'%' WITH ADMIN OPTION",
        "GRANT SELECT ON shop.orders TO reader",
        "GRANT ALL ON *.* TO boss@localhost WITH GRANT OPTION",
    ]
    if kind == "mysql":
        return [*shared, "GRANT BACKUP_ADMIN ON *.* TO app@'%' WITH GRANT OPTION"]
    return [*shared, "GRANT BINLOG ADMIN, SET USER, SLAVE MONITOR ON *.* TO reader"]


def shown(server: Server, account: str) -> list[str]:
    user, at, host = account.rpartition("@")
    rows: Any = server.execute(f"SHOW GRANTS FOR {quote(user, host) if at else quote(account)}")
    return [line for (line,) in rows]


def own_lines(lines: list[str], account: str) -> list[str]:
    """MariaDB adds the lines of the roles that an account has."""
    user, at, host = account.rpartition("@")
    grantee = quote(user, host) if at else quote(account)
    pattern = (f" TO {grantee}", f" FROM {grantee}")
    return [line for line in lines if any(part in line for part in pattern)]


def test_order_of_the_rows_does_not_matter(server: Server, monkeypatch: Any) -> None:
    plant(server, *COMPANY, *more(server.kind))
    ask = MySQLEngine.ask

    def shuffled(self: MySQLEngine, query: Any) -> Any:
        columns, rows = ask(self, query)
        return columns, random.sample(list(rows), len(rows))

    def records() -> list[set[str]]:
        with MySQLEngine.connect(server.target()) as engine:
            reading = engine.read_accounts()
        return [
            set(map(repr, part)) for part in (reading.accounts, reading.memberships, reading.grants)
        ]

    expected = records()
    monkeypatch.setattr(MySQLEngine, "ask", shuffled)
    assert all(records() == expected for _ in range(20))


def test_partial_revokes_are_denied_grants(only_mysql: Server) -> None:
    from_before = reader(only_mysql)
    plant(
        only_mysql,
        "SET GLOBAL partial_revokes = ON",
        "CREATE USER most@'%'",
        "GRANT SELECT, INSERT ON *.* TO most@'%'",
        "REVOKE INSERT ON mysql.* FROM most@'%'",
    )
    try:
        new = set(reader(only_mysql)) - set(from_before)
    finally:
        plant(only_mysql, "DROP USER most@'%'", "SET GLOBAL partial_revokes = OFF")

    assert new == {
        GrantRecord("most@%", "SELECT", Scope.SERVER),
        GrantRecord("most@%", "INSERT", Scope.SERVER),
        GrantRecord("most@%", "INSERT", Scope.DATABASE, "mysql", is_denied=True),
    }


def reader(server: Server) -> list[GrantRecord]:
    with MySQLEngine.connect(server.target()) as engine:
        return list(engine.read_accounts().grants)


def test_dynamic_privileges_have_each_their_own_grant_option(only_mysql: Server) -> None:
    before = set(reader(only_mysql))
    plant(
        only_mysql,
        "CREATE USER ops@'%'",
        "GRANT BACKUP_ADMIN ON *.* TO ops@'%' WITH GRANT OPTION",
        "GRANT ROLE_ADMIN ON *.* TO ops@'%'",
    )

    grants = set(reader(only_mysql)) - before

    # MySQL keeps the option of a dynamic privilege out of the row of the static ones.
    assert grants == {
        GrantRecord("ops@%", "BACKUP_ADMIN", Scope.SERVER, grantable=True),
        GrantRecord("ops@%", "ROLE_ADMIN", Scope.SERVER),
    }


def test_rows_about_no_account_are_rights_of_a_missing_one(server: Server, read: Read) -> None:
    plant(
        server,
        "INSERT INTO mysql.db (Host, Db, User, Select_priv) VALUES ('%', 'old', 'ghost', 'Y')",
    )

    reading = read()

    assert GrantRecord("ghost@%", "SELECT", Scope.DATABASE, "old") in reading.grants
    [ghost] = [account for account in reading.accounts if account.name == "ghost@%"]
    assert (ghost.can_login, ghost.attributes) == (False, {"is_missing": True})
