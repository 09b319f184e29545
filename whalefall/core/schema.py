"""OpenAPI, with the envelope that the renderer puts around everything."""

# mypy: disable-error-code="no-untyped-call"

from copy import deepcopy
from typing import Any, ClassVar

from django.utils.translation import get_language
from drf_spectacular.authentication import SessionScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

from whalefall.core.codes import CODES

CATEGORIES = [(name, name) for name in sorted({code.category for code in CODES.values()})]

FILES = {"text/csv"}


class OneSchema(SchemaGenerator):
    """Made once in each language, which takes a second; it is the same for everybody."""

    made: ClassVar[dict[str, Any]] = {}

    def get_schema(self, request: Any = None, public: bool = False) -> Any:
        language = get_language() or ""
        if language not in self.made:
            self.made[language] = super().get_schema(request, public)
        return self.made[language]


class BearerSignInScheme(OpenApiAuthenticationExtension):
    target_class = "whalefall.users.bearer.BearerSignIn"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        about = "An access token of auth/login, or an API token of auth/tokens."
        return {"type": "http", "scheme": "bearer", "description": about}


class SessionSignInScheme(SessionScheme):
    target_class = "whalefall.core.authentication.SessionSignIn"


class FailureSerializer(serializers.Serializer[None]):
    """What every failure looks like."""

    success = serializers.BooleanField()
    error = serializers.BooleanField()
    error_id = serializers.CharField()
    message_code = serializers.ChoiceField(choices=sorted(CODES))
    category = serializers.ChoiceField(choices=CATEGORIES)
    message = serializers.CharField()
    suggestions = serializers.ListField(child=serializers.CharField())
    recoverable = serializers.BooleanField()
    context = serializers.DictField()  # type: ignore[assignment]
    extra = serializers.DictField(required=False)
    timestamp = serializers.DateTimeField()


ENVELOPE: dict[str, Any] = {
    "success": {"type": "boolean", "const": True},
    "error": {"type": "boolean", "const": False},
    "message": {"type": "string"},
    "timestamp": {"type": "string", "format": "date-time"},
}


WRITES = ("create", "update", "partial_update")


