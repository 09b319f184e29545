"""An entry of the audit log in words. Nobody writes one by hand, and nobody changes one."""

import json
from typing import Any

from auditlog.models import LogEntry

from whalefall.core.exports import Columns

ACTIONS = {
    LogEntry.Action.CREATE: "create",
    LogEntry.Action.UPDATE: "update",
    LogEntry.Action.DELETE: "delete",
}


def actor_of(entry: Any) -> str | None:
    """The name that the actor had then; None where no person acted."""
    name: str | None = origin_of(entry).get("user")
    return name


def origin_of(entry: Any) -> dict[str, str]:
    return entry.additional_data or {}


def origin_text(entry: Any) -> str:
    """``api``, ``console``, ``worker``, or the command and who of the machine ran it."""
    origin = origin_of(entry)
    parts = (origin.get("source", ""), origin.get("command", ""), origin.get("system_user", ""))
    return " ".join(part for part in parts if part)


EXPORTED: Columns = {
    "at": lambda entry: entry.timestamp,
    "actor": actor_of,
    "origin": origin_text,
    "address": lambda entry: entry.remote_addr,
    "action": lambda entry: ACTIONS[entry.action],
    "object_type": lambda entry: entry.content_type.model,
    "object_id": lambda entry: entry.object_pk,
    "object_name": lambda entry: entry.object_repr,
    "changes": lambda entry: json.dumps(entry.changes, ensure_ascii=False),
    "request_id": lambda entry: entry.cid,
}
