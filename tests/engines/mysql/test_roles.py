"""Roles, who has them, and which are active after logging in."""

from collections.abc import Iterator
from contextlib import contextmanager

from instances.engines.base import (
    AccountKind,
    AccountsReading,
    GrantRecord,
    MembershipRecord,
    Scope,
)
from tests.engines.mysql.conftest import plant, reader_of
from whalefall.demo.servers import Server

PEOPLE = (
    "CREATE ROLE reader, writer",
    "CREATE USER ada@'%' IDENTIFIED BY 'x', bob@'%' IDENTIFIED BY 'x'",
    "GRANT reader TO writer",
    "GRANT writer TO ada@'%' WITH ADMIN OPTION",
    "GRANT reader TO ada@'%'",
)


def of(reading: AccountsReading, *members: str) -> set[MembershipRecord]:
    return {edge for edge in reading.memberships if edge.member in members}


@contextmanager
def variables(server: Server, **values: str | int) -> Iterator[None]:
    before = {name: server.execute(f"SELECT @@GLOBAL.{name}")[0][0] for name in values}
    try:
        plant(server, *(f"SET GLOBAL {name} = {value!r}" for name, value in values.items()))
        yield
    finally:
        plant(server, *(f"SET GLOBAL {name} = {value!r}" for name, value in before.items()))


def test_mysql_roles_and_their_default(only_mysql: Server) -> None:
    plant(only_mysql, *PEOPLE, "SET DEFAULT ROLE writer TO ada@'%'")

    reading = reader_of(only_mysql)()

    kinds = {account.name: (account.kind, account.can_login) for account in reading.accounts}
    assert kinds["reader@%"] == kinds["writer@%"] == (AccountKind.ROLE, False)
    assert kinds["ada@%"] == (AccountKind.USER, True)
    assert of(reading, "ada@%", "writer@%") == {
        MembershipRecord("ada@%", "writer@%", admin_option=True, is_default=True),
        MembershipRecord("ada@%", "reader@%", inherits=False),
        MembershipRecord("writer@%", "reader@%", can_set=False),
    }


def test_a_role_that_nobody_has_is_a_role(only_mysql: Server) -> None:
    plant(
        only_mysql,
        "CREATE ROLE lonely",
        "CREATE USER gone@'%' IDENTIFIED BY 'x' PASSWORD EXPIRE ACCOUNT LOCK",
    )
    kinds = {account.name: account for account in reader_of(only_mysql)().accounts}

    assert kinds["lonely@%"].kind is AccountKind.ROLE
    assert kinds["lonely@%"].is_locked is None
    assert (kinds["gone@%"].kind, kinds["gone@%"].is_locked) == (AccountKind.USER, True)


def test_an_account_that_logs_in_may_be_a_role(only_mysql: Server) -> None:
    plant(only_mysql, *PEOPLE, "GRANT bob@'%' TO ada@'%'")
    reading = reader_of(only_mysql)()
    [bob] = [account for account in reading.accounts if account.name == "bob@%"]

    assert (bob.kind, bob.can_login, bob.is_locked) == (AccountKind.ROLE, True, False)


def test_all_roles_may_be_active(only_mysql: Server) -> None:
    plant(only_mysql, *PEOPLE)
    with variables(only_mysql, activate_all_roles_on_login=1):
        reading = reader_of(only_mysql)()

    assert of(reading, "ada@%") == {
        MembershipRecord("ada@%", "writer@%", admin_option=True, is_default=True),
        MembershipRecord("ada@%", "reader@%", is_default=True),
    }


def test_mandatory_roles_are_memberships_of_every_account(only_mysql: Server) -> None:
    plant(only_mysql, *PEOPLE, "CREATE ROLE `every one`@`%`")
    with variables(only_mysql, mandatory_roles="`every one`@`%`, reader,nobody@nowhere"):
        reading = reader_of(only_mysql)()
        plant(only_mysql, "SET GLOBAL activate_mandatory_roles = OFF")
        passive = reader_of(only_mysql)()
        plant(only_mysql, "SET GLOBAL activate_mandatory_roles = ON")

    assert of(reading, "bob@%") == {
        MembershipRecord("bob@%", "every one@%", is_default=True),
        MembershipRecord("bob@%", "reader@%", is_default=True),
    }
    assert of(passive, "bob@%") == {
        MembershipRecord("bob@%", "every one@%", inherits=False),
        MembershipRecord("bob@%", "reader@%", inherits=False),
    }
    assert of(reading, "writer@%") == {MembershipRecord("writer@%", "reader@%", can_set=False)}


def test_mandatory_role_gives_the_anonymous_user_nothing(only_mysql: Server) -> None:
    plant(
        only_mysql,
        "CREATE ROLE everyone",
        "GRANT PROCESS ON *.* TO everyone",
        "CREATE USER ''@localhost, bob@localhost",
    )
    with variables(only_mysql, mandatory_roles="everyone"):
        reading = reader_of(only_mysql)()
        granted = {}
        for user in ("nobody", "bob"):
            connection = only_mysql.connect(username=user, password="")
            cursor = connection.cursor()
            cursor.execute("SHOW GRANTS")
            granted[user] = any("PROCESS" in line for (line,) in cursor.fetchall())
            connection.close()

    assert granted == {"nobody": False, "bob": True}
    assert of(reading, "@localhost", "bob@localhost") == {
        MembershipRecord("@localhost", "everyone@%", inherits=False, is_default=True),
        MembershipRecord("bob@localhost", "everyone@%", is_default=True),
    }


