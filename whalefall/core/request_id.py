"""``X-Request-ID``: taken from the caller when it is a plausible one, and sent back."""

import re
from typing import Any

import structlog
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django_structlog.signals import (
    bind_extra_request_finished_metadata,
    bind_extra_request_metadata,
    update_failure_response,
)

# It goes into every log line: no spaces, no quotes, not endless.
PLAUSIBLE = re.compile(r"[\w.:=+/-]{1,128}", re.ASCII)


@receiver(bind_extra_request_metadata)
def accept(request: HttpRequest, **_: Any) -> None:
    given = request.headers.get("X-Request-ID", "")
    if PLAUSIBLE.fullmatch(given):
        structlog.contextvars.bind_contextvars(request_id=given)


@receiver([bind_extra_request_finished_metadata, update_failure_response])
def echo(response: HttpResponse, **_: Any) -> None:
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    if request_id:
        response["X-Request-ID"] = request_id
