"""The one way to go on after an error: visibly."""

from enum import StrEnum
from typing import Any

import structlog

log = structlog.get_logger(__name__)


class FallbackReason(StrEnum):
    """Every reason for which Whalefall continues with a default, a skip or a part of the data."""

    AGGREGATES_NOT_REFRESHED = "aggregates_not_refreshed"
    HEALTH_UNKNOWN = "health_unknown"
    ORPHAN_EDGE = "orphan_edge"
    PERMISSION_FACTS_MISSING = "permission_facts_missing"
    READER_ABANDONED = "reader_abandoned"
    RECEIVER_FAILED = "receiver_failed"
    SECTION_UNKNOWN = "section_unknown"


def log_fallback(event: str, reason: FallbackReason, **fields: Any) -> None:
    log.warning(event, fallback=True, fallback_reason=reason.value, **fields)
