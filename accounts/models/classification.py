"""Classes of accounts: what they are, the rules that find them, and who is in which."""

import uuid
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models.mirror import Account
from accounts.querysets import (
    AssignmentQuerySet,
    ClassificationDayQuerySet,
    ClassificationQuerySet,
    ClassificationRuleQuerySet,
)


class Classification(models.Model):
    """A kind of account that matters to a DBA: superuser, dormant, service account."""

    code = models.SlugField(_("code"), max_length=60, unique=True)
    name = models.CharField(_("name"), max_length=100)
    description = models.TextField(_("description"), blank=True)
    risk_level = models.PositiveSmallIntegerField(
        _("risk"),
        default=3,
        validators=[MinValueValidator(1), MaxValueValidator(6)],
        help_text=_("1 is harmless, 6 is critical."),
    )
    colour = models.CharField(_("colour"), max_length=20, blank=True)
    priority = models.PositiveSmallIntegerField(
        _("priority"), default=100, help_text=_("The lowest number is shown first.")
    )
    is_system = models.BooleanField(_("ships with Whalefall"), default=False, editable=False)

    objects = ClassificationQuerySet.as_manager()

    class Meta:
        ordering = ("priority", "name")
        verbose_name = _("classification")
        verbose_name_plural = _("classifications")

    def __str__(self) -> str:
        return self.name


class ClassificationRule(models.Model):
    """One version of a rule: accounts that ``expression`` matches belong to ``classification``.

    Versions of one rule share ``group``; all but the newest are superseded. ``engine`` '' is every
    engine. An account that a policy matches is a violation.
    """

    classification = models.ForeignKey(
        Classification, models.CASCADE, related_name="rules", verbose_name=_("classification")
    )
    group = models.UUIDField(_("rule"), default=uuid.uuid4, editable=False)
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    name = models.CharField(_("name"), max_length=100)
    engine = models.CharField(_("engine"), max_length=30, blank=True)
    expression: "models.JSONField[Any, Any]" = models.JSONField(_("expression"))
    is_active = models.BooleanField(_("active"), default=True)
    is_policy = models.BooleanField(
        _("policy"), default=False, help_text=_("An account that it matches violates the policy.")
    )
    is_system = models.BooleanField(_("ships with Whalefall"), default=False, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(_("created at"), editable=False)
    superseded_at = models.DateTimeField(_("superseded at"), null=True, editable=False)

    objects = ClassificationRuleQuerySet.as_manager()

    class Meta:
        ordering = ("classification", "name", "-version")
        verbose_name = _("classification rule")
        verbose_name_plural = _("classification rules")
        constraints = (
            models.UniqueConstraint(fields=["group", "version"], name="rule_version_unique"),
            models.UniqueConstraint(
                fields=["group"], condition=Q(superseded_at=None), name="rule_current_unique"
            ),
            models.UniqueConstraint(
                fields=["name"], condition=Q(superseded_at=None), name="rule_name_unique"
            ),
        )

    def __str__(self) -> str:
        return self.name


class Assignment(models.Model):
    """``account`` belongs to ``classification`` since ``assigned_at``, by a rule or by hand."""

    account = models.ForeignKey(
        Account, models.CASCADE, related_name="assignments", verbose_name=_("account")
    )
    classification = models.ForeignKey(
        Classification,
        models.CASCADE,
        related_name="assignments",
        verbose_name=_("classification"),
    )
    rule = models.ForeignKey(
        ClassificationRule,
        models.CASCADE,
        null=True,
        related_name="assignments",
        verbose_name=_("rule"),
        help_text=_("The version that matched; none when it was assigned by hand."),
    )
    is_manual = models.BooleanField(_("by hand"), default=False)
    assigned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    assigned_at = models.DateTimeField(_("since"))
    revoked_at = models.DateTimeField(_("until"), null=True)

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("assignment")
        verbose_name_plural = _("assignments")
        constraints = (
            models.UniqueConstraint(
                fields=["account", "rule"],
                condition=Q(revoked_at=None, rule__isnull=False),
                name="assignment_unique_rule",
            ),
            models.UniqueConstraint(
                fields=["account", "classification"],
                condition=Q(revoked_at=None, is_manual=True),
                name="assignment_unique_manual",
            ),
            models.CheckConstraint(
                condition=Q(is_manual=True, rule=None) | Q(is_manual=False, rule__isnull=False),
                name="assignment_by_rule_or_hand",
            ),
        )
        indexes = (
            models.Index(
                fields=["classification"],
                condition=Q(revoked_at=None),
                name="assignment_open",
            ),
        )

    def __str__(self) -> str:
        return f"{self.account}: {self.classification}"


class ClassificationDay(models.Model):
    """How many accounts a classification had on a business day; by a rule, or (NULL) in all."""

    classification = models.ForeignKey(
        Classification, models.CASCADE, related_name="days", verbose_name=_("classification")
    )
    rule = models.ForeignKey(
        ClassificationRule, models.CASCADE, null=True, related_name="days", verbose_name=_("rule")
    )
    day = models.DateField(_("day"))
    accounts = models.PositiveIntegerField(_("accounts"))

    objects = ClassificationDayQuerySet.as_manager()

    class Meta:
        ordering = ("-day",)
        verbose_name = _("classification by day")
        verbose_name_plural = _("classifications by day")
        constraints = (
            models.UniqueConstraint(
                fields=["classification", "day"],
                condition=Q(rule=None),
                name="classification_day_unique",
            ),
            models.UniqueConstraint(
                fields=["rule", "day"],
                condition=Q(rule__isnull=False),
                name="classification_day_rule_unique",
            ),
        )

    def __str__(self) -> str:
        return f"{self.classification} {self.day}: {self.accounts}"
