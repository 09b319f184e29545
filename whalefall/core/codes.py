"""Every code that a response or a record may carry, and what it means to a client."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """``recoverable``: the caller, or time, can make the same request succeed."""

    http_status: int
    category: str
    suggestions: tuple[str, ...] = ()
    recoverable: bool = True


READING = (
    *("DATABASE_CONNECTION_ERROR", "DATABASE_TIMEOUT", "DATABASE_QUERY_ERROR"),
    *("SYNC_DATA_ERROR", "TASK_EXECUTION_FAILED"),
)
"""How reading a server fails."""

CODES = {
    "VALIDATION_ERROR": Code(400, "validation", ("Correct what extra.fields names.",)),
    "REQUEST_DATA_EMPTY": Code(400, "validation", ("Send the fields as a JSON object.",)),
    "CSRF_MISSING": Code(
        403, "authorization", ("Send the csrftoken cookie's value as X-CSRFToken.",)
    ),
    "CSRF_INVALID": Code(403, "authorization", ("Fetch a fresh token, then send it again.",)),
    "AUTHENTICATION_REQUIRED": Code(401, "authentication", ("Sign in.",)),
    "INVALID_CREDENTIALS": Code(401, "authentication", ("Check the name and the password.",)),
    "ACCOUNT_DISABLED": Code(
        403, "authorization", ("Ask an administrator to enable your account.",), False
    ),
    "PERMISSION_REQUIRED": Code(
        403, "authorization", ("Ask an administrator for a role that may do this.",), False
    ),
    "RATE_LIMIT_EXCEEDED": Code(429, "rate_limit", ("Wait as long as Retry-After says.",)),
    "RESOURCE_NOT_FOUND": Code(404, "not_found", ("Check the path and the id.",), False),
    "NAME_EXISTS": Code(409, "conflict", ("Choose another name.",)),
    "CONSTRAINT_VIOLATION": Code(409, "conflict"),
    "TAG_IN_USE": Code(409, "conflict", ("Take it off its instances first.",)),
    "CLASSIFICATION_IN_USE": Code(409, "conflict", ("Delete what uses it first.",)),
    "SNAPSHOT_MISSING": Code(409, "conflict"),
    "PERMISSION_FACTS_MISSING": Code(409, "conflict"),
    "SYNC_DATA_ERROR": Code(
        409, "external", ("Check that host and port belong to the engine of this instance.",)
    ),
    "SYNC_IMPLAUSIBLE": Code(
        409, "conflict", ("Look at the held reading, then accept or reject it.",)
    ),
    "SYNC_ALREADY_RUNNING": Code(409, "conflict", ("Wait for that session, or cancel it.",)),
    "PARTITION_LOCKED": Code(
        409, "conflict", ("Wait for the next run, or run it when nothing is measured.",)
    ),
    "DATABASE_CONNECTION_ERROR": Code(
        409, "external", ("Run preflight on the instance, and check its address and credential.",)
    ),
    "DATABASE_TIMEOUT": Code(504, "external", ("Check the load of the server, then retry.",)),
    "DATABASE_QUERY_ERROR": Code(
        502, "external", ("Run preflight to see which rights are missing.",)
    ),
    "WORKER_LOST": Code(500, "system"),
    "TASK_EXECUTION_FAILED": Code(500, "system", ("Look for error_id in the log.",), False),
    "INTERNAL_ERROR": Code(500, "system", ("Look for error_id in the log.",), False),
}
