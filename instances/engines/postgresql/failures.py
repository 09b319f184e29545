"""What psycopg's errors mean to a DBA. The driver's own text stays out of every message.

A failed login has no SQLSTATE, only a text that libpq and the server wrote; the server's part is
in its own language, so texts refine a message and never decide alone that a login was refused.
"""

import re
from types import ModuleType

from instances.engines.base import Target
from instances.engines.errors import (
    ConnectionFailed,
    EngineError,
    QueryRefused,
    ServerTimeout,
    UnusableAnswer,
)
from instances.engines.postgresql.queries import Query

# The server's answer follows its severity, in any language: "… failed: FATAL:  …".
SERVER_SPOKE = re.compile(r"failed: [^\s:]+:  ")

# The first that fits counts: some texts name a role or a database on the way.
REFUSALS = {
    "password authentication failed": "the password is wrong, or there is no such role",
    "no password supplied": "it asks for a password, and the credential has none",
    "pg_hba.conf": "its pg_hba.conf lets nobody in like this from this machine",
    "too many connections": "too many connections are open",
    "connection slots are reserved": "all its connections are in use",
    "starting up": "the server is starting up",
    "shutting down": "the server is shutting down",
    "not yet accepting connections": "the server is not ready yet",
    "is not permitted to log in": "the role has no LOGIN",
    "permission denied for database": "the role has no CONNECT on the database {database!r}",
    "not currently accepting connections": "the database {database!r} allows no connections",
    "invalid database": "the database {database!r} is the rest of an unfinished DROP DATABASE",
    'database "': "there is no database {database!r}",
    'role "': "there is no such role",
}
NO_TLS = ("SSL", "certificate")
NOT_POSTGRESQL = (
    "expected authentication request",
    "received invalid response",
    "invalid authentication",
    "unexpected message",
    "lost synchronization",
)
CLOSED = ("closed the connection unexpectedly", "reset by peer")

REFUSED = "42501"
LOCKED = "55P03"
TOO_SLOW = {"57014", "25P03", "25P04", "57P05"}
UNTRANSLATABLE = {"22021", "22P05"}
ENDED = {"57P01", "57P02", "57P03", "57P04"}


def login_failure(
    error: Exception, driver: ModuleType, target: Target, database: str
) -> EngineError:
    where, text = f"{target.host}:{target.port}", str(error)
    if isinstance(error, driver.errors.ConnectionTimeout) or "timeout expired" in text:
        seconds = target.connect_timeout_seconds
        return ServerTimeout(f"{where} did not answer within {seconds} seconds.")
    login = f"the login of {target.username!r} to the database {database!r}"
    if SERVER_SPOKE.search(text) or "no password supplied" in text:
        why = (reason for part, reason in REFUSALS.items() if part in text)
        reason = next(why, "").format(database=database)
        return ConnectionFailed(f"{where} refused {login}{': ' if reason else ''}{reason}.")
    if any(part in text for part in NOT_POSTGRESQL):
        return ConnectionFailed(f"{where} does not answer like PostgreSQL.")
    if any(part in text for part in NO_TLS):
        return ConnectionFailed(
            f"{where} and we could not agree on TLS as the mode {target.tls_mode!r} asks: "
            "the server offers none, or its certificate could not be verified."
        )
    if any(part in text for part in CLOSED):
        return ConnectionFailed(
            f"{where} closed the connection without an answer: it is stopping, or no PostgreSQL."
        )
    return ConnectionFailed(f"{where} cannot be reached.")


def is_untranslatable(error: BaseException | None) -> bool:
    """Whether names in the answer can't be said in UTF-8."""
    return getattr(error, "sqlstate", None) in UNTRANSLATABLE


def query_failure(error: Exception, query: Query, *, is_lost: bool, timed_out: bool) -> EngineError:
    """``is_lost``: the connection is of no more use. ``timed_out``: we cut it ourselves."""
    state = getattr(error, "sqlstate", None) or ""
    if timed_out or state in TOO_SLOW:
        return ServerTimeout(f"The server did not answer the query {query.name!r} in time.")
    if state == LOCKED:
        return ServerTimeout(f"The query {query.name!r} waited too long for somebody's lock.")
    if state == REFUSED:
        return QueryRefused(
            f"The server refused the query {query.name!r}, which needs "
            f"{f'SELECT on {query.catalogs}' if query.catalogs else 'no special right'}."
        )
    if is_lost or state in ENDED or state.startswith("08"):
        return ConnectionFailed(f"The server ended the connection during {query.name!r}.")
    told = f"SQLSTATE {state}" if state else "an answer that is no PostgreSQL's"
    return UnusableAnswer(f"The server failed the query {query.name!r} ({told}).")
