"""The facts on an account's page, with what they rest on."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from accounts.facts import FACTS_VERSION
from accounts.pages import is_dormant
from accounts.system_rules import DORMANT_DAYS
from instances.models import Instance
from tests.factories import AccountFactory, UserFactory
from tests.toy_engine import Toy

NOW = timezone.now()
EDGE = timedelta(days=DORMANT_DAYS)


@pytest.mark.parametrize(
    ("known", "keeps_logins", "dormant"),
    [
        ({"can_login": False}, True, False),
        ({}, True, None),
        ({"last_login_at": NOW - EDGE + timedelta(seconds=1)}, False, False),
        ({"last_login_at": NOW - EDGE}, True, True),
        ({"last_login_at": NOW - EDGE, "can_login": None}, True, None),
        ({"last_login_at": NOW - EDGE}, False, None),
    ],
)
def test_who_is_dormant_is_said_only_where_it_is_known(
    db: None,
    monkeypatch: pytest.MonkeyPatch,
    known: dict[str, Any],
    keeps_logins: bool,
    dormant: bool | None,
) -> None:
    monkeypatch.setattr(Toy, "keeps_logins", keeps_logins)
    assert is_dormant(AccountFactory(**known), now=NOW) is dormant


def facts(client: Client, **fields: Any) -> dict[str, str]:
    """Each fact of the page, without its marks."""
    account = AccountFactory(**fields)
    page = client.get(f"/admin/accounts/account/{account.pk}/change/").content.decode()
    _, _, card = page.partition('id="facts"')
    card, _, _ = card.partition("</section>")
    return dict(read(card))


def read(card: str) -> Any:
    for part in card.split("<dt>")[1:]:
        title, _, rest = part.partition("</dt>")
        yield title, " ".join("".join(one.partition(">")[2] for one in rest.split("<")).split())


def test_facts_stand_with_their_reasons(client_as: Callable[[str], Client]) -> None:
    told = {
        "superuser": {"value": True, "reasons": ["SUPER", "CREATE USER"]},
        "can_become_superuser": {"value": True, "reasons": ["root", "<b>dba</b>"]},
        "can_grant": {"value": True, "reasons": ["GRANT OPTION of team"]},
        "inherited_roles": {"value": 3, "reasons": []},
        "settable_roles": {"value": None, "reasons": []},
    }
    fields = {"is_superuser": True, "facts": told, "facts_version": FACTS_VERSION}
    shown = facts(client_as("viewer"), **fields)
    assert {name: shown[name] for name in ("Superuser", "Could become a superuser")} == {
        "Superuser": "yes by SUPER, CREATE USER",
        "Could become a superuser": "yes by root, &lt;b&gt;dba&lt;/b&gt;",
    }
    assert shown["May grant"] == "yes by GRANT OPTION of team"
    assert shown["Roles it reaches"] == "3 inherited, – by SET ROLE only"


def test_outdated_facts_are_named_so(client_as: Callable[[str], Client]) -> None:
    client = client_as("viewer")
    pages = {
        version: client.get(
            f"/admin/accounts/account/{AccountFactory(facts_version=version).pk}/change/"
        ).content.decode()
        for version in (FACTS_VERSION - 1, FACTS_VERSION)
    }
    assert ["outdated facts" in page for page in pages.values()] == [True, False]
    assert facts(client)["Could become a superuser"] == "–"


@pytest.mark.parametrize(
    ("rights", "links"),
    [(["view_instance"], 0), (["view_instance", "view_credential"], 1)],
)
def test_a_credential_is_a_link_only_for_those_who_may_open_it(
    client: Client, instance: Instance, rights: list[str], links: int
) -> None:
    reader = UserFactory()
    reader.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(reader)
    page = client.get(f"/admin/instances/instance/{instance.pk}/change/").content.decode()
    assert instance.credential.name in page
    assert page.count(f"/admin/instances/credential/{instance.credential_id}/change/") == links
