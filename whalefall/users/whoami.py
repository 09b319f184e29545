"""Who asks, how he signed in, and what he may do."""

from datetime import UTC, datetime
from typing import Any

from rest_framework_simplejwt.tokens import Token

from whalefall.core.api import SignedInRequest
from whalefall.users.models import ApiToken, User
from whalefall.users.roles import ACTIONS, ROLES


def session_of(request: SignedInRequest) -> dict[str, Any]:
    """For ``SessionSerializer``: the caller, his sign-in, and the roles' table for him."""
    return {
        "user": request.user,
        "scope": request.user.scope,
        **sign_in_of(request),
        "permissions": permissions_of_user(request.user),
        "actions": {name: request.user.has_perm(right) for name, right in ACTIONS.items()},
    }


def sign_in_of(request: SignedInRequest) -> dict[str, Any]:
    if isinstance(request.auth, ApiToken):
        return {"signed_in_by": "api_token", "expires_at": request.auth.expires_at}
    if isinstance(request.auth, Token):
        return {
            "signed_in_by": "jwt",
            "expires_at": datetime.fromtimestamp(request.auth["exp"], tz=UTC),
        }
    return {"signed_in_by": "session", "expires_at": request._request.session.get_expiry_date()}


def permissions_of_user(user: User) -> dict[str, list[str]]:
    """app.model → those verbs of the table that the user may, asked like any request asks."""
    return {key: [verb for verb in known_verbs(key) if may(user, key, verb)] for key in ROLES}


def known_verbs(key: str) -> list[str]:
    return sorted({verb for verbs in ROLES[key] for verb in verbs})


def may(user: User, key: str, verb: str) -> bool:
    app, _, model = key.partition(".")
    return user.has_perm(f"{app}.{verb}_{model}")
