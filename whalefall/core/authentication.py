"""Signing in with the session cookie: whoever writes with it shows that the page was ours."""

from typing import Any

from django.middleware.csrf import REASON_CSRF_TOKEN_MISSING, REASON_NO_CSRF_COOKIE
from rest_framework.authentication import CSRFCheck, SessionAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request


class CsrfMissing(PermissionDenied):
    default_code = "CSRF_MISSING"
    default_detail = "A write with a session cookie needs the X-CSRFToken header."


class CsrfInvalid(PermissionDenied):
    default_code = "CSRF_INVALID"
    default_detail = (
        "The X-CSRFToken header does not belong to this session, or the origin not to us."
    )


class SessionSignIn(SessionAuthentication):
    def enforce_csrf(self, request: Request) -> None:
        """Raises CsrfMissing or CsrfInvalid."""
        check = CSRFCheck(lambda _request: None)  # type: ignore[arg-type]
        check.process_request(request)
        reason: Any = check.process_view(request, None, (), {})  # type: ignore[arg-type]
        if reason in (REASON_CSRF_TOKEN_MISSING, REASON_NO_CSRF_COOKIE):
            raise CsrfMissing
        if reason:
            raise CsrfInvalid