class EnvelopeSchema(AutoSchema):
    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies = super()._get_response_bodies(direction)
        if all("content" not in body for body in bodies.values()):
            # 204 has no room for the envelope.
            nothing = {"application/json": {"schema": {"type": "null"}}}
            bodies = {"200": wrapped({"description": "", "content": nothing})}
        return {**bodies, **self.failures()}

    def failures(self) -> dict[str, Any]:
        """What any operation like this one may answer, by status; ``default`` is for the rest."""
        schema = super()._get_response_for_code(FailureSerializer, "4XX")["content"]
        failed: dict[str, Any] = {}
        for code in self.failure_codes():
            status = str(CODES[code].http_status)
            content = failed.setdefault(status, {"description": "", "content": deepcopy(schema)})
            examples = content["content"]["application/json"].setdefault("examples", {})
            examples[code] = {"$ref": f"#/components/examples/{code}"}
            content["description"] += f"{code}. "
        failed["default"] = {"description": "It failed otherwise.", "content": schema}
        return failed

    def failure_codes(self) -> list[str]:
        has_body, has_auth = bool(self._get_request_body()), bool(self.get_auth())
        action = getattr(self.view, "action", "")
        possible = {
            "VALIDATION_ERROR": self.method != "GET" or bool(self._get_parameters()),
            "REQUEST_DATA_EMPTY": has_body,
            "AUTHENTICATION_REQUIRED": has_auth,
            "PERMISSION_REQUIRED": has_auth,
            **dict.fromkeys(("CSRF_MISSING", "CSRF_INVALID"), has_auth and self.method != "GET"),
            "RESOURCE_NOT_FOUND": "{" in self.path or self.method == "GET",
            "NAME_EXISTS": action in WRITES,
            "CONSTRAINT_VIOLATION": action in (*WRITES, "destroy"),
            "INTERNAL_ERROR": True,
        }
        own = getattr(self.view, "failures", {}).get(action, ())
        return [*dict.fromkeys([*(one for one, is_so in possible.items() if is_so), *own])]

    def _get_response_for_code(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return wrapped(super()._get_response_for_code(*args, **kwargs))


def add_failures(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """For ``SPECTACULAR_SETTINGS["POSTPROCESSING_HOOKS"]``: what the responses refer to."""
    result["components"]["examples"] = {code: {"value": failure_example(code)} for code in MESSAGES}
    return result


def close_requests(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """For ``SPECTACULAR_SETTINGS["POSTPROCESSING_HOOKS"]``: no other field is taken."""
    for name, schema in result["components"]["schemas"].items():
        if name.endswith("Request") and schema.get("type") == "object":
            schema["additionalProperties"] = False
    return result


def allow_nulls(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """For ``SPECTACULAR_SETTINGS["POSTPROCESSING_HOOKS"]``: any value, or null, is any value.

    drf-spectacular has null match both of its alternatives, so that ``oneOf`` refuses it.
    """
    anything = [{}, {"type": "null"}]
    waiting: list[Any] = [result["components"]["schemas"]]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if node.get("oneOf") == anything:
                del node["oneOf"]
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
    return result


def failure_example(code: str) -> dict[str, Any]:
    fields = {"extra": {"fields": {"name": ["This field is required."]}}}
    known = CODES[code]
    return {
        "success": False,
        "error": True,
        "error_id": "b1946ac92492d2347c6235b4d2611184",
        "message_code": code,
        "category": known.category,
        "message": MESSAGES[code],
        "suggestions": list(known.suggestions),
        "recoverable": known.recoverable,
        "context": {"request_id": "trace-1"},
        **(fields if code == "VALIDATION_ERROR" else {}),
        "timestamp": "2026-03-31T01:00:00Z",
    }


MESSAGES = {
    "VALIDATION_ERROR": "name: This field is required.",
    "REQUEST_DATA_EMPTY": "The request has no body, or an empty one.",
    "AUTHENTICATION_REQUIRED": "Authentication credentials were not provided.",
    "PERMISSION_REQUIRED": "You do not have permission to perform this action.",
    "CSRF_MISSING": "A write with a session cookie needs the X-CSRFToken header.",
    "CSRF_INVALID": "The CSRF token is not the one of this session.",
    "INVALID_CREDENTIALS": "The name or the password is wrong.",
    "ACCOUNT_DISABLED": "This user is disabled.",
    "RATE_LIMIT_EXCEEDED": "Too many attempts; the next is possible in 300 seconds.",
    "RESOURCE_NOT_FOUND": "There is nothing here.",
    "NAME_EXISTS": "There is another one of this name.",
    "CONSTRAINT_VIOLATION": "Something else depends on it, so nothing was changed.",
    "TAG_IN_USE": "12 instances have this tag.",
    "CLASSIFICATION_IN_USE": "A rule of another classification asks for this one.",
    "SNAPSHOT_MISSING": "The privileges of orders-db have never been read.",
    "PERMISSION_FACTS_MISSING": "What is told of ada is of an older version of Whalefall.",
    "SYNC_DATA_ERROR": "The server answered what no PostgreSQL would.",
    "SYNC_IMPLAUSIBLE": "28 of 31 accounts would be gone; the reading is held back.",
    "SYNC_ALREADY_RUNNING": "Another session is reading this instance.",
    "DATABASE_CONNECTION_ERROR": "orders-db could not be reached: connection refused.",
    "DATABASE_TIMEOUT": "orders-db did not answer within 60 seconds.",
    "DATABASE_QUERY_ERROR": "orders-db refused the query 'roles'.",
    "TASK_EXECUTION_FAILED": "Reading orders-db failed; error_id finds it in the log.",
    "INTERNAL_ERROR": "Something went wrong here; error_id finds it in the log.",
}


def wrapped(body: dict[str, Any]) -> dict[str, Any]:
    """``body`` with the envelope around its schema; a file has none."""
    for media_type, content in body.get("content", {}).items():
        if media_type in FILES:
            continue
        content["schema"] = {
            "type": "object",
            "required": [*ENVELOPE, "data"],
            "properties": {**ENVELOPE, "data": content["schema"]},
        }
    return body
