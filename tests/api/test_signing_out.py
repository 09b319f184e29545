"""Going on with a pair of tokens, and the three ways in which they end."""

from datetime import timedelta
from unittest.mock import ANY

import pytest
from rest_framework.test import APIClient
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from tests.api.envelopes import failure, success
from tests.api.signing import (
    AUTH,
    NEW,
    TAGS,
    bearer_of,
    change,
    renewed,
    signed_in,
    status,
    token_of,
)
from tests.factories import UserFactory
from whalefall.users.models import User
from whalefall.users.tokens import RefreshToken

# --- refresh ------------------------------------------------------------------------------


@pytest.mark.both_databases
def test_a_refresh_token_is_good_for_one_successor(ada: User) -> None:
    _, pair = signed_in()

    first = renewed(pair["refresh"])
    again = renewed(pair["refresh"])
    next_one = renewed(first.json()["data"]["refresh"])

    assert [one.status_code for one in (first, again, next_one)] == [200, 401, 200]
    assert set(first.json()["data"]) == {"access", "refresh"}
    assert again.json() == failure(
        "AUTHENTICATION_REQUIRED", "The token is unknown, expired or revoked."
    )
    assert status(next_one.json()["data"]["access"]) == 200


def test_no_refresh_token_can_be_read_in_the_table(ada: User) -> None:
    _, pair = signed_in()
    renewed(pair["refresh"])

    assert [one.token for one in OutstandingToken.objects.all()] == ["", ""]


def test_a_token_of_nobody_refreshes_nothing(ada: User) -> None:
    _, pair = signed_in()
    forged = RefreshToken.for_user(ada)
    OutstandingToken.objects.filter(jti=forged.id).delete()

    assert renewed(str(forged)).status_code == 401  # we never gave it
    assert renewed(pair["access"]).status_code == 401
    assert renewed("nonsense").status_code == 401
    User.objects.update(is_active=False)
    assert renewed(pair["refresh"]).status_code == 401


def test_an_expired_access_token_signs_nobody_in(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = RefreshToken.for_user(ada).access_token
    token.set_exp(lifetime=-timedelta(seconds=1))

    response = APIClient().get(TAGS, headers=bearer_of(str(token)))

    assert (response.status_code, response.json()) == (401, failure("AUTHENTICATION_REQUIRED"))
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="whalefall"'


@pytest.mark.parametrize("value", ["Bearer", "Bearer a b", "Bearer eyJ.x.y", "Bearer wf_x"])
def test_what_is_no_token_signs_nobody_in(ada: User, value: str) -> None:
    response = APIClient().get(TAGS, headers={"Authorization": value})

    assert (response.status_code, response.json()) == (401, failure("AUTHENTICATION_REQUIRED"))


def test_tokens_of_a_disabled_user_end_at_once(ada: User) -> None:
    client, pair = signed_in()
    User.objects.update(is_active=False)

    assert status(pair["access"]) == 401
    assert client.get(TAGS).status_code == 401


# --- logout -------------------------------------------------------------------------------


def test_signing_out_ends_the_session_and_its_refresh_token(ada: User) -> None:
    client, pair = signed_in()
    second = renewed(pair["refresh"]).json()["data"]["refresh"]
    other, _ = signed_in()

    response = client.post(f"{AUTH}/logout", {"refresh": second}, headers=token_of(client))

    assert (response.status_code, response.json()) == (200, success(None, "Signed out."))
    assert client.get(TAGS).status_code == 401
    assert renewed(second).status_code == 401
    assert other.get(TAGS).status_code == 200


@pytest.mark.parametrize("is_renewed", [False, True])
def test_signing_out_with_the_cookie_alone_ends_its_refresh_token_too(
    ada: User, is_renewed: bool
) -> None:
    client, pair = signed_in()
    refresh = pair["refresh"]
    if is_renewed:
        refresh = client.post(f"{AUTH}/refresh", {"refresh": refresh}).json()["data"]["refresh"]

    client.post(f"{AUTH}/logout", headers=token_of(client))

    assert renewed(refresh).status_code == 401


def test_nobody_ends_the_token_of_somebody_else(ada: User) -> None:
    UserFactory(username="bob")
    _, of_bob = signed_in(username="bob")
    client, _ = signed_in()

    response = client.post(
        f"{AUTH}/logout", {"refresh": of_bob["refresh"]}, headers=token_of(client)
    )

    text = "This refresh token belongs to somebody else."
    expected = failure("VALIDATION_ERROR", text, extra={"fields": {"refresh": [text]}})
    assert (response.status_code, response.json()) == (400, expected)
    assert client.get(TAGS).status_code == 200
    assert renewed(of_bob["refresh"]).status_code == 200


# --- change-password ----------------------------------------------------------------------


@pytest.mark.both_databases
def test_a_new_password_ends_every_other_session_and_token(ada: User) -> None:
    client, pair = signed_in()
    other, of_other = signed_in()

    response = change(client)

    given = response.json()["data"]
    expected = success({"access": ANY, "refresh": ANY}, "The password is changed.")
    assert (response.status_code, response.json()) == (200, expected)
    assert client.get(TAGS).status_code == 200
    assert other.get(TAGS).status_code == 401
    assert [status(one["access"]) for one in (pair, of_other, given)] == [401, 401, 200]
    answers = [renewed(one["refresh"]).status_code for one in (pair, of_other, given)]
    assert answers == [401, 401, 200]
    signed_in(password=NEW)
    assert User.objects.get().check_password(NEW)


def test_a_bearer_changes_his_password_and_gets_no_session(ada: User) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {RefreshToken.for_user(ada).access_token}")

    response = change(client)

    assert response.status_code == 200
    assert "sessionid" not in client.cookies
    assert status(response.json()["data"]["access"]) == 200


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("wrong", NEW, "old_password"),
        ("let-me-in", "short", "new_password"),
        ("let-me-in", "password", "new_password"),
    ],
)
def test_a_poor_or_unproved_password_changes_nothing(
    ada: User, old: str, new: str, field: str
) -> None:
    client, _ = signed_in()

    response = change(client, old, new)

    assert response.status_code == 400
    assert list(response.json()["extra"]["fields"]) == [field]
    assert User.objects.get().check_password("let-me-in")
