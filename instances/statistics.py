"""The fleet in numbers. What could not be read is counted as such, beside what could."""

from collections import Counter
from typing import Any

from django.db.models import Count, Q

from instances.coverage import NEVER_READ, coverage_by_instance
from instances.models import Instance

LIVING = Q(deleted_at=None)


def fleet_statistics() -> dict[str, Any]:
    """Numbers of instances: of all outside the recycle bin, unless they say otherwise."""
    reached = LIVING & Q(last_error="")
    numbers = {
        "total": LIVING,
        "active": LIVING & Q(is_active=True),
        "switched_off": LIVING & Q(is_active=False),
        "in_recycle_bin": ~LIVING,
        "reachable": reached & Q(last_reached_at__isnull=False),
        "unreachable": LIVING & ~Q(last_error=""),
        "unknown": reached & Q(last_reached_at=None),
    }
    counts = {name: Count("pk", filter=which) for name, which in numbers.items()}
    return {
        **Instance.objects.order_by().aggregate(**counts),
        "engines": by("engine"),
        "environments": by("environment"),
        "coverage": readings(),
    }


def by(part: str) -> list[dict[str, Any]]:
    rows = Instance.objects.living().values(part).order_by(part)
    return list(rows.annotate(instances=Count("pk")))


def readings() -> dict[str, int]:
    """How many instances the last reading of accounts knew wholly, in part, or never was."""
    coverage = coverage_by_instance()
    keys = Instance.objects.living().order_by().values_list("pk", flat=True)
    return {
        "complete": 0,
        "partial": 0,
        "never_read": 0,
        **Counter(word(coverage.get(key, NEVER_READ)) for key in keys),
    }


def word(coverage: Any) -> str:
    if not coverage.was_read:
        return "never_read"
    return "complete" if coverage.is_complete else "partial"
