"""Words, bits, versions and patterns, on rows that our servers do not have."""

from typing import Any

import pytest

from instances.engines.base import AccountKind, GrantRecord, Scope
from instances.engines.mysql import mysql
from instances.engines.mysql.catalogue import Catalogue
from instances.engines.mysql.engine import MySQLEngine
from instances.engines.mysql.flavours import (
    MARIADB,
    MYSQL,
    MYSQL_57,
    MYSQL_80_EARLY,
    flavour_of,
    parse_version,
)
from instances.engines.mysql.mariadb import BIT, words_of_access
from instances.engines.mysql.names import mariadb_name, quoted
from instances.engines.mysql.queries import load
from instances.engines.mysql.rights import matches, read_rights
from instances.engines.mysql.words import MARIADB_BITS, word_of_column

MARIADB_10_11 = (10, 11, 19)


@pytest.mark.parametrize(
    ("version", "flavour", "parsed", "major"),
    [
        ("5.7.44-log", MYSQL_57, (5, 7, 44), "5.7"),
        ("8.0.13", MYSQL_80_EARLY, (8, 0, 13), "8.0.13"),
        ("8.0.36-0ubuntu0.22.04.1", MYSQL, (8, 0, 36), "8.0.36"),
        ("8.4.3", MYSQL, (8, 4, 3), "8.4"),
        ("9.7.4-2", MYSQL, (9, 7, 4), "9.7"),
        ("10.5.28-MariaDB-1:10.5.28+maria~deb11", MARIADB, (10, 5, 28), "10.5"),
        ("5.5.5-11.4.2-MariaDB-log", MARIADB, (11, 4, 2), "11.4"),
    ],
)
def test_versions_choose_the_flavour(
    version: str, flavour: object, parsed: tuple[int, ...], major: str
) -> None:
    assert flavour_of(version) is flavour
    assert parse_version(version) == parsed
    assert MySQLEngine.major_version(version) == major


@pytest.mark.parametrize(
    ("column", "word"),
    [
        ("Repl_slave_priv", "REPLICATION SLAVE"),
        ("Repl_client_priv", "REPLICATION CLIENT"),
        ("Show_db_priv", "SHOW DATABASES"),
        ("Create_tmp_table_priv", "CREATE TEMPORARY TABLES"),
        ("Create_tablespace_priv", "CREATE TABLESPACE"),
        ("Delete_history_priv", "DELETE HISTORY"),
        ("Grant_priv", "GRANT OPTION"),
    ],
)
def test_columns_are_spelled_as_grant_wants_them(column: str, word: str) -> None:
    assert word_of_column(column) == word


def test_all_access_is_what_the_version_knows() -> None:
    words, grantable = words_of_access(2**64 - 1, 0, MARIADB_10_11)

    assert grantable
    assert set(words) == set(MARIADB_BITS) - {"GRANT OPTION", "SHOW CREATE ROUTINE"}
    assert "SHOW CREATE ROUTINE" in words_of_access(2**64 - 1, 0, (11, 4, 2))[0]


def test_super_of_old_accounts_is_wider() -> None:
    old, _ = words_of_access(BIT["SUPER"] | BIT["BINLOG MONITOR"], 0, MARIADB_10_11)
    new, _ = words_of_access(BIT["SUPER"] | BIT["BINLOG MONITOR"], 101119, MARIADB_10_11)

    assert set(new) == {"SUPER", "BINLOG MONITOR"}
    assert set(old) - set(new) == {
        *("SET USER", "FEDERATED ADMIN", "CONNECTION ADMIN", "READ_ONLY ADMIN"),
        *("REPLICATION SLAVE ADMIN", "BINLOG ADMIN", "BINLOG REPLAY", "SLAVE MONITOR"),
    }


def test_unknown_bits_are_shown_and_not_lost() -> None:
    assert words_of_access(1 << 45 | 1, 120000, (12, 0, 1)) == (("SELECT", "UNKNOWN BIT 45"), False)


@pytest.mark.parametrize(
    ("user", "host", "name"),
    [
        ("app", "%", "app@%"),
        ("app", "", "app"),
        ("app@%", "", "app@%@"),
        ("PUBLIC", "", "public"),
        ("", "%", "@%"),
    ],
)
def test_names_of_roles_and_users_never_meet(user: str, host: str, name: str) -> None:
    assert mariadb_name(user, host) == name


def test_accounts_are_quoted_at_the_last_at() -> None:
    assert quoted("a@b`c@%") == "`a@b``c`@`%`"


