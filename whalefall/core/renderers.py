"""The envelope around every response."""

from collections.abc import Mapping
from typing import Any

import structlog
from django.utils import timezone
from rest_framework.renderers import BaseRenderer, BrowsableAPIRenderer, JSONRenderer
from rest_framework.response import Response

MESSAGES = {
    "create": "Created.",
    "update": "Saved.",
    "partial_update": "Saved.",
    "destroy": "Deleted.",
}


class EnvelopeJSONRenderer(JSONRenderer):
    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        context = renderer_context or {}
        if response := context.get("response"):
            data = failure(data) if response.exception else success(data, response, context)
        rendered: bytes = super().render(data, accepted_media_type, renderer_context)
        return rendered


class EnvelopeBrowsableRenderer(BrowsableAPIRenderer):
    """Shows what ``EnvelopeJSONRenderer`` would send, and a form to send something."""


def shows_envelope(renderer: BaseRenderer) -> bool:
    return isinstance(renderer, EnvelopeJSONRenderer | EnvelopeBrowsableRenderer)


def success(data: Any, response: Response, context: Mapping[str, Any]) -> dict[str, Any]:
    view = context.get("view")
    action = getattr(view, "action", None)
    own = getattr(view, "messages", {})
    return {
        "success": True,
        "error": False,
        "message": own.get(action) or MESSAGES.get(action or "", "OK"),
        "data": data,
        "timestamp": now(),
    }


def failure(problem: Mapping[str, Any]) -> dict[str, Any]:
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    return {
        "success": False,
        "error": True,
        **problem,
        "context": {"request_id": request_id},
        "timestamp": now(),
    }


def now() -> str:
    return timezone.now().isoformat().replace("+00:00", "Z")
