"""What a login that may not read everything gets, and what it is told to ask for."""

from collections.abc import Callable, Iterable

import pytest

from instances.engines.base import AccountsReading, GrantRecord, Scope, Section
from instances.engines.mysql.engine import MySQLEngine
from instances.engines.mysql.flavours import MARIADB, MYSQL
from instances.engines.mysql.queries import load
from tests.engines.mysql.conftest import plant, reader_of
from whalefall.demo.servers import Server

POOR = {"username": "po'o`r", "password": "x"}
ME = "`po'o``r`@`%`"
POOR_ACCOUNT = f"CREATE USER {ME} IDENTIFIED BY 'x'"


def unknown(reading: AccountsReading) -> dict[str, Section]:
    return {section.name: section for section in reading.sections if not section.is_complete}


def test_poor_login_knows_nothing_for_sure_but_itself(server: Server) -> None:
    plant(
        server,
        POOR_ACCOUNT,
        "CREATE USER other@'%'",
        "GRANT SELECT ON secret.* TO other@'%'",
        f"GRANT INSERT ON mine.* TO {ME} WITH GRANT OPTION",
    )
    reading = reader_of(server)(**POOR)

    always = {"dynamic_grants", "restrictions"} if server.kind == "mariadb" else {"restrictions"}
    assert {section.name for section in reading.sections} - set(unknown(reading)) == always
    assert [account.name for account in reading.accounts] == ["po'o`r@%"]
    assert list(reading.grants) == [
        GrantRecord("po'o`r@%", "INSERT", Scope.DATABASE, "mine", grantable=True)
    ]


def test_needed_grants_complete_the_reading(server: Server) -> None:
    plant(server, POOR_ACCOUNT, "CREATE USER other@'%'", "GRANT SELECT ON secret.* TO other@'%'")
    poor = reader_of(server)
    sections = unknown(poor(**POOR)).values()
    needed = sorted({section.needed_grant for section in sections})

    plant(server, *needed)
    reading = poor(**POOR)

    assert unknown(reading) == {}
    assert not any(word in grant for grant in needed for word in ("ALL", "SUPER", "*", "hash"))
    full = poor()
    assert reading.grants == full.grants
    assert reading.memberships == full.memberships
    assert [account.name for account in reading.accounts] == [
        account.name for account in full.accounts
    ]


def test_hashes_need_not_be_readable(only_mysql: Server) -> None:
    plant(only_mysql, POOR_ACCOUNT)
    sections = unknown(reader_of(only_mysql)(**POOR))
    plant(only_mysql, *(section.needed_grant for section in sections.values()))

    accounts = {account.name: account for account in reader_of(only_mysql)(**POOR).accounts}

    assert "authentication_string" not in sections["accounts"].needed_grant
    assert sections["accounts"].needed_grant.endswith(f") ON mysql.user TO {ME}")
    assert "password_absent" not in accounts["po'o`r@%"].attributes
    plant(
        only_mysql,
        f"GRANT SELECT (Host, User, authentication_string) ON mysql.user TO {ME}",
    )
    accounts = {account.name: account for account in reader_of(only_mysql)(**POOR).accounts}
    assert accounts["po'o`r@%"].attributes["password_absent"] is False


@pytest.mark.parametrize(
    ("table", "sections"),
    [
        ("db", {"database_grants"}),
        ("tables_priv", {"table_grants", "column_grants"}),
        ("columns_priv", {"column_grants"}),
        ("procs_priv", {"routine_grants"}),
        ("proxies_priv", {"proxy_grants"}),
    ],
)
def test_each_section_may_be_unknown_alone(server: Server, table: str, sections: set[str]) -> None:
    plant(server, POOR_ACCOUNT, *every_grant(server, lambda name: name != table))

    assert set(unknown(reader_of(server)(**POOR))) == sections


def test_restrictions_are_unknown_only_where_there_may_be_some(only_mysql: Server) -> None:
    plant(only_mysql, POOR_ACCOUNT)
    plant(only_mysql, *every_grant(only_mysql, lambda name: name != "user_attributes"))
    read = reader_of(only_mysql)

    assert unknown(read(**POOR)) == {}
    plant(only_mysql, "SET GLOBAL partial_revokes = ON")
    try:
        assert set(unknown(read(**POOR))) == {"restrictions"}
    finally:
        plant(only_mysql, "SET GLOBAL partial_revokes = OFF")


def every_grant(server: Server, wanted: Callable[[str], bool]) -> Iterable[str]:
    flavour = MYSQL if server.kind == "mysql" else MARIADB
    names = [name for name in flavour.queries if wanted(name) and name != "empty_passwords"]
    return [f"GRANT {load(name).right} TO {ME}" for name in names]


@pytest.mark.parametrize(
    "grant", ["SELECT ON *.*", "SELECT ON mysql.*", r"SELECT ON `my_ql`.*", "SELECT ON `m%`.*"]
)
def test_wider_rights_count(server: Server, grant: str) -> None:
    plant(server, POOR_ACCOUNT, f"GRANT {grant} TO {ME}")

    assert unknown(reader_of(server)(**POOR)) == {}


def test_rights_of_an_active_role_count(server: Server) -> None:
    me = ME if server.kind == "mariadb" else f"TO {ME}"
    default = f"SET DEFAULT ROLE spy {'FOR ' if server.kind == 'mariadb' else ''}{me}"
    plant(server, POOR_ACCOUNT, "CREATE ROLE spy", "GRANT SELECT ON mysql.* TO spy")
    plant(server, f"GRANT spy TO {ME}")
    passive = reader_of(server)(**POOR)
    plant(server, default)

    assert unknown(passive)
    assert unknown(reader_of(server)(**POOR)) == {}


def test_a_partial_revoke_of_the_schema_counts(only_mysql: Server) -> None:
    plant(
        only_mysql,
        "SET GLOBAL partial_revokes = ON",
        POOR_ACCOUNT,
        f"GRANT SELECT ON *.* TO {ME}",
        f"REVOKE SELECT ON mysql.* FROM {ME}",
    )
    try:
        reading = reader_of(only_mysql)(**POOR)
    finally:
        plant(only_mysql, f"DROP USER {ME}", "SET GLOBAL partial_revokes = OFF")

    assert len(unknown(reading)) == len(reading.sections)


def test_statements_do_not_grow_with_accounts(server: Server) -> None:
    counts = []
    for number in (10, 1000):
        users = ", ".join(f"u{position}@'%'" for position in range(number))
        plant(server, f"CREATE USER IF NOT EXISTS {users}")
        plant(server, f"GRANT SELECT ON shop.* TO {users}")
        with MySQLEngine.connect(server.target()) as engine:
            reading = engine.read_accounts()
            counts.append(engine.statements)
        assert len(reading.accounts) >= number

    assert counts[0] == counts[1] <= (14 if server.kind == "mysql" else 12)


def test_poor_login_asks_two_more_at_most(server: Server) -> None:
    plant(server, POOR_ACCOUNT)
    with MySQLEngine.connect(server.target()) as engine:
        engine.read_accounts()
        full = engine.statements
    with MySQLEngine.connect(server.target(**POOR)) as engine:
        engine.read_accounts()

    assert engine.statements <= full + 2


def test_every_grant_has_a_section(server: Server) -> None:
    reading = reader_of(server)()
    names = {section.name for section in reading.sections}
    shapes = {
        MySQLEngine.section_of(grant.scope, grant.privilege, is_denied=grant.is_denied)
        for grant in reading.grants
    }

    assert shapes <= names
    assert {"accounts", "memberships", "restrictions", "dynamic_grants"} <= names
