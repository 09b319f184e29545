"""``Authorization: Bearer``: a JSON web token of a sign-in, or an API token by its prefix."""

from typing import Any

from django.utils import timezone
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import AuthenticationFailed, InvalidToken
from structlog.contextvars import bind_contextvars

from whalefall.logs import API_TOKEN_PREFIX
from whalefall.users.models import ApiToken, User
from whalefall.users.tokens import TokenRefused, digest_of, sign_in_behind


class BearerSignIn(JWTAuthentication):
    www_authenticate_realm = "whalefall"

    def authenticate(self, request: Request) -> tuple[User, Any] | None:  # type: ignore[override]
        """Whoever the token is of, and the token. Raises TokenRefused; None without a token."""
        try:
            raw = self.get_raw_token(self.get_header(request) or b"")
            if raw is None:
                return None
            if raw.startswith(API_TOKEN_PREFIX.encode()):
                return by_api_token(raw.decode(errors="replace"))
            token = self.get_validated_token(raw)
        except (AuthenticationFailed, InvalidToken):
            raise TokenRefused from None
        return noted(sign_in_behind(token).user), token


def noted(user: User) -> User:
    """The middleware knew of no user yet when it began the request's log lines."""
    bind_contextvars(user_id=user.pk)
    return user


def by_api_token(value: str) -> tuple[User, ApiToken]:
    now = timezone.now()
    tokens = ApiToken.objects.usable(at=now).select_related("user")
    token = tokens.filter(digest=digest_of(value)).first()
    if token is None:
        raise TokenRefused
    ApiToken.objects.note_use(token, at=now)
    token.user.scope = token.scope
    return noted(token.user), token
