"""How a client signs in, and what it does with what it gets."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.utils import timezone
from rest_framework.test import APIClient

from whalefall.users.models import ApiToken, User
from whalefall.users.tokens import digest_of

AUTH = "/api/v1/auth"
TAGS = "/api/v1/tags"
NEW = "Correct-horse-battery-7"
SIGN_IN = {"username": "ada", "password": "let-me-in"}


def caller(**extra: Any) -> APIClient:
    """Somebody with a cookie jar, whose CSRF tokens are looked at."""
    return APIClient(enforce_csrf_checks=True, **extra)


def token_of(client: APIClient) -> dict[str, str]:
    return {"X-CSRFToken": client.get(f"{AUTH}/csrf-token").json()["data"]["csrf_token"]}


def signed_in(**sent: str) -> tuple[APIClient, dict[str, Any]]:
    """A client with a session, and what the sign-in answered."""
    client = caller()
    response = client.post(f"{AUTH}/login", {**SIGN_IN, **sent}, headers=token_of(client))
    assert response.status_code == 200, response.content
    return client, response.json()["data"]


def bearer_of(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def status(token: str, path: str = TAGS) -> int:
    return int(APIClient().get(path, headers=bearer_of(token)).status_code)


def api_token(user: User, scope: str = "read", **fields: Any) -> str:
    """The value of a new token, whatever the user's role."""
    value, now = f"wf_{uuid4().hex}{uuid4().hex}", timezone.now()
    life = {"created_at": now, "expires_at": now + timedelta(days=1)}
    made = {"user": user, "name": "script", "scope": scope, "digest": digest_of(value)}
    ApiToken.objects.issue(**{**made, **life, **fields})
    return value


def renewed(refresh: str) -> Any:
    return APIClient().post(f"{AUTH}/refresh", {"refresh": refresh})


def attempt(name: str = "ada", password: str = "wrong", **extra: Any) -> Any:
    client = caller(**extra)
    sent = {"username": name, "password": password}
    return client.post(f"{AUTH}/login", sent, headers=token_of(client))


def change(client: APIClient, old: str = "let-me-in", new: str = NEW) -> Any:
    sent = {"old_password": old, "new_password": new}
    return client.post(f"{AUTH}/change-password", sent, headers=token_of(client))
