"""What signs in without a password: pairs of JSON web tokens, and long-lived API tokens."""

from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_urlsafe
from typing import TypedDict

import structlog
from django.utils.translation import gettext
from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt import tokens as jwt
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.utils import datetime_from_epoch, get_md5_hash_password

from whalefall.core.errors import InvalidRequest
from whalefall.logs import API_TOKEN_PREFIX
from whalefall.users.models import ApiToken, SignIn, User
from whalefall.users.roles import NAMES, SCOPES

log = structlog.get_logger(__name__)

SIGN_IN_CLAIM = "sid"
"""The claim of both tokens of a pair that names the sign-in."""
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
    def for_user(  # type: ignore[override]
        cls, user: User, session_key: str = ""
    ) -> "RefreshToken":
        """The first one of a new sign-in, and of the session of that key, if there is one."""
        token = cls.bare(user)
        sign_in = SignIn.objects.begin(
            user, session_key=session_key, at=token.current_time, expires_at=token.expires_at
        )
        return token.of(sign_in)

    @classmethod
    def bare(cls, user: User) -> "RefreshToken":
        return super(jwt.BlacklistMixin, cls).for_user(user)

    def of(self, sign_in: SignIn) -> "RefreshToken":
        self[SIGN_IN_CLAIM] = sign_in.pk.hex
        OutstandingToken.objects.filter(expires_at__lte=self.current_time).delete()
        OutstandingToken.objects.create(
            user=sign_in.user,
            jti=self.id,
            token="",
            created_at=self.current_time,
            expires_at=self.expires_at,
        )
        return self

    def check_blacklist(self) -> None:
        """Not in passing: ``rotate`` has to know a token that is used up from any other."""

    @property
    def id(self) -> str:
        return str(self[api_settings.JTI_CLAIM])

    @property
    def expires_at(self) -> datetime:
        return datetime_from_epoch(self["exp"])

    def pair(self) -> Pair:
        return {"access": str(self.access_token), "refresh": str(self)}


def decoded(encoded: str) -> RefreshToken | None:
    """None for what is no refresh token of ours, or expired."""
    try:
        return RefreshToken(encoded)  # type: ignore[arg-type]
    except TokenError:  # the answer
        return None


def sign_in_behind(token: jwt.Token) -> SignIn:
    """What ``token`` belongs to, with its user, who is active and has the password of then.

    Raises TokenRefused when it is over.
    """
    sign_ins = SignIn.objects.select_related("user").filter(user__is_active=True)
    known = {"pk": token.get(SIGN_IN_CLAIM), "user": token[api_settings.USER_ID_CLAIM]}
    sign_in = sign_ins.filter(**known).first()
    claim = token.get(api_settings.REVOKE_TOKEN_CLAIM)
    if sign_in is None or claim != get_md5_hash_password(sign_in.user.password):
        raise TokenRefused
    return sign_in


def rotate(encoded: str) -> Pair | None:
    """The pair after a refresh token, which is used up by that.

    None for one that was used up before: two have it, and one of them is a thief, so its sign-in
    ends. Call in a transaction, and commit that. Raises TokenRefused.
    """
    token = decoded(encoded)
    known = OutstandingToken.objects.filter(jti=token.id).first() if token else None
    if token is None or known is None:
        raise TokenRefused
    sign_in = sign_in_behind(token)
    if not BlacklistedToken.objects.get_or_create(token=known)[1]:
        log.warning("used_refresh_came_again", user_id=sign_in.user_id, sign_in=str(sign_in.pk))
        SignIn.objects.filter(pk=sign_in.pk).end()
        return None
    following = RefreshToken.bare(sign_in.user)
    SignIn.objects.prolong(sign_in, until=following.expires_at)
    return following.of(sign_in).pair()


def sign_in_of(encoded: str, *, user: User) -> str | None:
    """The id of the sign-in of ``user``'s refresh token; None when that is none any more.

    Raises InvalidRequest for somebody else's.
    """
    token = decoded(encoded)
    if token is None:
        return None
    if token[api_settings.USER_ID_CLAIM] != str(user.pk):
        text = gettext("This refresh token belongs to somebody else.")
        raise InvalidRequest(text, extra={"fields": {"refresh": [text]}})
    found: str | None = token.get(SIGN_IN_CLAIM)
    return found


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
