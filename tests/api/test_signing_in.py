"""Basic sign-in, and the session of the admin site with its CSRF token."""

from base64 import b64encode

import pytest
from rest_framework.test import APIClient

from tests.api.envelopes import failure
from tests.factories import UserFactory

TAGS = "/api/v1/tags"


def test_basic_sign_in(db: None) -> None:
    user = UserFactory(is_superuser=True)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=basic(user.username, "let-me-in"))

    assert client.get(TAGS).status_code == 200


@pytest.mark.parametrize("name", ["somebody", "nobody"])
def test_wrong_password_and_unknown_name_look_the_same(db: None, name: str) -> None:
    UserFactory(username="somebody")
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=basic(name, "wrong"))

    response = client.get(TAGS)

    assert response.status_code == 401
    assert response.json() == failure("INVALID_CREDENTIALS", "The name or the password is wrong.")


def test_disabled_user_with_the_right_password_is_told(db: None) -> None:
    user = UserFactory(is_active=False)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=basic(user.username, "let-me-in"))

    response = client.get(TAGS)

    assert response.status_code == 403
    assert response.json() == failure(
        "ACCOUNT_DISABLED", "The password is right, but this account is disabled."
    )


def basic(name: str, password: str) -> str:
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()


def test_cookie_caller_needs_a_csrf_token_to_write(db: None) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(UserFactory(is_superuser=True))

    missing = client.post(TAGS, {"name": "production"})
    client.cookies["csrftoken"] = "a" * 32
    without_header = client.post(TAGS, {"name": "production"})
    wrong = client.post(TAGS, {"name": "production"}, headers={"X-CSRFToken": "b" * 32})
    right = client.post(TAGS, {"name": "production"}, headers={"X-CSRFToken": "a" * 32})

    assert [missing.status_code, without_header.status_code, wrong.status_code] == [403] * 3
    assert missing.json() == failure("CSRF_MISSING")
    assert without_header.json() == failure("CSRF_MISSING")
    assert wrong.json() == failure("CSRF_INVALID")
    assert right.status_code == 201
