"""The inventory: servers, how to sign in to them, and what we could read of each."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from instances.engines import engine_choices, get_engine
from instances.engines.base import Engine, Target
from instances.hosts import HostField
from instances.querysets import (
    CredentialQuerySet,
    DatabaseQuerySet,
    InstanceQuerySet,
    SectionQuerySet,
)
from instances.references import MayNotBeNamed, read_reference, split_reference
from tags.models import Tag
from whalefall.core.encrypted import CannotDecrypt, Ciphertext, EncryptedField
from whalefall.core.errors import WhalefallError
from whalefall.logs import keep_secret


class UnreadableCredential(WhalefallError):
    """A credential's password can't be had; the message names the credential."""

    code = "DATABASE_CONNECTION_ERROR"
    http_status = 409
    category = "external"
    suggestions = ("Enter the password again, or restore the key or file it needs.",)


class Credential(models.Model):
    """A sign-in for monitored servers.

    The password is stored encrypted. ``env:NAME`` and ``file:/path`` are references: the password
    is read from there each time it is needed.
    """

    name = models.CharField(_("name"), max_length=100, unique=True)
    username = models.CharField(_("user name"), max_length=255)
    password = EncryptedField(_("password"))
    description = models.TextField(_("description"), blank=True)
    is_active = models.BooleanField(_("active"), default=True)

    objects = CredentialQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        verbose_name = _("credential")
        verbose_name_plural = _("credentials")

    def __str__(self) -> str:
        return self.name

    def reveal(self) -> str:
        """The password in plain text, known to the log scrubber from here on.

        Raises UnreadableCredential when it can't be decrypted or its reference leads nowhere.
        """
        if not self.is_active:
            raise UnreadableCredential(f"The credential {self.name!r} is switched off.")
        stored = self.stored_text()
        kind, place = split_reference(stored)
        return self._referenced(kind, place) if kind else stored

    def rotated_password(self) -> Ciphertext:
        try:
            return self._ciphertext().rotated()
        except CannotDecrypt:
            raise self._unreadable() from None

    def stored_text(self) -> str:
        """The password, or the reference that stands for it. Raises UnreadableCredential."""
        try:
            return self._ciphertext().decrypt()
        except CannotDecrypt:
            raise self._unreadable() from None

    def _ciphertext(self) -> Ciphertext:
        if not isinstance(self.password, Ciphertext):
            self.refresh_from_db(fields=["password"])
        ciphertext: Ciphertext = self.password
        return ciphertext

    def _unreadable(self) -> UnreadableCredential:
        return UnreadableCredential(
            f"The password of credential {self.name!r} can't be decrypted: none of "
            "WHALEFALL_ENCRYPTION_KEYS fits. Add the old key back, or enter the password again."
        )

    def _referenced(self, kind: str, place: str) -> str:
        named = f"{'variable' if kind == 'env' else 'file'} {place}"
        try:
            value = read_reference(kind, place)
        except MayNotBeNamed:
            raise UnreadableCredential(
                f"The credential {self.name!r} refers to the {named}, which may not be named."
            ) from None
        if not value:
            raise UnreadableCredential(
                f"The credential {self.name!r} refers to the {named}, which is not set, empty, or "
                "not readable by this process."
            )
        return keep_secret(value)


class Instance(models.Model):
    """One database server that Whalefall looks after."""

    class TlsMode(models.TextChoices):
        DISABLE = "disable", _("disable")
        PREFER = "prefer", _("prefer")
        REQUIRE = "require", _("require")
        VERIFY_CA = "verify-ca", _("verify the authority")
        VERIFY_FULL = "verify-full", _("verify the authority and the host name")

    name = models.CharField(_("name"), max_length=100)
    engine = models.CharField(_("engine"), max_length=30, choices=engine_choices)
    host = HostField(_("host"), max_length=255)
    port = models.PositiveIntegerField(_("port"))
    service_name = models.CharField(_("service or first database"), max_length=255, blank=True)
    credential = models.ForeignKey(
        Credential,
        models.PROTECT,
        related_name="instances",
        verbose_name=_("credential"),
    )
    tls_mode = models.CharField(
        _("TLS"), max_length=20, choices=TlsMode.choices, default=TlsMode.PREFER
    )
    tls_ca = models.TextField(
        _("TLS authority file"),
        blank=True,
        help_text=_("The path of a PEM file on the machine that runs the workers."),
    )
    environment = models.CharField(_("environment"), max_length=50, blank=True)
    storage_limit_bytes = models.BigIntegerField(_("storage limit (bytes)"), null=True, blank=True)
    version = models.CharField(_("version"), max_length=200, blank=True, editable=False)
    tags = models.ManyToManyField(Tag, blank=True, related_name="instances", verbose_name=_("tags"))
    is_active = models.BooleanField(_("active"), default=True)
    deleted_at = models.DateTimeField(_("deleted at"), null=True, blank=True, editable=False)
    last_reached_at = models.DateTimeField(
        _("last reached at"), null=True, blank=True, editable=False
    )
    last_error = models.TextField(_("last error"), blank=True, editable=False)
    server_settings = models.JSONField(
        _("settings of the server"), default=dict, blank=True, editable=False
    )

    objects = InstanceQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        verbose_name = _("instance")
        verbose_name_plural = _("instances")
        constraints = (
            models.UniqueConstraint(
                fields=["engine", "host", "port", "service_name"],
                condition=Q(deleted_at=None),
                name="instance_unique_address",
            ),
            models.UniqueConstraint(
                fields=["name"],
                condition=Q(deleted_at=None),
                name="instance_unique_name",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def engine_class(self) -> type[Engine]:
        return get_engine(self.engine)

    def target(self) -> Target:
        """Where and as whom to connect. Raises UnreadableCredential."""
        return Target(
            host=self.host,
            port=self.port,
            username=self.credential.username,
            password=self.credential.reveal(),
            service_name=self.service_name,
            tls_mode=self.tls_mode,
            tls_ca=self.tls_ca,
            connect_timeout_seconds=settings.CONNECT_TIMEOUT_SECONDS,
            statement_timeout_seconds=settings.STATEMENT_TIMEOUT_SECONDS,
        )


class Database(models.Model):
    """A database inside an instance; kept after the server has lost it."""

    instance = models.ForeignKey(Instance, models.CASCADE, related_name="databases")
    name = models.TextField(_("name"))
    native_id = models.TextField(_("native id"), null=True)  # noqa: DJ001 -- NULL = has none
    is_system = models.BooleanField(_("system"), default=False)
    first_seen_at = models.DateTimeField(_("first seen at"))
    removed_at = models.DateTimeField(_("removed at"), null=True)

    objects = DatabaseQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        verbose_name = _("database")
        verbose_name_plural = _("databases")
        constraints = (
            models.UniqueConstraint(
                fields=["instance", "name"],
                condition=Q(removed_at=None),
                name="database_unique_present",
            ),
        )

    def __str__(self) -> str:
        return self.name


class Section(models.Model):
    """A part of an instance's last reading: known as of ``read_at``, or unknown and why."""

    class State(models.TextChoices):
        COMPLETE = "complete", _("complete")
        UNKNOWN = "unknown", _("unknown")

    instance = models.ForeignKey(Instance, models.CASCADE, related_name="sections")
    category = models.CharField(_("category"), max_length=30)
    name = models.CharField(_("section"), max_length=60)
    database = models.TextField(_("database"), blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State.choices)
    reason = models.TextField(_("reason"), blank=True)
    needed_grant = models.TextField(_("statement that helps"), blank=True)
    read_at = models.DateTimeField(_("last read at"), null=True)

    objects = SectionQuerySet.as_manager()

    class Meta:
        ordering = ("category", "database", "name")
        verbose_name = _("section")
        verbose_name_plural = _("sections")
        constraints = (
            models.UniqueConstraint(
                fields=["instance", "category", "name", "database"],
                name="section_unique",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.database})" if self.database else self.name
