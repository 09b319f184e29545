"""How far back the edges of the mirror go: what was forgotten must not look like nothing."""

from datetime import date, datetime, time
from uuid import UUID

from django.utils import timezone

from sync_sessions.models import SyncRecord, SyncSession
from whalefall.core.errors import WhalefallError

# In the counts of a clean-up's record: the day, as 20261123, before which edges may be gone.
KEPT_SINCE = "history_since"


class HistoryForgotten(WhalefallError):
    """Grants of that moment have been cleaned up, so an answer would show too little."""

    code = "SNAPSHOT_MISSING"
    http_status = 409
    category = "conflict"
    suggestions = ("Ask about a later moment, or keep more: HISTORY_RETENTION_DAYS.",)


def check_kept(at: datetime) -> None:
    """Raises HistoryForgotten when edges that held at ``at`` may be gone."""
    since = kept_since()
    if since is not None and at < since:
        raise HistoryForgotten(
            f"What accounts might do is kept since {since:%Y-%m-%d}. What held before and ended "
            "before is cleaned up, so nobody can say it any more."
        )


def kept_since() -> datetime | None:
    """The moment since which every edge is there; None when none was ever cleaned up."""
    marks = _marks()
    if not marks:
        return None
    day = date.fromisoformat(str(max(marks.values())))
    return timezone.make_aware(datetime.combine(day, time()))


def marking_session() -> set[UUID]:
    """The session that says since when history is kept, if any; it must outlive the others."""
    marks = _marks()
    return {max(marks, key=lambda session: marks[session])} if marks else set()


def as_mark(moment: datetime) -> int:
    return int(f"{timezone.localdate(moment):%Y%m%d}")


def _marks() -> dict[UUID, int]:
    """``{session: mark}`` of the clean-ups that have one, the newest first."""
    marked = SyncRecord.objects.filter(
        category=SyncSession.Category.CLEAN_UP, counts__has_key=KEPT_SINCE
    ).order_by("-pk")
    return dict(marked.values_list("session", f"counts__{KEPT_SINCE}"))
