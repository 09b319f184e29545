"""Every batch that Whalefall runs, with one record per instance and what was said meanwhile."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from instances.models import Instance
from sync_sessions.querysets import (
    SyncEventQuerySet,
    SyncRecordQuerySet,
    SyncSessionQuerySet,
)


class SyncSession(models.Model):
    """One batch of work over some instances, or over the whole fleet.

    ``task`` is the dotted path of the function that works on a chunk of its records. How far it
    is, is counted from its records, never stored. ``schedule`` is the name of the schedule that it
    is a run of, or ""; ``retry_of`` the session whose failed records it runs again.
    """

    class Category(models.TextChoices):
        ACCOUNTS = "accounts", _("accounts")
        CAPACITY = "capacity", _("capacity")
        AGGREGATION = "aggregation", _("aggregation")
        FORECAST = "forecast", _("forecast")
        PARTITIONS = "partitions", _("partitions")
        CLEAN_UP = "clean_up", _("clean-up")
        CLASSIFICATION = "classification", _("classification")

    class Trigger(models.TextChoices):
        ADMIN = "admin", _("admin")
        API = "api", _("API")
        COMMAND = "command", _("command")
        SCHEDULE = "schedule", _("schedule")

    class Status(models.TextChoices):
        PENDING = "pending", _("pending")
        RUNNING = "running", _("running")
        COMPLETED = "completed", _("completed")
        PARTIAL = "partial", _("partial")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    category = models.CharField(_("category"), max_length=30, choices=Category.choices)
    task = models.CharField(_("task"), max_length=200)
    trigger = models.CharField(_("trigger"), max_length=10, choices=Trigger.choices)
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.PENDING
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("requested by"),
    )
    schedule = models.CharField(_("schedule"), max_length=100, blank=True, default="")
    retry_of = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        related_name="retries",
        verbose_name=_("runs again"),
    )
    created_at = models.DateTimeField(_("created at"))
    started_at = models.DateTimeField(_("started at"), null=True)
    finished_at = models.DateTimeField(_("finished at"), null=True)
    cancel_requested_at = models.DateTimeField(_("cancel requested at"), null=True)

    objects = SyncSessionQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        constraints = (
            models.UniqueConstraint(
                fields=["schedule"],
                condition=Q(status__in=["pending", "running"]) & ~Q(schedule=""),
                name="session_of_schedule_open_alone",
            ),
        )
        indexes = (
            models.Index(fields=["created_at"], name="session_created"),
            models.Index(
                fields=["schedule", "created_at"],
                condition=~Q(schedule=""),
                name="session_of_schedule",
            ),
        )

    def __str__(self) -> str:
        return f"{self.category} {self.created_at:%Y-%m-%d %H:%M}"


class SyncRecord(models.Model):
    """What a session did on one instance (none: on the whole fleet), and how that ended."""

    class Status(models.TextChoices):
        PENDING = "pending", _("pending")
        RUNNING = "running", _("running")
        COMPLETED = "completed", _("completed")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    session = models.ForeignKey(SyncSession, models.CASCADE, related_name="records")
    instance = models.ForeignKey(
        Instance,
        models.CASCADE,
        null=True,
        related_name="records",
        verbose_name=_("instance"),
    )
    category = models.CharField(_("category"), max_length=30, choices=SyncSession.Category.choices)
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.PENDING
    )
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=0)
    lease_until = models.DateTimeField(_("lease until"), null=True)
    started_at = models.DateTimeField(_("started at"), null=True)
    finished_at = models.DateTimeField(_("finished at"), null=True)
    counts: "models.JSONField[Any, Any]" = models.JSONField(_("counts"), default=dict)
    coverage = models.FloatField(_("coverage"), null=True)
    error_code = models.CharField(_("error code"), max_length=40, blank=True)
    error_message = models.TextField(_("error"), blank=True)
    timings: "models.JSONField[Any, Any]" = models.JSONField(_("timings"), default=dict)

    objects = SyncRecordQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        verbose_name = _("record")
        verbose_name_plural = _("records")
        constraints = (
            models.UniqueConstraint(fields=["session", "instance"], name="record_per_instance"),
            models.UniqueConstraint(
                fields=["instance", "category"],
                condition=Q(status="running", instance__isnull=False),
                name="record_running_alone",
            ),
            models.UniqueConstraint(
                fields=["category"],
                condition=Q(status="running", instance__isnull=True),
                name="record_fleet_running_alone",
            ),
        )
        indexes = (
            models.Index(
                fields=["status", "lease_until"],
                condition=Q(status__in=["pending", "running"]),
                name="record_open",
            ),
        )

    def __str__(self) -> str:
        return f"{self.instance or _('whole fleet')}: {self.status}"


class SyncEvent(models.Model):
    """One thing that was logged while a record ran."""

    session = models.ForeignKey(SyncSession, models.CASCADE, related_name="events")
    record = models.ForeignKey(SyncRecord, models.CASCADE, null=True, related_name="events")
    level = models.CharField(_("level"), max_length=10)
    event = models.TextField(_("event"))
    fields: "models.JSONField[Any, Any]" = models.JSONField(_("fields"), default=dict)
    at = models.DateTimeField(_("at"))

    objects = SyncEventQuerySet.as_manager()

    class Meta:
        ordering = ("at", "pk")
        verbose_name = _("event")
        verbose_name_plural = _("events")

    def __str__(self) -> str:
        return f"{self.at:%H:%M:%S} {self.event}"
