"""What signs in without a password: pairs of JSON web tokens, and long-lived API tokens."""

from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_urlsafe
from typing import TypedDict

from django.utils.translation import gettext
from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt import tokens as jwt
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.utils import datetime_from_epoch, get_md5_hash_password

from whalefall.core.errors import InvalidRequest
from whalefall.logs import API_TOKEN_PREFIX
from whalefall.users.models import ApiToken, User
from whalefall.users.roles import NAMES, SCOPES

LONGEST_LIFE = timedelta(days=366)


class TokenRefused(AuthenticationFailed):
    """A token that signs nobody in; why is not told."""

    default_code = "AUTHENTICATION_REQUIRED"
    default_detail = "The token is unknown, expired or revoked."


class Pair(TypedDict):
    access: str
    refresh: str


class RefreshToken(jwt.RefreshToken):
    """Of which our database keeps the id alone: whoever reads the table can't sign in with it."""

    @classmethod
    def for_user(cls, user: User) -> "RefreshToken":  # type: ignore[override]
        token = super(jwt.BlacklistMixin, cls).for_user(user)
        now = token.current_time
        OutstandingToken.objects.filter(expires_at__lte=now).delete()
        OutstandingToken.objects.create(
            user=user,
            jti=token[api_settings.JTI_CLAIM],
            token="",
            created_at=now,
            expires_at=datetime_from_epoch(token["exp"]),
        )
        return token

    @property
    def id(self) -> str:
        return str(self[api_settings.JTI_CLAIM])

    def pair(self) -> Pair:
        return {"access": str(self.access_token), "refresh": str(self)}


def owner_of(token: jwt.Token) -> User:
    """The active user whose password is still the one of the sign-in. Raises TokenRefused."""
    user: User | None = User.people.active().filter(pk=token[api_settings.USER_ID_CLAIM]).first()
    claim = token.get(api_settings.REVOKE_TOKEN_CLAIM)
    if user is None or claim != get_md5_hash_password(user.password):
        raise TokenRefused
    return user


def rotate(encoded: str) -> tuple[RefreshToken, str]:
    """The successor of a refresh token, and the id of that one, which is used up.

    Of two that come with the same token at once, one gets the successor. Call in a transaction.
    Raises TokenRefused.
    """
    try:
        token = RefreshToken(encoded)  # type: ignore[arg-type]
    except TokenError:
        raise TokenRefused from None
    user = owner_of(token)
    known = OutstandingToken.objects.filter(jti=token.id).first()
    if known is None or not BlacklistedToken.objects.get_or_create(token=known)[1]:
        raise TokenRefused
    return RefreshToken.for_user(user), token.id


def end(token_id: str, *, user: User) -> None:
    """Blacklist ``user``'s refresh token of that id; nothing when there is none."""
    for token in OutstandingToken.objects.filter(jti=token_id, user=user):
        BlacklistedToken.objects.get_or_create(token=token)


def end_encoded(encoded: str, *, user: User) -> None:
    """Blacklist a refresh token of ``user``. Raises InvalidRequest when it is another one."""
    try:
        token = RefreshToken(encoded)  # type: ignore[arg-type]
    except TokenError:
        return  # it signs nobody in any more: what was asked for is so
    if token[api_settings.USER_ID_CLAIM] != str(user.pk):
        text = gettext("This refresh token belongs to somebody else.")
        raise InvalidRequest(text, extra={"fields": {"refresh": [text]}})
    end(token.id, user=user)


# --- API tokens ---------------------------------------------------------------------------


def digest_of(value: str) -> str:
    """Without salt: the value is random enough that nobody finds it by trying."""
    return sha256(value.encode()).hexdigest()


def issue_api_token(
    user: User, *, name: str, scope: str, expires_at: datetime, at: datetime
) -> tuple[ApiToken, str]:
    """A new token and its value, which nobody can read again.

    Raises InvalidRequest for a scope above the user's role, or an end that is past or too far.
    """
    problems = {}
    if scope not in grantable_scopes(user):
        problems["scope"] = [gettext("Your role may do less than this scope.")]
    if not at < expires_at <= at + LONGEST_LIFE:
        text = gettext("Choose a time within the next %(days)s days.")
        problems["expires_at"] = [text % {"days": LONGEST_LIFE.days}]
    if problems:
        text = " ".join(text for texts in problems.values() for text in texts)
        raise InvalidRequest(text, extra={"fields": problems})
    value = API_TOKEN_PREFIX + token_urlsafe(32)
    token = ApiToken.objects.issue(
        user=user,
        name=name,
        scope=scope,
        digest=digest_of(value),
        created_at=at,
        expires_at=expires_at,
    )
    return token, value


def grantable_scopes(user: User) -> list[str]:
    """The scopes up to the user's role; none for who has no role."""
    if user.role is None:
        return []
    highest = NAMES.index(user.role)
    return [scope for scope, role in SCOPES.items() if NAMES.index(role) <= highest]
