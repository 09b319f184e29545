"""Where rows are patterns, and hold for more than they name, a rule finds what a row gives."""

from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Account
from accounts.predicates.compiling import Rule, World
from tests.factories import (
    AccountFactory,
    GrantFactory,
    InstanceFactory,
    SectionFactory,
    SecurableFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

ROWS = {
    "escaped": ("database", r"app\_db", ""),
    "prefix": ("database", "app%", ""),
    "blanks": ("database", "ap__db", ""),
    "other": ("database", "appx%", ""),
    "server": ("server", "", ""),
    "table": ("table", "app_db", "t"),
}
"""By account: where it holds SELECT, as MySQL stores it."""


@pytest.fixture
def _rows() -> None:
    instance = InstanceFactory(engine="mysql")
    SectionFactory(instance=instance, name="grants", state="complete")
    for name, (scope, database, thing) in ROWS.items():
        place = SecurableFactory(instance=instance, scope=scope, database=database, name=thing)
        account = AccountFactory(instance=instance, name=name)
        GrantFactory(account=account, securable=place, privilege="SELECT")


@pytest.mark.usefixtures("_rows")
@pytest.mark.parametrize(
    ("wanted", "true", "unknown"),
    [
        ({"database": ["app_db"]}, {"escaped", "prefix", "blanks", "server", "table"}, set()),
        ({"database": ["app_*"]}, {"escaped", "server", "table"}, {"prefix", "blanks"}),
        ({"database": ["a?p_d*"]}, {"escaped", "server", "table"}, {"prefix", "blanks", "other"}),
        ({"database": ["zz*"]}, {"server"}, set()),
        ({"database": ["app_db"], "scope": ["database"]}, {"escaped", "prefix", "blanks"}, set()),
        ({"object": ["t"]}, set(ROWS), set()),
        ({"database": ["app_db"], "object": ["u"]}, set(ROWS) - {"other", "table"}, set()),
    ],
)
def test_a_rule_finds_what_a_row_gives(
    wanted: dict[str, Any], true: set[str], unknown: set[str]
) -> None:
    match = {"privilege": {"name": ["SELECT"], **wanted}}
    truth = World(timezone.now(), {}).truth(Rule("", {"match": match}))
    yes, no = (
        set(Account.objects.filter(one).values_list("name", flat=True))
        for one in (truth.yes, truth.no)
    )

    assert (yes, set(ROWS) - yes - no, yes & no) == (true, unknown, set())
