"""Classes that a person gives an account. Called inside a transaction."""

from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Account, Assignment, Classification
from whalefall.core.audit import note
from whalefall.core.errors import WhalefallError

if TYPE_CHECKING:
    from whalefall.users.models import User


class NotByHand(WhalefallError):
    """A person can't give or take this assignment."""

    code = "CONSTRAINT_VIOLATION"
    http_status = 409
    category = "conflict"


def assign(account: Account, classification: Classification, *, by: "User | None") -> Assignment:
    """Give ``account`` the class until somebody takes it away. Raises NotByHand: it has it so."""
    has = account.assignments.open().filter(classification=classification, is_manual=True)
    if has.exists():
        raise NotByHand(_("The account was assigned to this classification by hand already."))
    key = by.pk if by else None
    return Assignment.objects.assign(account, classification, by=key, at=timezone.now())


def unassign(assignment: Assignment) -> None:
    """Take away what was given by hand. Raises NotByHand."""
    if not assignment.is_manual:
        raise NotByHand(_("A rule has assigned it, and would again: change the rule."))
    now = timezone.now()
    if Assignment.objects.filter(pk=assignment.pk).revoke(at=now):
        note([(assignment, {"revoked_at": [None, str(now)]})])
