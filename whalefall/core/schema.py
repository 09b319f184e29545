"""OpenAPI, with the envelope that the renderer puts around everything."""

# mypy: disable-error-code="no-untyped-call"

from typing import Any

from drf_spectacular.authentication import BasicScheme, SessionScheme
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

from whalefall.core.codes import CODES

CATEGORIES = [(name, name) for name in sorted({code.category for code in CODES.values()})]


class BasicSignInScheme(BasicScheme):
    target_class = "whalefall.core.authentication.BasicSignIn"


class SessionSignInScheme(SessionScheme):
    target_class = "whalefall.core.authentication.SessionSignIn"


class FailureSerializer(serializers.Serializer[None]):
    """What every failure looks like."""

    success = serializers.BooleanField(default=False)
    error = serializers.BooleanField(default=True)
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


class EnvelopeSchema(AutoSchema):
    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        if self.method == "DELETE":
            nothing = {"description": "", "content": {"application/json": {"schema": {}}}}
            bodies = {"200": wrapped(nothing)}
        else:
            bodies = super()._get_response_bodies(direction)
        failed = super()._get_response_for_code(FailureSerializer, "4XX")
        return {**bodies, "default": {**failed, "description": "It failed."}}

    def _get_response_for_code(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return wrapped(super()._get_response_for_code(*args, **kwargs))


def wrapped(body: dict[str, Any]) -> dict[str, Any]:
    """``body`` with the envelope around the schema of each media type."""
    for content in body.get("content", {}).values():
        content["schema"] = {
            "type": "object",
            "required": [*ENVELOPE, "data"],
            "properties": {**ENVELOPE, "data": content["schema"]},
        }
    return body
