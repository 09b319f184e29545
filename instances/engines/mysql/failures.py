"""The driver's errors in words for a DBA, without any of the driver's own text."""

from typing import Any

from instances.engines.base import Target
from instances.engines.errors import (
    ConnectionFailed,
    EngineError,
    QueryRefused,
    ServerTimeout,
    UnusableAnswer,
)

REFUSED_LOGINS = {
    1040: "it has too many connections",
    1044: "the account may not log in here",
    1045: "the user name or the password is wrong, or no account matches this machine",
    1129: "this machine is blocked after too many failed connections (FLUSH HOSTS)",
    1130: "no account may log in from this machine",
    1203: "the account has too many connections",
    1226: "the account has used up its resources",
    1227: "the account lacks a right that logging in needs",
    1251: "the account's authentication method is too old or too new for our driver",
    1275: "the account's password has an outdated format",
    1396: "the account is not complete",
    1698: "the account may not log in with a password",
    1820: "the account's password has expired",
    1862: "the account's password has expired",
    2059: "our driver lacks the plugin for the account's authentication method",
    2061: "our driver lacks the plugin for the account's authentication method",
    3118: "the account is locked",
    3032: "the server is in offline mode",
    3955: "the account is locked after too many failed logins",
    4151: "the account is locked",
}
UNREACHABLE = {2001, 2002, 2003, 2004, 2005}
NO_TLS = 2026
LOST = {2006, 2013, 2055, NO_TLS}  # inside TLS a connection that ends is a TLS error too
REFUSED_QUERIES = {1044, 1142, 1143, 1227, 1370, 1045}
TOO_SLOW = {1028, 1205, 1969, 3024}
ENDED = {1053, 1317, 1927, 3169, 4031, 2014, *LOST}
PASSWORD_EXPIRED = 1820


def number_of(error: Exception) -> int:
    """The server's or the driver's error number, 0 where there is none."""
    first: Any = error.args[0] if error.args else 0
    return first if isinstance(first, int) else 0


def login_failure(error: Exception, target: Target, *, timed_out: bool) -> EngineError:
    number = number_of(error)
    where = f"{target.host}:{target.port}"
    if number in UNREACHABLE:
        return ConnectionFailed(f"{where} cannot be reached (driver error {number}).")
    if number in REFUSED_LOGINS:
        reason = REFUSED_LOGINS[number]
        return ConnectionFailed(f"{where} refused the login of {target.username!r}: {reason}.")
    if timed_out and number in LOST:
        return ServerTimeout(f"{where} accepted the connection, but did not answer in time.")
    if number == NO_TLS:
        return ConnectionFailed(
            f"{where} and we could not agree on TLS as the mode {target.tls_mode!r} asks: "
            "the server offers none, or its certificate could not be verified."
        )
    if 1000 <= number < 2000 or number >= 3000:
        return ConnectionFailed(
            f"{where} refused the login of {target.username!r} (error {number})."
        )
    return ConnectionFailed(f"{where} does not answer like MySQL or MariaDB.")


def query_failure(error: Exception, query: str, right: str, *, timed_out: bool) -> EngineError:
    number = number_of(error)
    if number in REFUSED_QUERIES:
        return QueryRefused(
            f"The server refused the query {query!r}, which needs {right or 'no special right'}."
        )
    if number in TOO_SLOW or (timed_out and number in LOST):
        return ServerTimeout(f"The server did not answer the query {query!r} in time.")
    if number == PASSWORD_EXPIRED:
        return ConnectionFailed("The password of our login has expired.")
    if number in ENDED or number == 0:
        return ConnectionFailed(f"The server ended the connection during the query {query!r}.")
    return UnusableAnswer(f"The server failed the query {query!r} (error {number}).")
