"""How often somebody may try something that needs a password."""

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from django.utils.translation import gettext

from whalefall.core.errors import WhalefallError


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``times`` attempts in any ``window``."""

    name: str
    times: int
    window: timedelta

    def key_of(self, subject: str) -> str:
        """What is stored of ``subject``: as long as any other, and no name to read."""
        return sha256(f"{self.name}\0{subject}".encode(errors="backslashreplace")).hexdigest()


SIGN_IN = Limit("sign_in", 10, timedelta(minutes=1))
CHANGE_PASSWORD = Limit("change_password", 3, timedelta(hours=1))
LONGEST_WINDOW = max(SIGN_IN.window, CHANGE_PASSWORD.window)


class RateLimited(WhalefallError):
    """Too many attempts; ``wait`` seconds until the next one is counted."""

    code = "RATE_LIMIT_EXCEEDED"
    http_status = 429
    category = "rate_limit"

    def __init__(self, limit: Limit, *, wait: int) -> None:
        text = gettext("Too many attempts. Wait %(seconds)s seconds, then try again.")
        super().__init__(text % {"seconds": wait})
        self.limit = limit
        self.wait = wait
