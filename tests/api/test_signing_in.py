"""Signing in: a session and a pair of tokens, CSRF, and one answer to every wrong guess."""

from datetime import timedelta
from typing import Any
from unittest.mock import ANY

import pytest
from django.utils import timezone
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from tests.api.envelopes import failure, invalid, success
from tests.api.signing import AUTH, SIGN_IN, TAGS, bearer_of, caller, signed_in, status, token_of
from whalefall.users.models import User

# --- login --------------------------------------------------------------------------------


@pytest.mark.both_databases
def test_sign_in_gives_a_session_and_a_pair(ada: User) -> None:
    client = caller()

    response = client.post(f"{AUTH}/login", SIGN_IN, headers=token_of(client))

    ada = User.objects.get()
    user = {
        "id": ada.pk,
        "username": "ada",
        "first_name": "",
        "last_name": "",
        "email": "",
        "role": "admin",
        "is_active": True,
        "is_staff": True,
        "is_superuser": True,
        "last_login": ANY,
        "date_joined": ANY,
    }
    data = {"access": ANY, "refresh": ANY, "user": user}
    assert (response.status_code, response.json()) == (200, success(data, "Signed in."))
    assert ada.last_login is not None
    assert timezone.now() - ada.last_login < timedelta(minutes=1)
    assert client.get(f"{AUTH}/me").json() == success(user)
    assert status(response.json()["data"]["access"]) == 200
    # A refresh token is for refreshing alone.
    assert status(response.json()["data"]["refresh"]) == 401


@pytest.mark.parametrize("name", ["ada", "nobody", "Ada"])
def test_wrong_password_and_unknown_name_look_the_same(ada: User, name: str) -> None:
    client = caller()

    response = client.post(
        f"{AUTH}/login", {"username": name, "password": "wrong"}, headers=token_of(client)
    )

    expected = failure("INVALID_CREDENTIALS", "The name or the password is wrong.")
    assert (response.status_code, response.json()) == (401, expected)


def test_an_unknown_name_costs_as_many_hashes_as_a_wrong_password(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []

    def encode(_hasher: Any, password: str, _salt: str) -> str:
        hashed.append(password)
        return ""

    monkeypatch.setattr("django.contrib.auth.hashers.MD5PasswordHasher.encode", encode)
    counts = []
    for name, is_active in (("ada", True), ("ada", False), ("nobody", True)):
        User.objects.filter(pk=ada.pk).update(is_active=is_active)
        client = caller()
        sent = {"username": name, "password": "wrong"}
        client.post(f"{AUTH}/login", sent, headers=token_of(client))
        counts.append(len(hashed))
        hashed.clear()

    assert counts[0] > 0
    assert set(counts) == {counts[0]}


def test_disabled_user_is_told_with_the_right_password_only(ada: User) -> None:
    User.objects.update(is_active=False)
    client = caller()
    headers = token_of(client)

    right = client.post(f"{AUTH}/login", SIGN_IN, headers=headers)
    wrong = client.post(f"{AUTH}/login", {**SIGN_IN, "password": "wrong"}, headers=headers)

    text = "The password is right, but this account is disabled."
    assert (right.status_code, right.json()) == (403, failure("ACCOUNT_DISABLED", text))
    assert (wrong.status_code, wrong.json()) == (401, failure("INVALID_CREDENTIALS"))
    assert not client.cookies.get("sessionid")
    assert not OutstandingToken.objects.exists()


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({}, failure("REQUEST_DATA_EMPTY")),
        ({"username": "ada"}, invalid(password="This field is required.")),
        (
            {"username": "a\0", "password": "x"},
            invalid(username="Null characters are not allowed."),
        ),
    ],
)
def test_sign_in_without_a_name_or_password(
    ada: User, sent: dict[str, str], expected: dict[str, Any]
) -> None:
    client = caller()

    response = client.post(f"{AUTH}/login", sent, headers=token_of(client))

    assert (response.status_code, response.json()) == (400, expected)


# --- CSRF ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["login", "logout", "change-password", "tokens"])
def test_a_write_with_cookies_needs_the_csrf_token(ada: User, path: str) -> None:
    client, _ = signed_in()
    answers = [
        client.post(f"{AUTH}/{path}", SIGN_IN),
        client.post(f"{AUTH}/{path}", SIGN_IN, headers={"X-CSRFToken": "b" * 32}),
    ]
    client.cookies.pop("csrftoken")
    answers.append(client.post(f"{AUTH}/{path}", SIGN_IN, headers={"X-CSRFToken": "b" * 32}))

    assert [one.json() for one in answers] == [
        failure("CSRF_MISSING"),
        failure("CSRF_INVALID"),
        failure("CSRF_MISSING"),
    ]
    assert [one.status_code for one in answers] == [403] * 3


def test_a_bearer_writes_without_the_csrf_token(ada: User) -> None:
    client, pair = signed_in()

    with_cookie = client.post(TAGS, {"name": "a"}, headers=bearer_of(pair["access"]))
    without = caller().post(TAGS, {"name": "b"}, headers=bearer_of(pair["access"]))
    cookie_alone = client.post(TAGS, {"name": "c"})
    with_token = client.post(TAGS, {"name": "d"}, headers=token_of(client))

    answers = (with_cookie, without, cookie_alone, with_token)
    assert [one.status_code for one in answers] == [201, 201, 403, 201]
