"""The two envelopes, to be compared with a whole response."""

from typing import Any
from unittest.mock import ANY

from whalefall.core.codes import CODES


def success(data: Any, message: str = "OK") -> dict[str, Any]:
    return {
        "success": True,
        "error": False,
        "message": message,
        "data": data,
        "timestamp": ANY,
    }


def page(*items: Any, total: int | None = None) -> dict[str, Any]:
    """The first page of a list that has no more than fit on it."""
    number = len(items) if total is None else total
    document = {"items": list(items), "total": number, "page": 1, "limit": 50}
    return success({**document, "pages": 1 if number else 0})


def failure(code: str, message: Any = ANY, **fields: Any) -> dict[str, Any]:
    """``fields``: ``suggestions`` or ``recoverable`` where an error has its own, ``extra``."""
    known = CODES[code]
    return {
        "success": False,
        "error": True,
        "error_id": ANY,
        "message_code": code,
        "category": known.category,
        "message": message,
        "suggestions": list(known.suggestions),
        "recoverable": known.recoverable,
        "context": {"request_id": ANY},
        "timestamp": ANY,
        **fields,
    }


def invalid(**fields: str) -> dict[str, Any]:
    """A VALIDATION_ERROR about one field, or several with the same order of complaints."""
    message = " ".join(
        text if name == "non_field_errors" else f"{name}: {text}" for name, text in fields.items()
    )
    extra = {"fields": {name: [text] for name, text in fields.items()}}
    return failure("VALIDATION_ERROR", message, extra=extra)
