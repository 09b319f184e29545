"""Changing where a stored password goes asks for its credential again, wherever it is done."""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from instances.models import Instance
from instances.moving import why_to_ask
from tests.factories import UserFactory

WEAK_FIRST = ["disable", "prefer", "require", "verify-ca", "verify-full"]
STORED = {"engine": "toy", "host": "a.example.org", "port": 5432, "tls_mode": "require"}
STORED["tls_ca"] = "/etc/ca.pem"


@pytest.fixture
def root(db: None) -> APIClient:
    client = APIClient()
    client.force_authenticate(UserFactory(is_superuser=True))
    return client


@pytest.mark.parametrize("before", WEAK_FIRST)
def test_only_weaker_tls_asks(before: str) -> None:
    asked = [
        mode
        for mode in WEAK_FIRST
        if why_to_ask({**STORED, "tls_mode": before}, {"tls_mode": mode})
    ]

    assert asked == WEAK_FIRST[: WEAK_FIRST.index(before)]


@pytest.mark.parametrize("mode", WEAK_FIRST)
def test_another_authority_asks_where_it_is_looked_at(mode: str) -> None:
    stored = {**STORED, "tls_mode": mode}

    asked = [why_to_ask(stored, {"tls_ca": ca}) is not None for ca in ("/etc/ca.pem", "/x.pem", "")]

    looks = mode.startswith("verify")
    assert asked == [False, looks, looks]


def test_any_other_place_asks_and_the_same_one_does_not() -> None:
    places = [
        {"engine": engine, "host": host, "port": port}
        for engine, host, port in product(["toy", "mysql"], ["a.example.org", "b"], [5432, 1])
    ]

    same = [place for place in places if why_to_ask(STORED, place) is None]

    assert same == [{"engine": "toy", "host": "a.example.org", "port": 5432}]
    assert why_to_ask(STORED, {"name": "other", "environment": "test"}) is None


@pytest.mark.parametrize("change", [{"host": "evil.example.org"}, {"tls_mode": "disable"}])
def test_api_asks_for_the_credential_again(
    root: APIClient, instance: Instance, change: dict[str, Any]
) -> None:
    path = f"/api/v1/instances/{instance.pk}"

    refused = root.patch(path, change)
    before = Instance.objects.get(pk=instance.pk)
    named = root.patch(path, {**change, "credential": instance.credential_id})

    assert (refused.status_code, list(refused.json()["extra"]["fields"])) == (400, ["credential"])
    assert {name: getattr(before, name) for name in change} != change
    assert named.status_code == 200
    after = Instance.objects.get(pk=instance.pk)
    assert {name: getattr(after, name) for name in change} == change


@pytest.fixture
def save(client: Client, instance: Instance) -> Callable[..., Any]:
    """Send the form of the instance's page as a browser would, with changes."""
    client.force_login(UserFactory(is_superuser=True))
    page = f"/admin/instances/instance/{instance.pk}/change/"

    def send(**changes: Any) -> Any:
        form = client.get(page).context["adminform"].form
        filled = {name: form[name].value() or "" for name in form.fields if name != "tags"}
        inlines = {
            f"{prefix}-{name}_FORMS": 0
            for prefix in ("section_set", "sections", "databases", "database_set")
            for name in ("TOTAL", "INITIAL")
        }
        return client.post(page, {**filled, **inlines, **changes})

    return send


@pytest.mark.parametrize("change", [{"host": "evil.example.org"}, {"tls_mode": "disable"}])
def test_console_empties_the_list_and_asks_for_the_credential_again(
    instance: Instance, save: Callable[..., Any], change: dict[str, Any]
) -> None:
    asked = save(**change)

    form = asked.context["adminform"].form
    assert list(form.errors) == ["credential"]
    assert form["credential"].value() == ""
    unchanged = Instance.objects.get(pk=instance.pk)
    assert {name: getattr(unchanged, name) for name in change} != change

    again = {**change, "asked_for": form["asked_for"].value()}
    assert save(**again, credential="").status_code == 200
    assert save(**{**again, "host": "other.example.org"}).status_code == 200
    assert save(**again, credential=instance.credential_id).status_code == 302
    after = Instance.objects.get(pk=instance.pk)
    assert {name: getattr(after, name) for name in change} == change


def test_console_saves_what_does_not_move_at_once(
    instance: Instance, save: Callable[..., Any]
) -> None:
    assert save(environment="test", tls_mode="verify-full").status_code == 302

    assert Instance.objects.get(pk=instance.pk).environment == "test"
