"""How a run went, as the commands print it."""

from typing import Any

from sync_sessions.models import SyncRecord, SyncSession


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
    numbers = ", ".join(
        f"{counts[key]} {key}" for key in ("accounts", "added", "removed", "granted", "revoked")
    )
    coverage = f", {unknown} of {counts['sections']} sections unknown" if unknown else ""
    return f"{name}: {numbers} in {seconds:.2f} s{coverage}"
