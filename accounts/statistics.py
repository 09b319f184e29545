"""The accounts of the fleet in numbers, each with how much of it is known."""

from datetime import datetime
from typing import Any

from django.db.models import Count, F

from accounts.attention import fleet_at, numbers, shown_accounts


def account_statistics(now: datetime) -> dict[str, Any]:
    """The numbers of the console's first page, and the accounts by kind and engine."""
    fleet = fleet_at(now)
    accounts, facts = numbers(fleet)
    shown = shown_accounts().order_by()
    engines = shown.values(engine=F("instance__engine")).order_by("engine")
    return {
        "accounts": accounts,
        "kinds": shown.values("kind").order_by("kind").annotate(accounts=Count("pk")),
        "engines": engines.annotate(accounts=Count("pk")),
        "facts": facts,
        "instances": fleet.total,
        "fully_read": fleet.fully_read,
    }
