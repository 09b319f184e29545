"""How a server may be called: one name, one address, or one socket.

A driver may take other text for a list of servers, or for more than a server: to libpq ``a,b`` are
two, and a stored password would go to both.
"""

import re
from ipaddress import ip_address
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as _

LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
NAME = re.compile(rf"{LABEL}(?:\.{LABEL})*\.?", re.ASCII | re.IGNORECASE)
SOCKET = re.compile(r"/[^\s,\x00-\x1f\x7f-\x9f]*")


def check_host(host: str) -> None:
    """A validator. Raises ValidationError."""
    if not (NAME.fullmatch(host) or SOCKET.fullmatch(host) or is_address(host)):
        raise ValidationError(
            _("This is no name of a server, no IP address and no absolute path of a socket.")
        )


def is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:  # the answer
        return False
    return True


def spelled(host: str) -> str:
    """The one spelling of ``host``: names and addresses do not tell capitals apart."""
    return host if host.startswith("/") else host.lower()


class HostField(models.CharField):  # type: ignore[type-arg]
    """The host of a server, in one spelling."""

    default_validators = [check_host]

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """What was written is what the object has from then on."""
        value = self.get_prep_value(super().pre_save(model_instance, add))
        setattr(model_instance, self.attname, value)
        return value

    def get_prep_value(self, value: Any) -> Any:
        return spelled(value) if isinstance(value, str) else value
