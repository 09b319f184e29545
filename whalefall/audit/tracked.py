"""What is audited: fields that people change. What a server tells of itself is nobody's change."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tracked:
    """``fields`` are written into an entry, of ``secrets`` only that they changed."""

    fields: tuple[str, ...]
    secrets: tuple[str, ...] = ()
    many: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()
    """The rest, so that a new field belongs to one or the other."""


TRACKED = {
    "instances.Instance": Tracked(
        fields=(
            *("name", "engine", "host", "port", "service_name", "credential"),
            *("tls_mode", "tls_ca", "environment", "storage_limit_bytes", "is_active"),
            "deleted_at",
        ),
        many=("tags",),
        untold=("id", "version", "last_reached_at", "last_error", "server_settings"),
    ),
    "instances.Credential": Tracked(
        fields=("name", "username", "description", "is_active"),
        secrets=("password",),
        untold=("id",),
    ),
    "tags.Tag": Tracked(fields=("name", "category"), untold=("id",)),
    "accounts.Classification": Tracked(
        fields=("code", "name", "description", "risk_level", "colour", "priority"),
        untold=("id", "is_system"),
    ),
    "accounts.ClassificationRule": Tracked(
        fields=(
            *("classification", "version", "name", "engine", "expression"),
            *("is_active", "is_policy", "superseded_at"),
        ),
        untold=("id", "group", "is_system", "created_by", "created_at"),
    ),
    "accounts.Assignment": Tracked(
        fields=("account", "classification", "revoked_at"),
        untold=("id", "rule", "is_manual", "assigned_by", "assigned_at"),
    ),
    "django_q.Schedule": Tracked(
        fields=("name", "func", "schedule_type", "cron", "repeats"),
        untold=(
            *("id", "hook", "args", "kwargs", "minutes", "next_run", "task", "cluster"),
            "intended_date_kwarg",
        ),
    ),
    "users.ApiToken": Tracked(
        fields=("name", "user", "scope", "expires_at", "revoked_at"),
        untold=("id", "digest", "created_at", "last_used_at"),
    ),
    "users.User": Tracked(
        fields=(
            *("username", "first_name", "last_name", "email"),
            *("is_active", "is_staff", "is_superuser"),
        ),
        secrets=("password",),
        many=("groups", "user_permissions"),
        untold=("id", "last_login", "date_joined"),
    ),
}
