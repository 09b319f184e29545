"""How a run went, as the commands print it."""

from typing import Any

from sync_sessions.models import SyncRecord, SyncSession
from whalefall.core.display import human_bytes

# What a line tells, where that is not everything that was counted.
TOLD = {
    SyncSession.Category.ACCOUNTS: ("accounts", "added", "removed", "granted", "revoked"),
    SyncSession.Category.CLASSIFICATION: (
        *("accounts", "rules", "assigned", "revoked", "facts_missing"),
    ),
    SyncSession.Category.CAPACITY: (
        *("databases", "added", "removed", "unmeasured", "total_bytes", "tables", "table_changes"),
    ),
    SyncSession.Category.FORECAST: (
        *("forecasts", "growing", "not_growing", "not_enough_data", "graded"),
    ),
}
OF_SECTIONS = {"sections", "unknown_sections"}


def run_document(session: SyncSession) -> dict[str, Any]:
    """``{session_id, status, records: […]}``, the ``--json`` of every command that runs."""
    records = session.records.select_related("instance").order_by("pk")
    return {
        "session_id": str(session.pk),
        "status": session.status,
        "records": [record_document(record) for record in records],
    }


def record_document(record: SyncRecord) -> dict[str, Any]:
    timings = record.timings
    return {
        "instance": record.instance.name if record.instance else None,
        "status": record.status,
        "coverage": record.coverage,
        "counts": record.counts,
        "seconds": {name: timings.get(name) for name in ("read", "write", "total")},
        "statements": {
            "remote": timings.get("remote_statements"),
            "own": timings.get("own_statements"),
        },
        "error_code": record.error_code,
        "error_message": record.error_message,
    }


def record_line(record: SyncRecord) -> str:
    """One line for a terminal: what was done, or the code and message of what went wrong."""
    name = record.instance or "whole fleet"
    if record.status != SyncRecord.Status.COMPLETED:
        return f"{name}: {record.status} {record.error_code} {record.error_message}".rstrip()
    counts, seconds = record.counts, record.timings.get("total", 0)
    unknown = counts.get("unknown_sections", 0)
    told = TOLD.get(SyncSession.Category(record.category), tuple(counts))
    numbers = [number(key, counts[key]) for key in told if key in counts and key not in OF_SECTIONS]
    coverage = f", {unknown} of {counts['sections']} sections unknown" if unknown else ""
    suspect = ", suspect: less than half of the size before" if counts.get("suspect") else ""
    return f"{name}: {', '.join(numbers) or 'done'} in {seconds:.2f} s{coverage}{suspect}"


def number(key: str, value: int) -> str:
    """``4 databases``, ``1.5 GiB total``."""
    if key.endswith("_bytes"):
        return f"{human_bytes(value)} {key.removesuffix('_bytes')}"
    return f"{value} {key.replace('_', ' ')}"
