"""What the present memberships add up to."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.mirror import Account
from accounts.querysets import RoleClosureQuerySet


class RoleClosure(models.Model):
    """``account`` reaches ``role``: it ``inherits`` it, or could only take it by SET ROLE.

    ``depth`` is the length of the shortest way. Of the present memberships only: a past moment
    walks those of that moment.
    """

    account = models.ForeignKey(
        Account, models.CASCADE, related_name="reached_roles", db_index=False
    )
    role = models.ForeignKey(Account, models.CASCADE, related_name="reached_by", db_index=False)
    inherits = models.BooleanField(_("inherits"))
    depth = models.PositiveSmallIntegerField(_("depth"))

    objects = RoleClosureQuerySet.as_manager()

    class Meta:
        verbose_name = _("reached role")
        verbose_name_plural = _("reached roles")
        constraints = (
            models.UniqueConstraint(fields=["account", "role"], name="role_closure_unique"),
        )
        indexes = (
            models.Index(fields=["role", "inherits", "account"], name="role_closure_by_role"),
        )

    def __str__(self) -> str:
        return f"{self.account} → {self.role}"
