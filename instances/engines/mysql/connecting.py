"""How mysqlclient is told to connect: TCP only, no option files, TLS as the mode asks."""

import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from instances.engines.base import Target
from instances.engines.errors import ConnectionFailed
from instances.engines.mysql.failures import NO_TLS, login_failure, number_of

CLIENT_SSL = 0x0800
"""The capability flag of a server that speaks TLS. Source: include/mysql_com.h"""

READ_MARGIN_SECONDS = 5
"""The server ends a slow statement; only when it is silent too, the socket's time-out does."""


def connect(driver: ModuleType, target: Target) -> Any:
    """An open connection. Raises ConnectionFailed or ServerTimeout."""
    attempts = list(tls_attempts(driver, target))
    for position, tls in enumerate(attempts, start=1):
        started = time.monotonic()
        try:
            connection = driver.connect(**arguments(target), **tls)
        except (driver.Error, UnicodeError) as error:
            timed_out = time.monotonic() - started >= target.connect_timeout_seconds
            if number_of(error) == NO_TLS and not timed_out and position < len(attempts):
                continue
            raise login_failure(error, target, timed_out=timed_out) from error
        refuse_downgrade(connection, target)
        return connection
    raise AssertionError  # the last attempt returned or raised


def arguments(target: Target) -> dict[str, Any]:
    return {
        # For the driver "localhost" is a socket file, whatever the port.
        "host": "127.0.0.1" if target.host in ("", "localhost") else target.host,
        "port": target.port,
        "user": target.username,
        "password": target.password,
        "connect_timeout": target.connect_timeout_seconds,
        "read_timeout": target.statement_timeout_seconds + READ_MARGIN_SECONDS,
        "write_timeout": target.connect_timeout_seconds,
        "charset": "utf8mb4",
        "autocommit": True,
        "local_infile": 0,
        "multi_statements": False,
    }


def tls_attempts(driver: ModuleType, target: Target) -> Iterator[dict[str, Any]]:
    """The driver's arguments for the TLS mode; ``prefer`` has a second, plain attempt.

    What they do was tried with libmariadb 3.3: it turns to plain text without an error when
    REQUIRED meets a server without TLS, which ``refuse_downgrade`` makes good. With a CA,
    REQUIRED verifies the chain and VERIFY_IDENTITY the name too; there is no mode for the chain
    alone, and other libraries only verify when told to.
    """
    mode, ca = target.tls_mode, {"ca": target.tls_ca} if target.tls_ca else {}
    if mode == "disable":
        yield {"ssl_mode": "DISABLED"}
    elif mode == "prefer":
        yield {"ssl_mode": "REQUIRED"}
        yield {"ssl_mode": "DISABLED"}
    elif mode == "require":
        yield {"ssl_mode": "REQUIRED"}
    elif mode == "verify-ca" and ca:
        chain_only = driver.get_client_info().startswith("3.3.")
        yield {"ssl_mode": "REQUIRED" if chain_only else "VERIFY_CA", "ssl": ca}
    elif mode == "verify-full":
        yield {"ssl_mode": "VERIFY_IDENTITY", "ssl": ca}
    else:
        raise ConnectionFailed(f"The TLS mode {mode!r} needs the file of a CA, or is unknown.")


def refuse_downgrade(connection: Any, target: Target) -> None:
    if target.tls_mode in ("disable", "prefer") or connection.server_capabilities & CLIENT_SSL:
        return
    connection.close()
    raise ConnectionFailed(
        f"{target.host}:{target.port} offers no TLS, which the mode {target.tls_mode!r} demands."
    )


def decode_leniently(driver: ModuleType, connection: Any) -> None:
    """From now on turn what is no UTF-8 into backslash escapes, value by value and slower.

    Text columns hold it only after somebody has written to the grant tables in bytes.
    """
    kinds = driver.constants.FIELD_TYPE
    for kind in (kinds.STRING, kinds.VAR_STRING, kinds.VARCHAR, kinds.BLOB, kinds.LONG_BLOB):
        connection.converter[kind] = lenient


def lenient(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")
