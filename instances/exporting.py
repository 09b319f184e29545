"""Instances as a file that an import takes again; no password is ever in it."""

from instances.models import Instance
from whalefall.core.exports import UNKNOWN, Columns, line_of


def tags_of(instance: Instance) -> str:
    return line_of(tag.name for tag in instance.tags.all())


EXPORTED: Columns = {
    "name": lambda one: one.name,
    "engine": lambda one: one.engine,
    "host": lambda one: one.host,
    "port": lambda one: one.port,
    "service_name": lambda one: one.service_name,
    "credential": lambda one: one.credential.name,
    "tls_mode": lambda one: one.tls_mode,
    "tls_ca": lambda one: one.tls_ca,
    "environment": lambda one: one.environment,
    "storage_limit_bytes": lambda one: one.storage_limit_bytes,
    "tags": tags_of,
    "is_active": lambda one: one.is_active,
    "version": lambda one: one.version or UNKNOWN,
    "last_reached_at": lambda one: one.last_reached_at or "never",
    "last_error": lambda one: one.last_error,
}
