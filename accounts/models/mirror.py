"""The mirror: accounts, what they may do as edges in time, and every change that was seen."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from accounts.querysets import (
    AccountChangeQuerySet,
    AccountQuerySet,
    GrantQuerySet,
    HeldReadingQuerySet,
    MembershipQuerySet,
    SecurableQuerySet,
)
from instances.models import Instance
from sync_sessions.models import SyncRecord, SyncSession

# A NULL grantor counts as one of its own; NULLS NOT DISTINCT is unknown to SQLite.
GRANTOR_OR_NONE = Coalesce(F("grantor"), Value(0), output_field=models.BigIntegerField())


class Account(models.Model):
    """A database account, role or group on one server; a person who signs in here is a ``User``.

    NULL in a fact means that the server did not tell. The server owns this row: only a sync
    writes it.
    """

    class Kind(models.TextChoices):
        USER = "user", _("user")
        ROLE = "role", _("role")
        GROUP = "group", _("group")
        PUBLIC = "public", _("everybody")

    instance = models.ForeignKey(
        Instance, models.CASCADE, related_name="accounts", verbose_name=_("instance")
    )
    name = models.TextField(_("name"))
    native_id = models.TextField(_("native id"), null=True)  # noqa: DJ001 -- NULL = has none
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    is_system = models.BooleanField(_("system"), default=False)
    can_login = models.BooleanField(_("can log in"), null=True)
    is_superuser = models.BooleanField(_("superuser"), null=True)
    is_locked = models.BooleanField(_("locked"), null=True)
    attributes: "models.JSONField[Any, Any]" = models.JSONField(_("attributes"), default=dict)
    facts: "models.JSONField[Any, Any]" = models.JSONField(_("facts"), default=dict)
    facts_version = models.PositiveSmallIntegerField(_("version of the facts"), default=0)
    fingerprint = models.CharField(_("fingerprint"), max_length=64, blank=True)
    password_changed_at = models.DateTimeField(_("password changed at"), null=True)
    password_expires_at = models.DateTimeField(_("password expires at"), null=True)
    last_login_at = models.DateTimeField(_("last login at"), null=True)
    first_seen_at = models.DateTimeField(_("first seen at"))
    removed_at = models.DateTimeField(_("removed at"), null=True)

    objects = AccountQuerySet.as_manager()

    class Meta:
        ordering = ("instance", "name")
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        constraints = (
            models.UniqueConstraint(
                fields=["instance", "name"],
                condition=Q(removed_at=None),
                name="account_unique_present",
            ),
        )
        indexes = (
            # The key last: counts and joins need not touch the rows, which are wide.
            models.Index(
                fields=["facts_version", "instance", "id"],
                condition=Q(removed_at=None),
                name="account_present",
            ),
            models.Index(
                fields=["instance"],
                condition=Q(removed_at=None, is_superuser=True),
                name="account_superuser",
            ),
            models.Index(
                fields=["name", "id", "instance", "is_locked"],
                condition=Q(removed_at=None, is_system=False),
                name="account_listed",
            ),
        )

    def __str__(self) -> str:
        return self.name


class Edge(models.Model):
    """Something that held from ``valid_from`` until ``valid_to`` (NULL: it still holds).

    An edge is closed, never rewritten.
    """

    valid_from = models.DateTimeField(_("since"))
    valid_to = models.DateTimeField(_("until"), null=True)

    class Meta:
        abstract = True


class Membership(Edge):
    """``member`` has ``role``, as given by ``grantor`` (NULL: the server keeps none)."""

    member = models.ForeignKey(Account, models.CASCADE, related_name="memberships")
    role = models.ForeignKey(Account, models.CASCADE, related_name="members")
    grantor = models.ForeignKey(Account, models.CASCADE, null=True, related_name="+")
    admin_option = models.BooleanField(_("may pass it on"), default=False)
    inherits = models.BooleanField(_("inherits"), default=True)
    can_set = models.BooleanField(_("may SET ROLE"), default=True)
    is_default = models.BooleanField(_("active after login"), default=False)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = (
            models.UniqueConstraint(
                F("member"),
                F("role"),
                GRANTOR_OR_NONE,
                condition=Q(valid_to=None),
                name="membership_unique_open",
            ),
        )
        indexes = (
            models.Index(
                fields=["valid_to"],
                condition=Q(valid_to__isnull=False),
                name="membership_closed",
            ),
        )

    def __str__(self) -> str:
        return f"{self.member} ∈ {self.role}"


class Securable(models.Model):
    """A thing that privileges are about, stored once. A part its scope does not have is ''.

    ``digest`` is the identity: the parts themselves can be longer than an index allows.
    """

    instance = models.ForeignKey(Instance, models.CASCADE, related_name="securables")
    scope = models.CharField(_("scope"), max_length=30)
    database = models.TextField(_("database"), blank=True)
    schema = models.TextField(_("schema"), blank=True)
    name = models.TextField(_("object"), blank=True)
    column = models.TextField(_("column"), blank=True)
    digest = models.CharField(max_length=64, editable=False)

    objects = SecurableQuerySet.as_manager()

    class Meta:
        verbose_name = _("securable")
        verbose_name_plural = _("securables")
        constraints = (
            models.UniqueConstraint(fields=["instance", "digest"], name="securable_unique"),
        )

    def __str__(self) -> str:
        parts = [part for part in (self.database, self.schema, self.name, self.column) if part]
        return ".".join(parts) or str(_("whole server"))


class Grant(Edge):
    """One privilege of one account on one thing, given by one grantor, for a span of time.

    The same privilege from two grantors is two edges. An ownership is an edge with ``is_owner``.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="grants")
    securable = models.ForeignKey(Securable, models.CASCADE, related_name="grants", db_index=False)
    privilege = models.CharField(_("privilege"), max_length=100)
    grantor = models.ForeignKey(
        Account, models.CASCADE, null=True, related_name="+", db_index=False
    )
    grantable = models.BooleanField(_("may pass it on"), default=False)
    is_denied = models.BooleanField(_("denied"), default=False)
    is_owner = models.BooleanField(_("owner"), default=False)

    objects = GrantQuerySet.as_manager()

    class Meta:
        verbose_name = _("grant")
        verbose_name_plural = _("grants")
        constraints = (
            models.UniqueConstraint(
                F("account"),
                F("securable"),
                F("privilege"),
                F("is_denied"),
                GRANTOR_OR_NONE,
                condition=Q(valid_to=None),
                name="grant_unique_open",
            ),
        )
        indexes = (
            models.Index(fields=["securable", "privilege"], name="grant_on_securable"),
            models.Index(
                fields=["valid_to"], condition=Q(valid_to__isnull=False), name="grant_closed"
            ),
            models.Index(
                fields=["grantor"], condition=Q(grantor__isnull=False), name="grant_by_grantor"
            ),
            models.Index(
                fields=["privilege", "account"],
                condition=Q(valid_to=None),
                name="grant_open_by_privilege",
            ),
        )

    def __str__(self) -> str:
        return f"{self.account}: {self.privilege} on {self.securable}"


