"""Going on with a pair of tokens, and the three ways in which they end."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from unittest.mock import ANY

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
from structlog.testing import capture_logs

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
from whalefall.users.models import SignIn, User
from whalefall.users.tokens import RefreshToken

# --- refresh ------------------------------------------------------------------------------


@pytest.mark.both_databases
def test_a_refresh_token_is_good_for_one_successor(ada: User) -> None:
    _, pair = signed_in()

    first = renewed(pair["refresh"])
    second = renewed(first.json()["data"]["refresh"])

    assert [one.status_code for one in (first, second)] == [200, 200]
    assert set(first.json()["data"]) == {"access", "refresh"}
    assert status(second.json()["data"]["access"]) == 200


@pytest.mark.both_databases
def test_a_token_that_is_used_twice_ends_all_that_its_sign_in_gave(ada: User) -> None:
    client, pair = signed_in()
    other, of_other = signed_in()
    first = renewed(pair["refresh"]).json()["data"]
    second = renewed(first["refresh"]).json()["data"]

    with capture_logs() as logs:
        again = renewed(pair["refresh"])

    refused = failure("AUTHENTICATION_REQUIRED", "The token is unknown, expired or revoked.")
    assert (again.status_code, again.json()) == (401, refused)
    assert [one for one in logs if "sign_in" in one] == [
        {
            "event": "used_refresh_came_again",
            "log_level": "warning",
            "user_id": ada.pk,
            "sign_in": ANY,
        }
    ]
    assert [status(one["access"]) for one in (pair, first, second)] == [401] * 3
    assert [renewed(one["refresh"]).status_code for one in (first, second)] == [401] * 2
    assert client.get(TAGS).status_code == 401
    assert (other.get(TAGS).status_code, status(of_other["access"])) == (200, 200)
    assert renewed(of_other["refresh"]).status_code == 200


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
def test_of_two_with_the_same_token_one_is_answered_and_neither_goes_on(ada: User) -> None:
    def refresh(token: str, together: Barrier) -> Any:
        try:
            together.wait()
            return renewed(token)
        finally:
            connection.close()

    for _ in range(6):
        client, pair = signed_in()
        args = (pair["refresh"], Barrier(2))
        with ThreadPoolExecutor(2) as pool:
            answers = [one.result() for one in [pool.submit(refresh, *args) for _ in range(2)]]

        assert sorted(one.status_code for one in answers) == [200, 401]
        given = next(one for one in answers if one.status_code == 200).json()["data"]
        assert (status(given["access"]), renewed(given["refresh"]).status_code) == (401, 401)
        assert client.get(TAGS).status_code == 401


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


def by_cookie(client: APIClient, _pair: dict[str, Any]) -> Any:
    return client.post(f"{AUTH}/logout", headers=token_of(client))


def by_access(_client: APIClient, pair: dict[str, Any]) -> Any:
    return APIClient().post(f"{AUTH}/logout", headers=bearer_of(pair["access"]))


def by_refresh_of_another_sign_in(_client: APIClient, pair: dict[str, Any]) -> Any:
    third, _ = signed_in()
    return third.post(f"{AUTH}/logout", {"refresh": pair["refresh"]}, headers=token_of(third))


def by_the_button_of_the_console(client: APIClient, _pair: dict[str, Any]) -> Any:
    client.post("/admin/logout/", headers=token_of(client))


def by_signing_in_over_it(client: APIClient, _pair: dict[str, Any]) -> Any:
    client.post(
        f"{AUTH}/login", {"username": "bob", "password": "let-me-in"}, headers=token_of(client)
    )
    client.cookies.pop("sessionid")


@pytest.mark.both_databases
@pytest.mark.parametrize("times", [0, 2], ids=["fresh", "renewed"])
@pytest.mark.parametrize(
    "sign_out",
    [
        by_cookie,
        by_access,
        by_refresh_of_another_sign_in,
        by_the_button_of_the_console,
        by_signing_in_over_it,
    ],
)
def test_signing_out_by_anything_ends_all_that_the_sign_in_gave(
    ada: User, sign_out: Callable[[APIClient, dict[str, Any]], Any], times: int
) -> None:
    UserFactory(username="bob")
    client, first = signed_in()
    pairs = [first]
    for _ in range(times):
        pairs.append(renewed(pairs[-1]["refresh"]).json()["data"])
    session_key = client.cookies["sessionid"].value
    other, of_other = signed_in()

    response = sign_out(client, pairs[-1])

    if response is not None:
        assert (response.status_code, response.json()) == (200, success(None, "Signed out."))
    client.cookies["sessionid"] = session_key
    assert client.get(TAGS).status_code == 401
    assert [status(one["access"]) for one in pairs] == [401] * len(pairs)
    assert renewed(pairs[-1]["refresh"]).status_code == 401
    assert (other.get(TAGS).status_code, status(of_other["access"])) == (200, 200)
    assert renewed(of_other["refresh"]).status_code == 200


def test_signing_out_with_a_refresh_token_that_is_used_up_ends_its_successors_too(
    ada: User,
) -> None:
    client, pair = signed_in()
    after = renewed(pair["refresh"]).json()["data"]

    sent = {"refresh": pair["refresh"]}
    APIClient().post(f"{AUTH}/logout", sent, headers=bearer_of(after["access"]))

    assert (client.get(TAGS).status_code, status(after["access"])) == (401, 401)
    assert renewed(after["refresh"]).status_code == 401


def test_sign_ins_are_forgotten_when_neither_tokens_nor_session_are_good(ada: User) -> None:
    old, with_session, living = (signed_in()[0] for _ in range(3))
    keys = [one.cookies["sessionid"].value for one in (old, with_session, living)]
    past = timezone.now() - timedelta(days=1)
    SignIn.objects.filter(session_key__in=keys[:2]).update(expires_at=past)
    Session.objects.filter(session_key=keys[0]).delete()

    signed_in()

    assert SignIn.objects.filter(session_key__in=keys).count() == 2
    assert not SignIn.objects.filter(session_key=keys[0]).exists()


def test_a_sign_in_lives_as_long_as_its_newest_token(ada: User) -> None:
    _, pair = signed_in()
    SignIn.objects.update(expires_at=timezone.now())

    renewed(pair["refresh"])

    assert SignIn.objects.get().expires_at == OutstandingToken.objects.latest("pk").expires_at


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


def test_the_tokens_of_a_new_password_belong_to_the_session_that_went_on(ada: User) -> None:
    client, _ = signed_in()
    given = change(client).json()["data"]
    assert client.get(TAGS).status_code == 200

    by_access(client, given)

    assert client.get(TAGS).status_code == 401
    assert renewed(given["refresh"]).status_code == 401


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
