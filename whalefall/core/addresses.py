"""Where a request comes from."""

from ipaddress import ip_address

from django.http import HttpRequest
from rest_framework.throttling import BaseThrottle


def address_of(request: HttpRequest) -> str:
    """The client's address; as many proxies are believed as ``PROXY_HOPS`` says.

    '' over a socket that has none. What a proxy says need not be an address.
    """
    return str(BaseThrottle().get_ident(request) or "")  # type: ignore[arg-type]


def ip_of(request: HttpRequest) -> str | None:
    """The same where it is an IP address, else None."""
    address = address_of(request)
    try:
        return str(ip_address(address))
    except ValueError:  # the answer: a proxy may hide its client
        return None
