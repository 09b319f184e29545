"""People and scripts that sign in, and what they sign in with."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractUser, Group, Permission, UserManager
from django.db import models
from django.utils.translation import gettext_lazy as _

from whalefall.users.querysets import (
    ApiTokenQuerySet,
    AttemptQuerySet,
    SignInQuerySet,
    UserQuerySet,
)
from whalefall.users.roles import NAMES, rights_in_scope


class User(AbstractUser):
    """A person or script that signs in to Whalefall; an ``Account`` is one in a database server.

    ``scope`` is that of the API token that a request came with: the user then has no right
    beyond it, in any check of this object. None without a token.
    """

    scope: str | None = None

    # Django's own is the first, and so the one that makes users and signs them in.
    objects = UserManager()  # type: ignore[misc]
    people = UserQuerySet.as_manager()

    @property
    def role(self) -> str | None:
        """The highest of ``roles.NAMES`` that the user has."""
        if self.is_superuser:
            return NAMES[-1]
        own = {group.name for group in self.groups.all()}
        return next((name for name in reversed(NAMES) if name in own), None)

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        return super().has_perm(perm, obj) and (
            self.scope is None or perm in rights_in_scope(self.scope)
        )

    def get_all_permissions(self, obj: Any = None) -> set[str]:
        rights = super().get_all_permissions(obj)
        return rights if self.scope is None else rights & rights_in_scope(self.scope)

    def replace_password(self, password: str) -> None:
        """Every session and token of a sign-in with the old one ends."""
        self.set_password(password)
        self.save(update_fields=["password"])

    def shut_out(self, *, at: datetime) -> None:
        """End every sign-in and revoke every API token: enabling gives none of them back."""
        self.sign_ins.all().end()
        self.api_tokens.all().revoke(at=at)

    def may_touch(self, other: "User") -> bool:
        """Whether this user may change ``other``: whoever sets a password has its user's rights.

        A disabled user counts with the rights that enabling would give back.
        """
        if self.is_superuser and self.scope is None:
            return True
        theirs = Permission.objects.filter(models.Q(user=other) | models.Q(group__user=other))
        return not other.is_superuser and codenames(theirs) <= self.get_all_permissions()

    def grantable_groups(self) -> "models.QuerySet[Group]":
        """The groups that allow nothing that this user may not do himself."""
        if self.is_superuser and self.scope is None:
            return Group.objects.all()
        own = self.get_all_permissions()
        groups = Group.objects.prefetch_related("permissions__content_type")
        allowed = [one.pk for one in groups if codenames(one.permissions.all()) <= own]
        return Group.objects.filter(pk__in=allowed)


def codenames(permissions: Iterable[Permission]) -> set[str]:
    return {f"{one.content_type.app_label}.{one.codename}" for one in permissions}


class SignIn(models.Model):
    """What a name and a password began: a session, and one refresh token after the other.

    It goes on for as long as its row is there; without it none of its tokens is good.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="sign_ins", verbose_name=_("user"))
    session_key = models.CharField(_("session"), max_length=40, blank=True, editable=False)
    expires_at = models.DateTimeField(_("expires"), help_text=_("With its newest refresh token."))

    objects = SignInQuerySet.as_manager()

    class Meta:
        verbose_name = _("sign-in")
        verbose_name_plural = _("sign-ins")

    def __str__(self) -> str:
        return f"{self.user_id} {self.expires_at:%Y-%m-%d %H:%M}"


class ApiToken(models.Model):
    """A long-lived sign-in for a script. Only a digest of its value is stored."""

    class Scope(models.TextChoices):
        READ = "read", _("read")
        OPERATE = "operate", _("operate")
        ADMIN = "admin", _("admin")

    user = models.ForeignKey(
        User, models.CASCADE, related_name="api_tokens", verbose_name=_("user")
    )
    name = models.CharField(_("name"), max_length=100, help_text=_("What it is used for."))
    digest = models.CharField(_("digest"), max_length=64, unique=True, editable=False)
    scope = models.CharField(_("scope"), max_length=20, choices=Scope.choices)
    created_at = models.DateTimeField(_("created"), editable=False)
    expires_at = models.DateTimeField(_("expires"))
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")

    def __str__(self) -> str:
        return self.name

    def state_at(self, at: datetime) -> str:
        """``active``, ``expired`` or ``revoked``."""
        if self.revoked_at is not None:
            return "revoked"
        return "active" if self.expires_at > at else "expired"


class Attempt(models.Model):
    """One try of something that is limited; kept for as long as it counts."""

    key = models.CharField(max_length=64)
    at = models.DateTimeField(db_index=True)

    objects = AttemptQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["key", "at"], name="attempt_of_key")]

    def __str__(self) -> str:
        return f"{self.key[:8]} {self.at:%H:%M:%S}"
