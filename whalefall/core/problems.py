"""What an exception means to a client, whoever raised it: us, DRF, Django or the database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any
from uuid import uuid4

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import IntegrityError
from django.db.models import ProtectedError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from whalefall.core.codes import CODES
from whalefall.core.errors import WhalefallError
from whalefall.core.renderers import EnvelopeJSONRenderer, shows_envelope
from whalefall.logs import scrub_text

log = structlog.get_logger(__name__)

# unique, foreign key and exclusion, as PostgreSQL numbers them; SQLite says it in words.
VIOLATIONS = {"23505", "23503", "23P01"}
SQLITE_VIOLATIONS = ("UNIQUE constraint failed", "FOREIGN KEY constraint failed")


@dataclass(frozen=True, slots=True)
class Problem:
    """A failure in the contract's words. What is None goes with the code."""

    code: str
    message: str
    extra: Mapping[str, Any] = field(default_factory=dict)
    suggestions: Sequence[str] | None = None
    http_status: int | None = None
    recoverable: bool | None = None

    @property
    def status(self) -> int:
        return self.http_status or CODES[self.code].http_status

    def document(self, error_id: str) -> dict[str, Any]:
        code = CODES[self.code]
        suggestions = code.suggestions if self.suggestions is None else self.suggestions
        document = {
            "error_id": error_id,
            "message_code": self.code,
            "category": code.category,
            "message": scrub_text(self.message),
            "suggestions": list(suggestions),
            "recoverable": code.recoverable if self.recoverable is None else self.recoverable,
        }
        return {**document, "extra": dict(self.extra)} if self.extra else document


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response:
    """For ``REST_FRAMEWORK["EXCEPTION_HANDLER"]``; the renderer puts the envelope around it."""
    problem, error_id = problem_of(error), uuid4().hex
    note(error, problem, error_id)
    response = Response(problem.document(error_id), problem.status, headers=headers_of(error))
    # Django would log the same response a second time.
    response._has_been_logged = True  # type: ignore[attr-defined]
    request = context["request"]
    if not shows_envelope(getattr(request, "accepted_renderer", EnvelopeJSONRenderer())):
        request.accepted_renderer = EnvelopeJSONRenderer()
        request.accepted_media_type = EnvelopeJSONRenderer.media_type
    return response


def note(error: Exception, problem: Problem, error_id: str) -> None:
    fields = {"error_id": error_id, "code": problem.code}
    if problem.code == "INTERNAL_ERROR":
        log.error("request_failed", **fields, exc_info=error)
    elif problem.status >= 500 or error.__cause__ is not None:
        log.warning("request_failed", **fields, message=problem.message, exc_info=error.__cause__)
    else:
        log.info("request_refused", **fields, message=problem.message)


def headers_of(error: Exception) -> dict[str, str]:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    return headers


# --- one function per kind of exception --------------------------------------------------------


@singledispatch
def problem_of(error: Exception) -> Problem:
    return Problem("INTERNAL_ERROR", "Something went wrong here; error_id finds it in the log.")


@problem_of.register
def _(error: WhalefallError) -> Problem:
    return Problem(
        error.code,
        str(error),
        error.extra,
        error.suggestions or None,
        error.http_status,
        error.recoverable,
    )


@problem_of.register
def _(error: exceptions.APIException) -> Problem:
    """DRF's own, by their default codes; ours name a code of the contract."""
    code = DRF_CODES.get(error.default_code, error.default_code)
    if code not in CODES:
        code = "VALIDATION_ERROR" if error.status_code < 500 else "INTERNAL_ERROR"
    status = error.status_code if code == "VALIDATION_ERROR" else None
    return Problem(code, str(error.detail), http_status=status)


DRF_CODES = {
    "not_authenticated": "AUTHENTICATION_REQUIRED",
    "authentication_failed": "INVALID_CREDENTIALS",
    "permission_denied": "PERMISSION_REQUIRED",
    "not_found": "RESOURCE_NOT_FOUND",
    "throttled": "RATE_LIMIT_EXCEEDED",
}


@problem_of.register
def _(error: exceptions.ValidationError) -> Problem:
    fields = error.detail if isinstance(error.detail, dict) else {"non_field_errors": error.detail}
    codes = error.get_codes()
    if set(leaves(codes)) == {"unique"}:
        code = "NAME_EXISTS" if isinstance(codes, dict) and set(codes) == {"name"} else None
        return Problem(code or "CONSTRAINT_VIOLATION", sentence(fields), {"fields": fields})
    return Problem("VALIDATION_ERROR", sentence(fields), {"fields": fields})


@problem_of.register
def _(error: Http404) -> Problem:
    return Problem("RESOURCE_NOT_FOUND", str(error) or "There is nothing here.")


@problem_of.register
def _(error: PermissionDenied) -> Problem:
    return Problem("PERMISSION_REQUIRED", str(error) or "You may not do this.")


@problem_of.register
def _(error: SuspiciousOperation) -> Problem:
    return Problem("VALIDATION_ERROR", "The request is not well formed.")


@problem_of.register
def _(error: RequestDataTooBig) -> Problem:
    return Problem(
        "VALIDATION_ERROR",
        f"The request is too large: {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes are taken, of a "
        f"file {settings.MOST_UPLOAD_BYTES}.",
        suggestions=("Send it in parts.",),
        http_status=413,
    )


@problem_of.register
def _(error: ProtectedError) -> Problem:
    users = sorted(str(one) for one in error.protected_objects)
    more = f" and {len(users) - 5} more" if len(users) > 5 else ""
    return Problem(
        "CONSTRAINT_VIOLATION",
        f"It is still used by {', '.join(users[:5])}{more}.",
        suggestions=("Give those another one first, or delete them.",),
    )


@problem_of.register
def _(error: IntegrityError) -> Problem:
    """A violation that validation could not see, since another request came between."""
    is_violation = getattr(error.__cause__, "sqlstate", None) in VIOLATIONS
    if is_violation or str(error).startswith(SQLITE_VIOLATIONS):
        return Problem(
            "CONSTRAINT_VIOLATION",
            "It collides with something that was stored meanwhile. Look again, then retry.",
        )
    return problem_of.dispatch(Exception)(error)


def leaves(value: Any) -> Iterable[str]:
    """The texts in nested lists and dictionaries."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item)]
    return [str(value)]


def sentence(fields: Mapping[str, Any]) -> str:
    """The first complaint about each of at most three fields."""
    complaints = [
        first if name == "non_field_errors" else f"{name}: {first}"
        for name, first in ((name, next(iter(leaves(item)), "")) for name, item in fields.items())
    ]
    return " ".join(complaints[:3]) or "The request is wrong."
