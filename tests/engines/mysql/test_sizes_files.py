"""Rows and rights as servers that the other tests have not would tell them."""

from typing import Any

import pytest

from instances.engines.mysql.innodb_files import Files, innodb_files
from instances.engines.mysql.size_rights import size_rights


def files(*rows: tuple[Any, ...], databases: tuple[str, ...] = (), lowers: bool = False) -> Files:
    return innodb_files(rows, databases, fold=str.lower if lowers else str)


def test_tables_in_the_system_tablespace_have_no_file_of_their_own() -> None:
    found = files(
        ("shop/a", "shop/a", 1, 0, "System", 999),
        ("shop/b", None, 2, 0, "System", None),
        ("shop/c", "shop/c", 3, 7, "Single", 10),
        databases=("shop",),
    )

    assert (found.of_table("shop", "a"), found.of_table("shop", "c")) == (None, 10)
    assert (found.of_database("shop"), found.mixed, found.unplaced) == (10, {"shop"}, set())


def test_general_tablespace_counts_for_its_only_database() -> None:
    found = files(
        ("a@002db/t", "g", 1, 5, "General", 100),
        ("a@002db/u", "g", 2, 5, "General", 100),
        ("a@002db/v", "a-b/v", 3, 6, "Single", 7),
        databases=("a-b", "b"),
    )

    assert (found.of_database("a-b"), found.of_database("b"), found.mixed) == (107, 0, set())


def test_shared_tablespace_counts_for_nobody() -> None:
    found = files(
        ("a/t", "g", 1, 5, "General", 100),
        ("b/t", "g", 2, 5, "General", 100),
        ("a/u", "h", 3, 6, "General", 30),
        databases=("a", "b", "c"),
    )

    assert (found.of_database("a"), found.of_database("b")) == (0, 0)
    assert found.mixed == {"a", "b"}


def test_space_of_a_database_that_its_name_does_not_tell_is_known_to_be_unknown() -> None:
    found = files(
        ("@0p/t", "g", 1, 5, "General", 100), databases=("\u00e9", "\u00e8", "e", "\u00e9\u00e9")
    )

    assert found.unplaced == {"\u00e9", "\u00e8"}


def test_name_that_can_not_be_decoded_makes_its_database_unknown() -> None:
    found = files(("sz@002dd/t", "sz@002dd/t", 1, 5, "Single", 100), databases=("sz-d", "sz"))

    assert (found.of_tables, found.unplaced) == ({}, {"sz-d"})


def test_full_text_files_belong_to_their_table() -> None:
    found = files(
        ("s/FTS_000000000000001b_CONFIG", "s/FTS_000000000000001b_CONFIG", 28, 2, "Single", 5),
        ("s/fts_000000000000001b_deleted", "s/fts_000000000000001b_deleted", 29, 3, "Single", 6),
        ("s/t#P#p0", "s/t#P#p0", 27, 4, "Single", 100),
        ("s/t#P#p1", "s/t#P#p1", 30, 5, "Single", 200),
        databases=("s",),
    )

    assert (found.of_table("s", "t"), found.of_database("s")) == (311, 311)


def test_servers_that_keep_case_have_files_in_lower_case() -> None:
    found = files(
        ("shop/orders", "shop/orders", 1, 5, "Single", 9), databases=("Shop",), lowers=True
    )

    assert (found.of_table("Shop", "Orders"), found.of_database("SHOP")) == (9, 9)


@pytest.mark.parametrize(
    ("lines", "seen"),
    [
        (["GRANT ALL PRIVILEGES ON *.* TO `me`@`%` WITH GRANT OPTION"], {"shop", "shop_1", "x"}),
        (["GRANT PROCESS, SHOW VIEW ON *.* TO `me`@`%`"], {"shop", "shop_1", "x"}),
        (["GRANT PROCESS, EXECUTE ON *.* TO `me`@`%`"], set()),
        (["GRANT SELECT ON `shop`.* TO `me`@`%`"], {"shop"}),
        (["GRANT SELECT ON `shop%`.* TO `me`@`%`"], {"shop", "shop_1"}),
        # The server takes one of both alone; which one is none of our knowledge.
        (
            ["GRANT SELECT ON `shop%`.* TO `me`@`%`", "GRANT EXECUTE ON `shop\\_1`.* TO `me`@`%`"],
            {"shop"},
        ),
        (["GRANT SELECT ON `shop`.`t` TO `me`@`%`"], set()),
        (
            ["GRANT SELECT ON *.* TO `me`@`%`", "REVOKE SELECT ON `x`.* FROM `me`@`%`"],
            {"shop", "shop_1"},
        ),
        (
            ["GRANT SELECT, DROP ON *.* TO `me`@`%`", "REVOKE SELECT ON `x`.* FROM `me`@`%`"],
            {"shop", "shop_1", "x"},
        ),
    ],
)
def test_tables_are_seen_where_a_right_says_so(lines: list[str], seen: set[str]) -> None:
    rights = size_rights(lines, has_patterns=True)

    assert {name for name in ("shop", "shop_1", "x") if rights.sees_tables(name)} == seen


def test_patterns_are_names_under_partial_revokes() -> None:
    rights = size_rights(["GRANT SELECT ON `shop%`.* TO `me`@`%`"], has_patterns=False)

    assert (rights.sees_tables("shop1"), rights.sees_tables("shop%")) == (False, True)
