"""The facts about passwords that both flavours tell alike."""

from datetime import UTC, datetime, timedelta
from typing import Any

PASSWORD_PLUGINS = frozenset(
    {
        *("", "mysql_native_password", "mysql_old_password", "sha256_password"),
        *("caching_sha2_password", "ed25519", "parsec"),
    }
)
"""The methods whose passwords the server itself keeps, so that its rules about them apply."""


def lifetime_facts(
    changed_at: datetime | None, days: int | None, default_days: str | None
) -> tuple[datetime | None, dict[str, Any]]:
    """When the password expires, and ``password_never_expires``; ``days`` None is the default."""
    if days is None:
        if not default_days or not default_days.isdigit():
            return None, {}
        days = int(default_days)
    facts = {"password_never_expires": days == 0}
    return (changed_at + timedelta(days=days) if changed_at and days else None), facts


def as_utc(moment: datetime | None) -> datetime | None:
    """Our sessions run in UTC; the driver leaves the zone out."""
    return moment.replace(tzinfo=UTC) if moment else None