class AccountChange(models.Model):
    """One thing that became different about an account, between two readings.

    ``diff``: ``{"grants": [edge…], "memberships": [edge…], "attributes": {name: [before, after]}}``
    with the keys that apply; edges in the words of ``accounts.diffs``.
    """

    class Kind(models.TextChoices):
        ADDED = "added", _("added")
        REMOVED = "removed", _("removed")
        RESTORED = "restored", _("restored")
        RENAMED = "renamed", _("renamed")
        RECREATED = "recreated", _("dropped and created again")
        GRANTED = "granted", _("granted")
        REVOKED = "revoked", _("revoked")
        ATTRIBUTES = "attributes", _("attributes changed")

    class Cause(models.TextChoices):
        OBSERVED = "observed", _("changed on the server")
        FIRST_SEEN = "first_seen", _("first reading of the server")
        ENGINE_UPGRADE = "engine_upgrade", _("upgrade of the server")
        VISIBILITY = "visibility", _("our login sees more or less")

    account = models.ForeignKey(Account, models.CASCADE, related_name="changes")
    session = models.ForeignKey(SyncSession, models.SET_NULL, null=True, related_name="+")
    kind = models.CharField(_("change"), max_length=12, choices=Kind.choices)
    diff: "models.JSONField[Any, Any]" = models.JSONField(_("difference"), default=dict)
    cause = models.CharField(_("cause"), max_length=16, choices=Cause.choices)
    occurred_at = models.DateTimeField(_("seen at"))

    objects = AccountChangeQuerySet.as_manager()

    class Meta:
        ordering = ("-occurred_at", "-pk")
        verbose_name = _("account change")
        verbose_name_plural = _("account changes")
        indexes = (models.Index(fields=["occurred_at"], name="change_occurred"),)

    def __str__(self) -> str:
        return f"{self.account} {self.kind}"


class HeldReading(models.Model):
    """A reading that the breaker did not believe. Accepting applies it as it was read."""

    class Decision(models.TextChoices):
        PENDING = "pending", _("waits for a decision")
        ACCEPTED = "accepted", _("accepted")
        REJECTED = "rejected", _("rejected")
        SUPERSEDED = "superseded", _("overtaken by a newer reading")

    record = models.OneToOneField(SyncRecord, models.CASCADE, related_name="held_reading")
    reading: "models.JSONField[Any, Any]" = models.JSONField(_("reading"))
    summary: "models.JSONField[Any, Any]" = models.JSONField(_("summary"))
    decision = models.CharField(
        _("decision"), max_length=10, choices=Decision.choices, default=Decision.PENDING
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    decided_at = models.DateTimeField(_("decided at"), null=True)

    objects = HeldReadingQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("held reading")
        verbose_name_plural = _("held readings")

    def __str__(self) -> str:
        return f"{self.record.instance}: {self.decision}"
