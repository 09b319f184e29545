"""The tables of ``accounts``: the mirror, and the classes of its accounts."""

from accounts.models.classification import (
    Assignment,
    Classification,
    ClassificationDay,
    ClassificationRule,
)
from accounts.models.closure import RoleClosure
from accounts.models.mirror import (
    Account,
    AccountChange,
    Grant,
    HeldReading,
    Membership,
    Securable,
)

__all__ = [
    "Account",
    "AccountChange",
    "Assignment",
    "Classification",
    "ClassificationDay",
    "ClassificationRule",
    "Grant",
    "HeldReading",
    "Membership",
    "RoleClosure",
    "Securable",
]