@pytest.mark.parametrize(
    ("lines", "readable"),
    [
        (["GRANT SELECT, INSERT ON *.* TO `u`@`%`"], True),
        (["GRANT ALL PRIVILEGES ON *.* TO 'u'@'%' IDENTIFIED BY PASSWORD '*0'"], True),
        (["GRANT SELECT ON `mysql`.`db` TO `u`@`%` WITH GRANT OPTION"], True),
        (["GRANT UPDATE, SELECT (`Host`, `Db`) ON `mysql`.`db` TO `u`@`%`"], False),
        (["GRANT INSERT ON *.* TO `u`@`%`"], False),
        (["GRANT SELECT ON `mysq`.* TO `u`@`%`"], False),
        (["GRANT SELECT ON `mysql`.`dbs` TO `u`@`%`"], False),
        (["GRANT CREATE VIEW (`SELECT`) ON `mysql`.`db` TO `u`@`%`"], False),
        (["GRANT `SELECT ON *.* TO`@`%` TO `u`@`%`"], False),
        (["GRANT SELECT ON *.* TO `u`@`%`", "REVOKE SELECT ON `mysql`.* FROM `u`@`%`"], False),
        (["GRANT SELECT ON *.* TO `u`@`%`", "REVOKE INSERT ON `mysql`.* FROM `u`@`%`"], True),
        (["GRANT EXECUTE ON PROCEDURE `mysql`.`db` TO `u`@`%`"], False),
        ([], False),
    ],
)
def test_own_rights_are_read_from_show_grants(lines: list[str], readable: bool) -> None:
    assert read_rights(lines).allow(load("db")) is readable


def test_column_rights_suffice_where_a_query_names_its_columns() -> None:
    query = load("empty_passwords")
    line = "GRANT SELECT (`Host`, `User`, `authentication_string`) ON `mysql`.`user` TO `u`@`%`"

    assert read_rights([line]).allow(query)
    assert read_rights([line.replace("`", "").replace("mysql.user", "`mysql`.`user`")]).allow(query)
    assert not read_rights([line.replace(", `User`", "")]).allow(query)


@pytest.mark.parametrize(
    ("pattern", "covers"),
    [
        ("mysql", True),
        ("m%", True),
        ("my_ql", True),
        (r"my\_ql", False),
        ("%", True),
        ("sql", False),
    ],
)
def test_database_patterns_match_as_on_the_server(pattern: str, covers: bool) -> None:
    assert matches(pattern, "mysql") is covers


def mysql_57() -> Catalogue:
    """Rows as MySQL 5.7 documents them: no roles, no dynamic privileges."""
    query = load("users_57")
    columns = query.text.partition("SELECT\n")[2].partition("FROM")[0]
    names = [name.strip() for name in columns.split(",")]
    privileges: Any = [
        "Y" if name in ("Create_user_priv", "Grant_priv") else "N" for name in names[7:]
    ]
    row = ["%", "app", "mysql_native_password", "N", "N", None, 30, *privileges]
    catalogue = Catalogue((5, 7, 44), "root@localhost", {"default_password_lifetime": "360"})
    catalogue.rows |= {"users_57": [row], "empty_passwords": []}
    catalogue.columns["users_57"] = names
    return catalogue


def test_mysql_57_accounts_are_read() -> None:
    [app] = mysql.accounts(mysql_57())

    assert (app.name, app.kind, app.is_superuser) == ("app@%", AccountKind.USER, True)
    assert app.attributes["superuser_reasons"] == ["CREATE USER"]
    assert app.attributes["password_never_expires"] is False
    assert mysql.grants(mysql_57()) == [
        GrantRecord("app@%", "CREATE USER", Scope.SERVER, grantable=True)
    ]


def test_sections_follow_the_shape_of_a_grant() -> None:
    def section(scope: str, privilege: str, *, is_denied: bool = False) -> str:
        return MySQLEngine.section_of(scope, privilege, is_denied=is_denied)

    assert section("server", "SELECT") == "global_grants"
    assert section("server", "READ_ONLY ADMIN") == "global_grants"
    assert section("server", "BACKUP_ADMIN") == "dynamic_grants"
    assert section("database", "SELECT") == "database_grants"
    assert section("database", "SELECT", is_denied=True) == "restrictions"
    assert section("routine", "EXECUTE") == "routine_grants"
    assert section("proxy", "PROXY") == "proxy_grants"
