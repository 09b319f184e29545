"""The only place that writes the tables of ``accounts``."""

from accounts.querysets import among as among  # registers the lookup
from accounts.querysets.classification import (
    AssignmentQuerySet,
    ClassificationDayQuerySet,
    ClassificationQuerySet,
    ClassificationRuleQuerySet,
)
from accounts.querysets.mirror import (
    AccountChangeQuerySet,
    AccountQuerySet,
    GrantQuerySet,
    HeldReadingQuerySet,
    MembershipQuerySet,
    RoleClosureQuerySet,
    SecurableQuerySet,
    batches,
)

__all__ = [
    "AccountChangeQuerySet",
    "AccountQuerySet",
    "AssignmentQuerySet",
    "ClassificationDayQuerySet",
    "ClassificationQuerySet",
    "ClassificationRuleQuerySet",
    "GrantQuerySet",
    "HeldReadingQuerySet",
    "MembershipQuerySet",
    "RoleClosureQuerySet",
    "SecurableQuerySet",
    "batches",
]
