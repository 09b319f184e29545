"""API tokens: shown once, stored as a digest, with a scope, an end and a last use."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import ANY

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from tests.api.conftest import person_behind
from tests.api.envelopes import failure, page, success
from tests.api.signing import NEW, TAGS, api_token, bearer_of, status
from tests.factories import UserFactory
from whalefall.users import bearer
from whalefall.users.models import ApiToken, User
from whalefall.users.tokens import LONGEST_LIFE, digest_of, grantable_scopes

PATH = "/api/v1/auth/tokens"
START = datetime(2026, 1, 1, tzinfo=UTC)


def ask(client: APIClient, **fields: Any) -> Any:
    end = timezone.now() + timedelta(days=30)
    return client.post(PATH, {"name": "nightly", "scope": "read", "expires_at": end, **fields})


def shown(token: ApiToken) -> dict[str, Any]:
    return {
        "id": token.pk,
        "name": token.name,
        "scope": token.scope,
        "created_at": ANY,
        "expires_at": ANY,
        "last_used_at": None,
        "revoked_at": None,
    }


@pytest.mark.both_databases
def test_value_is_shown_once_and_only_its_digest_is_stored(operator: APIClient) -> None:
    response = ask(operator, scope="operate")

    token, value = ApiToken.objects.get(), response.json()["data"]["value"]
    assert response.status_code == 201
    assert response.json() == success({**shown(token), "value": value}, ANY)
    assert (value[:3], token.digest) == ("wf_", digest_of(value))
    assert value not in str(list(ApiToken.objects.values()))
    assert operator.get(PATH).json() == page(shown(token))
    assert operator.get(f"{PATH}/{token.pk}").json() == success(shown(token))
    assert status(value) == 200


@pytest.mark.parametrize(
    ("role", "scopes"),
    [
        ("viewer", ["read"]),
        ("operator", ["read", "operate"]),
        ("admin", ["read", "operate", "admin"]),
        (None, []),
    ],
)
def test_no_scope_above_the_role(
    client_of: Callable[[str], APIClient], role: str | None, scopes: list[str]
) -> None:
    client = client_of(role or "viewer")
    user = person_behind(client)
    if role is None:
        user.groups.clear()
    assert grantable_scopes(user) == scopes
    if role is None:
        return
    given = [ask(client, scope=scope).status_code for scope in ApiToken.Scope.values]
    assert given == [201 if scope in scopes else 400 for scope in ApiToken.Scope.values]


@pytest.mark.parametrize(
    ("life", "expected"),
    [
        (timedelta(minutes=5), 201),
        (LONGEST_LIFE - timedelta(minutes=5), 201),
        (LONGEST_LIFE + timedelta(minutes=5), 400),
        (-timedelta(minutes=5), 400),
    ],
)
def test_a_token_ends_within_a_year(viewer: APIClient, life: timedelta, expected: int) -> None:
    response = ask(viewer, expires_at=timezone.now() + life)

    assert response.status_code == expected
    if expected == 400:
        text = "Choose a time within the next 366 days."
        fields = {"fields": {"expires_at": [text]}}
        assert response.json() == failure("VALIDATION_ERROR", text, extra=fields)


@pytest.mark.parametrize("end", ["expired", "revoked", "disabled", "deleted", "unknown"])
def test_a_token_that_ended_signs_nobody_in(viewer: APIClient, end: str) -> None:
    user, now = person_behind(viewer), timezone.now()
    value = api_token(user, expires_at=now + timedelta(days=0 if end == "expired" else 1))
    if end == "revoked":
        ApiToken.objects.revoke(at=now)
    elif end == "disabled":
        User.objects.filter(pk=user.pk).update(is_active=False)
    elif end == "deleted":
        User.objects.filter(pk=user.pk).delete()
    elif end == "unknown":
        value = value[:-1] + ("a" if value[-1] != "a" else "b")

    response = APIClient().get(TAGS, headers=bearer_of(value))

    text = "The token is unknown, expired or revoked."
    expected = failure("AUTHENTICATION_REQUIRED", text)
    assert (response.status_code, response.json()) == (401, expected)


def test_a_token_follows_its_user_down(operator: APIClient) -> None:
    user = person_behind(operator)
    value = api_token(user, "operate")
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {value}")
    assert client.post(TAGS, {"name": "a"}).status_code == 201

    user.groups.clear()

    assert client.post(TAGS, {"name": "b"}).status_code == 403


def test_a_superuser_s_token_has_no_more_than_its_scope(ada: User) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {api_token(ada, 'operate')}")

    assert client.post(TAGS, {"name": "a"}).status_code == 201
    assert client.get("/api/v1/credentials").status_code == 403
    assert client.get("/api/v1/users").status_code == 403


@pytest.mark.parametrize("change", [{"password": NEW}, {"role": "admin"}, {"is_active": True}])
def test_no_token_leaves_behind_somebody_who_signs_in(ada: User, change: dict[str, Any]) -> None:
    bob = UserFactory(username="bob", is_active=False)
    client, path = APIClient(), "/api/v1/users"
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {api_token(ada, 'admin')}")

    answers = [
        client.post(path, {"username": "eve", "role": "viewer", **change}),
        client.patch(f"{path}/{bob.pk}", change),
        client.put(f"{path}/{bob.pk}", {"username": "bob", "role": None, **change}),
        client.delete(f"{path}/{bob.pk}"),
    ]

    text = "An API token may not do this. Sign in with the password."
    assert [one.json() for one in answers] == [failure("PERMISSION_REQUIRED", text)] * 4
    assert [one.status_code for one in answers] == [403] * 4
    assert client.get(f"{path}/{bob.pk}").json()["data"]["username"] == "bob"
    assert list(User.objects.values("username", "password", "is_active").order_by("pk")) == [
        {"username": one.username, "password": one.password, "is_active": one.is_active}
        for one in (ada, bob)
    ]


def test_revoking_is_told_and_ends_it(viewer: APIClient) -> None:
    value = api_token(person_behind(viewer))
    token = ApiToken.objects.get()

    answers = [viewer.delete(f"{PATH}/{token.pk}") for _ in range(2)]

    assert [one.json() for one in answers] == [success(None, "Revoked.")] * 2
    assert status(value) == 401
    row = viewer.get(f"{PATH}/{token.pk}").json()["data"]
    assert row["revoked_at"] is not None


def test_the_tokens_of_others_are_not_there(
    viewer: APIClient, client_of: Callable[[str], APIClient]
) -> None:
    admin = client_of("admin")
    value = api_token(person_behind(viewer))
    key = ApiToken.objects.get().pk

    assert admin.get(PATH).json() == page()
    assert admin.get(f"{PATH}/{key}").status_code == 404
    assert admin.delete(f"{PATH}/{key}").status_code == 404
    assert status(value) == 200


@pytest.mark.both_databases
def test_last_use_is_written_once_a_minute(viewer: APIClient, monkeypatch: Any) -> None:
    value = api_token(person_behind(viewer), created_at=START, expires_at=START + LONGEST_LIFE)
    noted = []
    for second in (0, 59, 60, 61, 119, 120):
        now = START + timedelta(seconds=second)
        monkeypatch.setattr("django.utils.timezone.now", lambda now=now: now)
        bearer.by_api_token(value)
        last = ApiToken.objects.get().last_used_at
        assert last is not None
        noted.append((last - START).seconds)

    assert noted == [0, 0, 60, 60, 60, 120]


def test_a_caller_with_a_token_costs_one_query_and_one_write_a_minute(
    viewer: APIClient, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    value = api_token(person_behind(viewer))

    with django_assert_num_queries(2):
        bearer.by_api_token(value)
    with django_assert_num_queries(1):
        bearer.by_api_token(value)