def test_mysql_tells_the_same_active_roles(only_mysql: Server) -> None:
    plant(only_mysql, *PEOPLE, "CREATE ROLE everyone", "SET DEFAULT ROLE writer TO ada@'%'")
    with variables(only_mysql, mandatory_roles="everyone"):
        reading = reader_of(only_mysql)()
        active = {}
        for user in ("ada", "bob"):
            connection = only_mysql.connect(username=user, password="x")
            cursor = connection.cursor()
            cursor.execute("SELECT CURRENT_ROLE()")
            active[user] = cursor.fetchone()[0].replace("`", "").split(",")
            connection.close()

    for user, roles in active.items():
        edges = of(reading, f"{user}@%")
        assert {edge.role for edge in edges if edge.is_default} == set(roles)


def test_mariadb_roles_and_their_default(only_mariadb: Server) -> None:
    plant(
        only_mariadb,
        *PEOPLE,
        "SET DEFAULT ROLE writer FOR ada@'%'",
        "GRANT writer TO bob@'%'",
        "SET DEFAULT ROLE writer FOR bob@'%'",
        "REVOKE writer FROM bob@'%'",
    )
    reading = reader_of(only_mariadb)()

    assert of(reading, "ada@%", "bob@%", "writer") == {
        MembershipRecord("ada@%", "writer", admin_option=True, is_default=True),
        MembershipRecord("ada@%", "reader", inherits=False),
        MembershipRecord("writer", "reader", can_set=False),
    }
    roles = {account.name: account for account in reading.accounts}
    assert (roles["reader"].kind, roles["reader"].can_login) == (AccountKind.ROLE, False)
    assert roles["reader"].is_locked is None
    root = only_mariadb.username
    assert of(reading, f"{root}@localhost") >= {
        MembershipRecord(f"{root}@localhost", "writer", admin_option=True, inherits=False)
    }


def test_public_is_an_account_of_its_own(only_mariadb: Server) -> None:
    plant(
        only_mariadb,
        "CREATE ROLE reader",
        "GRANT reader TO PUBLIC",
        "GRANT INSERT ON `free`.* TO PUBLIC",
        "GRANT SHOW DATABASES ON *.* TO PUBLIC",
    )
    try:
        reading = reader_of(only_mariadb)()
    finally:
        plant(
            only_mariadb,
            "REVOKE reader FROM PUBLIC",
            "REVOKE INSERT ON `free`.* FROM PUBLIC",
            "REVOKE SHOW DATABASES ON *.* FROM PUBLIC",
        )

    [public] = [account for account in reading.accounts if account.kind is AccountKind.PUBLIC]
    assert (public.name, public.can_login) == ("public", False)
    assert {grant for grant in reading.grants if grant.account == "public"} == {
        GrantRecord("public", "INSERT", Scope.DATABASE, "free"),
        GrantRecord("public", "SHOW DATABASES", Scope.SERVER),
    }
    assert of(reading, "public") == {MembershipRecord("public", "reader", can_set=False)}


def test_a_role_and_a_user_may_share_a_name(only_mariadb: Server) -> None:
    plant(
        only_mariadb,
        "CREATE ROLE app",
        "CREATE USER app@'%'",
        "CREATE ROLE `app@%`",
        "GRANT SELECT ON a.* TO app",
        "GRANT INSERT ON b.* TO app@'%'",
        "GRANT UPDATE ON c.* TO `app@%`",
    )
    reading = reader_of(only_mariadb)()

    assert {
        (grant.account, grant.privilege) for grant in reading.grants if "app" in grant.account
    } == {("app", "SELECT"), ("app@%", "INSERT"), ("app@%@", "UPDATE")}


def test_default_role_that_only_a_namesake_was_given_is_told(only_mariadb: Server) -> None:
    """MariaDB activates it: it asks for the user and the client's host, not for the account."""
    plant(
        only_mariadb,
        "CREATE ROLE writer",
        "CREATE USER ada@localhost, ada@'%'",
        "GRANT writer TO ada@'%'",
        "SET DEFAULT ROLE writer FOR ada@'%'",
        "SET DEFAULT ROLE writer FOR ada@localhost",
    )

    accounts = {account.name: account for account in reader_of(only_mariadb)().accounts}
    connection = only_mariadb.connect(username="ada", password="")
    cursor = connection.cursor()
    cursor.execute("SELECT CURRENT_USER(), CURRENT_ROLE()")
    active = cursor.fetchone()
    connection.close()

    assert active == ("ada@localhost", "writer")
    assert accounts["ada@localhost"].attributes["lent_default_role"] == "writer"
    assert "lent_default_role" not in accounts["ada@%"].attributes
