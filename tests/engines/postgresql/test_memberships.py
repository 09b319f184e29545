"""Who is a member of what, before and since memberships have options."""

from instances.engines.base import AccountsReading, MembershipRecord
from tests.engines.postgresql.conftest import reader_of
from whalefall.demo.servers import Server


def planted(reading: AccountsReading) -> set[MembershipRecord]:
    """The memberships but those that initdb made."""
    return {
        membership
        for membership in reading.memberships
        if not (membership.member.startswith("pg_") and membership.role.startswith("pg_"))
    }


def test_since_16_each_grantor_gives_options_of_its_own(new_server: Server) -> None:
    new_server.execute(
        "CREATE ROLE readers; CREATE ROLE lead LOGIN; CREATE ROLE ada LOGIN NOINHERIT;"
        "GRANT readers TO lead WITH ADMIN OPTION, INHERIT FALSE, SET FALSE;"
        "GRANT readers TO ada WITH INHERIT TRUE;"
        "GRANT readers TO ada WITH INHERIT FALSE, SET FALSE GRANTED BY lead;"
    )

    assert planted(reader_of(new_server)()) == {
        MembershipRecord("lead", "readers", "postgres", True, False, False),
        MembershipRecord("ada", "readers", "postgres", False, True, True),
        MembershipRecord("ada", "readers", "lead", False, False, False),
    }


def test_before_16_the_member_decides_whether_it_inherits(old_server: Server) -> None:
    old_server.execute(
        "CREATE ROLE readers; CREATE ROLE ada LOGIN NOINHERIT; CREATE ROLE bob LOGIN;"
        "GRANT readers TO ada WITH ADMIN OPTION; GRANT readers TO bob"
    )

    assert planted(reader_of(old_server)()) == {
        MembershipRecord("ada", "readers", "postgres", True, False, True),
        MembershipRecord("bob", "readers", "postgres", False, True, True),
    }


def test_before_16_a_dropped_grantor_is_nobody(old_server: Server) -> None:
    old_server.execute(
        "CREATE ROLE readers; CREATE ROLE bob; CREATE ROLE lead SUPERUSER;"
        "SET ROLE lead; GRANT readers TO bob; RESET ROLE; DROP ROLE lead"
    )

    assert planted(reader_of(old_server)()) == {MembershipRecord("bob", "readers", None)}


def test_owner_of_a_database_has_no_membership_row_in_pg_database_owner(
    new_server: Server,
) -> None:
    new_server.execute("CREATE ROLE ada")
    new_server.execute("CREATE DATABASE shop OWNER ada")

    roles = {membership.role for membership in reader_of(new_server)().memberships}

    assert "pg_database_owner" not in roles
