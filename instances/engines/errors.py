"""What can go wrong between us and a monitored server."""

from whalefall.core.errors import InvalidRequest, WhalefallError


class EngineError(WhalefallError):
    """A monitored server did not give us what we asked for. Nothing of ours was changed."""

    category = "external"


class UnknownEngine(InvalidRequest):
    """No folder of that name under ``instances/engines``."""


class ConnectionFailed(EngineError):
    """The server cannot be reached, or refuses the login."""

    code = "DATABASE_CONNECTION_ERROR"
    http_status = 409
    suggestions = (
        "Check that the host and port answer from this machine.",
        "Check the credential's user name and password on the server.",
    )


class ServerTimeout(EngineError):
    """The server did not answer in time."""

    code = "DATABASE_TIMEOUT"
    http_status = 504
    suggestions = ("Check the load of the server, or raise the time-outs in the settings.",)


class QueryRefused(EngineError):
    """The server refused a catalog query; the message names the query and the right it needs."""

    code = "DATABASE_QUERY_ERROR"
    http_status = 502
    suggestions = ("Run probe to see which rights are missing and how to grant them.",)


class UnusableAnswer(EngineError):
    """The server answered with something that we cannot use."""

    code = "SYNC_DATA_ERROR"
    http_status = 409
    suggestions = ("Check that host and port belong to the engine of this instance.",)
