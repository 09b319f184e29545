"""Names and passwords: signing in with them, signing out, and changing one."""

from datetime import datetime
from typing import Any

from django.contrib.auth import SESSION_KEY, login, logout, update_session_auth_hash
from django.contrib.auth.backends import AllowAllUsersModelBackend
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.signals import user_logged_out
from django.core.exceptions import ValidationError
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils.translation import gettext

from whalefall.core.errors import InvalidRequest, WhalefallError
from whalefall.users.limits import CHANGE_PASSWORD, SIGN_IN
from whalefall.users.models import Attempt, SignIn, User
from whalefall.users.tokens import SIGN_IN_CLAIM, Pair, RefreshToken

BACKEND = "django.contrib.auth.backends.ModelBackend"
SIGN_IN_ID = "sign_in_id"
"""Where a session keeps the id of its sign-in."""


class InvalidCredentials(WhalefallError):
    code = "INVALID_CREDENTIALS"
    http_status = 401
    category = "authentication"


class AccountDisabled(WhalefallError):
    code = "ACCOUNT_DISABLED"
    http_status = 403
    category = "authorization"
    recoverable = False


def check_password(name: str, password: str, *, address: str, at: datetime) -> User:
    """The user of that name, if the password is his. The attempt is counted.

    An unknown name costs the same time and gives the same error as a wrong password. Raises
    RateLimited, InvalidCredentials, or AccountDisabled when only that is in the way.
    """
    name = User.normalize_username(name)
    Attempt.objects.admit(SIGN_IN, f"{name}\0{address}", at=at)
    user = AllowAllUsersModelBackend().authenticate(None, username=name, password=password)
    if not isinstance(user, User):
        raise InvalidCredentials(gettext("The name or the password is wrong."))
    if not user.is_active:
        raise AccountDisabled(gettext("The password is right, but this account is disabled."))
    return user


def sign_in(request: HttpRequest, user: User) -> Pair:
    """Begin a session, and a pair of tokens that ends with it; what went on here before ends."""
    logout(request)
    login(request, user, backend=BACKEND)
    return begin(request, user)


def begin(request: HttpRequest, user: User) -> Pair:
    """A new sign-in with the session that there is."""
    token = RefreshToken.for_user(user, request.session.session_key or "")
    request.session[SIGN_IN_ID] = token[SIGN_IN_CLAIM]
    return token.pair()


def sign_out(request: HttpRequest, *sign_in_ids: str | None) -> None:
    """End the session, and these sign-ins with theirs."""
    end(*sign_in_ids)
    logout(request)


def end(*sign_in_ids: str | None) -> None:
    SignIn.objects.filter(pk__in=[one for one in sign_in_ids if one]).end()


@receiver(user_logged_out, dispatch_uid="whalefall.users.signing_in")
def end_with_session(request: HttpRequest, **_: Any) -> None:
    """Wherever a session ends: the console has a button for it."""
    end(request.session.get(SIGN_IN_ID))


def change_password(request: HttpRequest, user: User, *, old: str, new: str, at: datetime) -> Pair:
    """Set another password. Every session and token of a sign-in ends, except this request's.

    The caller's session goes on, and a new pair is given. Raises RateLimited, and InvalidRequest
    for a wrong old password or a poor new one.
    """
    Attempt.objects.admit(CHANGE_PASSWORD, str(user.pk), at=at)
    if not user.check_password(old):
        refuse("old_password", [gettext("This is not your password.")])
    try:
        validate_password(new, user)
    except ValidationError as error:
        refuse("new_password", error.messages)
    user.replace_password(new)
    if request.session.get(SESSION_KEY) != str(user.pk):
        return RefreshToken.for_user(user).pair()
    update_session_auth_hash(request, user)
    return begin(request, user)


def refuse(field: str, texts: list[str]) -> None:
    raise InvalidRequest(" ".join(texts), extra={"fields": {field: texts}})
