"""The root of every failure we expect. Plain Python, so that engines may use it too."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class WhalefallError(Exception):
    """A failure we expect: safe to show to a user, no traceback needed.

    ``code`` is the stable string of ``contract.md`` that clients and log searches match on.
    The message says what happened and what to do; it never contains a password, a DSN or SQL.
    ``extra`` goes into the response as it is.
    """

    code: ClassVar[str] = "INTERNAL_ERROR"
    http_status: ClassVar[int] = 500
    category: ClassVar[str] = "system"
    suggestions: ClassVar[Sequence[str]] = ()
    recoverable: ClassVar[bool] = True

    def __init__(self, message: str, *, extra: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.extra: dict[str, Any] = dict(extra or {})


class InvalidRequest(WhalefallError):
    """A field or parameter is wrong; ``extra["fields"]`` names each."""

    code = "VALIDATION_ERROR"
    http_status = 400
    category = "validation"
