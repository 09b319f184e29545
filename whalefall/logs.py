"""The one log pipeline: structlog and the standard library end in the same formatter.

Secrets are scrubbed by key and by value: whatever reads a password in use calls ``keep_secret``
first, and from then on that value reaches no line, not even inside a traceback.
"""

import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import quote, quote_plus

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

SCRUBBED = "[scrubbed]"
SECRET_KEY_PATTERN = re.compile(
    r"password|passwd|secret|token|authorization|cookie|dsn|private_key|encryption_key",
    re.I,
)
# API tokens begin with it, so that they are known at sight: by us, and by whoever scans for leaks.
API_TOKEN_PREFIX = "wf_"  # noqa: S105 -- the part of it that is no secret
# Tokens are secrets that nobody has to remember first: an API token, a JSON web token.
TOKEN_PATTERN = re.compile(
    rf"\b{API_TOKEN_PREFIX}[\w-]{{40,}}|\beyJ[\w-]{{8,}}\.eyJ[\w-]{{8,}}\.[\w-]{{16,}}", re.ASCII
)
# Shorter values are scrubbed only where they are the whole text: replacing "a" everywhere would
# leave no readable line.
SHORTEST_IN_TEXT = 4

_secrets: set[str] = set()
_in_text: tuple[str, ...] = ()
"""The longer secrets in each spelling, the longest first."""

event_sink: ContextVar[Callable[[EventDict], None] | None] = ContextVar("event_sink", default=None)
"""Where the running record collects its events; unset outside a run."""


def keep_secret(value: str) -> str:
    """Remember ``value`` as a secret in use, and return it."""
    if value not in _secrets:
        keep_secrets([value])
    return value


def keep_secrets(values: Iterable[str]) -> None:
    """Remember many at once: one by one, each would sort all that are known again."""
    global _in_text
    new = {value for value in values if value} - _secrets
    _secrets.update(new)
    texts = {text for value in new if len(value) >= SHORTEST_IN_TEXT for text in spellings(value)}
    if texts:
        _in_text = tuple(sorted({*_in_text, *texts}, key=len, reverse=True))


def spellings(secret: str) -> set[str]:
    """``secret`` as a traceback, a JSON document, an SQL text or an address would write it.

    In a literal, the quotes it is written in are escaped, and which those are depends on the rest.
    """
    return {
        secret,
        secret.replace("'", "''"),
        *(
            write(f"{mark} {secret}").split(" ", 1)[1][:-1]
            for write in (repr, ascii)
            for mark in "\"'"
        ),
        *(json.dumps(secret, ensure_ascii=is_ascii)[1:-1] for is_ascii in (True, False)),
        repr(secret.encode(errors="surrogateescape"))[2:-1],
        *(write(secret, safe) for write in (quote, quote_plus) for safe in ("", "/")),
    }


def scrub_text(text: str) -> str:
    """``text`` without any secret in use, and without what no database can store."""
    if text in _secrets:
        return SCRUBBED
    for secret in _in_text:
        if secret in text:
            text = text.replace(secret, SCRUBBED)
    text = TOKEN_PATTERN.sub(SCRUBBED, text)
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")


def scrub(value: Any) -> Any:
    """``value`` without secrets, through dictionaries, lists and tuples; objects become text."""
    if isinstance(value, str):
        return scrub_text(value)
    if isinstance(value, bool | int | float | None):
        return value
    if isinstance(value, Mapping):
        return {key: _scrub_item(key, item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [scrub(item) for item in value]
    return scrub_text(str(value))


def _scrub_item(key: Any, item: Any) -> Any:
    if item is not None and SECRET_KEY_PATTERN.search(str(key)):
        return SCRUBBED
    return scrub(item)


def scrub_event(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    kept = {key: event_dict[key] for key in ("_record", "_from_structlog") if key in event_dict}
    rest = {key: item for key, item in event_dict.items() if key not in kept}
    return {**scrub(rest), **kept}


def send_to_record(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    sink = event_sink.get()
    if sink is not None:
        sink(event_dict)
    return event_dict


SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
]


def setup_structlog() -> None:
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            scrub_event,
            send_to_record,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def without_refusals_traceback(entry: logging.LogRecord) -> bool:
    """A filter that keeps everything: that somebody was refused is one line, and no failure."""
    if getattr(entry, "status_code", None) == 403:
        entry.exc_info = None
    return True


def logging_config(log_format: str, level: str) -> dict[str, Any]:
    """For ``settings.LOGGING``: JSON lines in production, coloured columns in a terminal."""
    renderer: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "pipeline": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": SHARED,
                "processors": [
                    scrub_event,
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    renderer,
                ],
            }
        },
        "filters": {"refusals": {"()": lambda: without_refusals_traceback}},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "pipeline", "level": level}
        },
        # Below the handler's level too: a record keeps its events whatever the log shows.
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            "django": {"level": level, "propagate": True, "handlers": []},
            "django.request": {"filters": ["refusals"]},
            # django-q2 adds a handler of its own unless one is there.
            "django-q": {"handlers": ["stderr"], "level": level, "propagate": False},
        },
    }
