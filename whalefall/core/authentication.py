"""Signing in with a name and password, or with the session of the admin site."""

from typing import Any

from django.contrib.auth.backends import AllowAllUsersModelBackend
from django.http import HttpRequest
from django.middleware.csrf import REASON_CSRF_TOKEN_MISSING, REASON_NO_CSRF_COOKIE
from rest_framework.authentication import BasicAuthentication, CSRFCheck, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request


class AccountDisabled(PermissionDenied):
    default_code = "ACCOUNT_DISABLED"
    default_detail = "The password is right, but this account is disabled."


class CsrfMissing(PermissionDenied):
    default_code = "CSRF_MISSING"
    default_detail = "A write with a session cookie needs the X-CSRFToken header."


class CsrfInvalid(PermissionDenied):
    default_code = "CSRF_INVALID"
    default_detail = (
        "The X-CSRFToken header does not belong to this session, or the origin not to us."
    )


class BasicSignIn(BasicAuthentication):
    www_authenticate_realm = "whalefall"

    def authenticate_credentials(
        self, userid: str, password: str, request: HttpRequest | Request | None = None
    ) -> tuple[Any, None]:
        """The user. The backend spends the same time on an unknown name as on a known one."""
        backend = AllowAllUsersModelBackend()
        user = backend.authenticate(None, username=userid, password=password)
        if user is None:
            raise AuthenticationFailed("The name or the password is wrong.")
        if not user.is_active:
            raise AccountDisabled
        return user, None


class SessionSignIn(SessionAuthentication):
    def enforce_csrf(self, request: Request) -> None:
        check = CSRFCheck(lambda _request: None)  # type: ignore[arg-type]
        check.process_request(request)
        reason: Any = check.process_view(request, None, (), {})  # type: ignore[arg-type]
        if reason in (REASON_CSRF_TOKEN_MISSING, REASON_NO_CSRF_COOKIE):
            raise CsrfMissing
        if reason:
            raise CsrfInvalid
