"""Who has a privilege from whom: what is left out of the question leaves nobody out."""

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts.closure import reached_roles
from accounts.givers import outermost
from accounts.models import Account
from instances.engines.effective import Link
from tests.factories import AccountFactory

roles = st.integers(min_value=0, max_value=3)
links = st.builds(Link, st.just(0), roles, roles, inherits=st.booleans(), can_set=st.booleans())
programs = st.lists(links.filter(lambda one: one.member != one.role), max_size=14)


@given(program=programs, asked=st.sets(roles))
def test_outermost_roles_have_the_members_of_all(program: list[Link], asked: set[int]) -> None:
    reached = reached_roles(program)
    inherits = {pair for pair, (is_inherited, _) in reached.items() if is_inherited}

    outer = outermost(asked, inherits)

    for pairs in (inherits, set(reached)):
        with_any = {account for account, role in pairs if role in asked}
        assert asked | {one for one, role in pairs if role in outer} == asked | with_any
    assert not {pair for pair in inherits if set(pair) <= outer}


@pytest.mark.both_databases
@pytest.mark.django_db
def test_among_finds_what_in_finds_however_many_keys() -> None:
    accounts = AccountFactory.create_batch(3)
    wanted = {accounts[0].pk, accounts[2].pk}

    for keys in (set(), wanted, {*wanted, *range(10**9, 10**9 + 300_000)}):
        found = set(Account.objects.filter(pk__among=keys).values_list("pk", flat=True))
        assert found == keys & wanted


@pytest.mark.both_databases
@pytest.mark.django_db
def test_among_finds_by_a_foreign_key() -> None:
    account, other = AccountFactory.create_batch(2)
    for one in (account, other):
        one.changes.create(kind="added", cause="observed", occurred_at=timezone.now())

    (found,) = type(account.changes.get()).objects.filter(account__among={account.pk})

    assert found == account.changes.get()
