"""How a value looks on a page. What is unknown never looks like "no", zero or nothing."""

from datetime import datetime, timedelta
from math import floor
from typing import Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince, timeuntil
from django.utils.timezone import localtime
from django.utils.timezone import now as timezone_now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

KIB = 1024
MINUS = "\N{MINUS SIGN}"
UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB")

# A status or kind, and how loud it is; what is not listed is quiet.
TONES = {
    "completed": "good",
    "accepted": "good",
    "complete": "good",
    "running": "info",
    "partial": "warn",
    "unknown": "warn",
    "warning": "warn",
    "revoked": "warn",
    "removed": "warn",
    "failed": "bad",
    "error": "bad",
    "critical": "bad",
    "expired": "bad",
    "absent": "bad",
    "expiring": "warn",
}


def unknown(why: str = "") -> SafeString:
    return format_html(
        '<span class="wf-unknown" title="{}">–</span>',
        f"{_('unknown')}: {why}" if why else _("unknown"),
    )


def badge(text: object, tone: str = "") -> SafeString:
    return format_html('<span class="wf-badge wf-{}">{}</span>', tone or "quiet", text)


def status_badge(code: str, text: object) -> SafeString:
    return badge(text, TONES.get(code, ""))


def yes_no(value: bool | None, *, alarming: bool = False) -> SafeString:
    """Yes, no, or a dash that says "unknown"; ``alarming`` makes a yes stand out."""
    if value is None:
        return unknown()
    if value:
        return badge(_("yes"), "bad" if alarming else "info")
    return format_html('<span class="wf-no">{}</span>', _("no"))


def moment(value: datetime | None, *, never: str = "") -> SafeString:
    """How long ago, with the exact time behind it; ``never`` is what a missing one means."""
    if value is None:
        return format_html('<span class="wf-unknown">{}</span>', never) if never else unknown()
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        value.isoformat(),
        f"{localtime(value):%Y-%m-%d %H:%M:%S %Z}",
        _away(value),
    )


def _away(value: datetime) -> str:
    now = timezone_now()
    if abs(now - value) < timedelta(minutes=1):
        return _("just now")
    if value > now:
        return _("in %(time)s") % {"time": timeuntil(value, depth=1)}
    return _("%(time)s ago") % {"time": timesince(value, depth=1)}


def object_url(row: Model) -> str:
    """The address of a row's page in the console."""
    return row_url(row._meta.app_label, row._meta.model_name or "", row.pk)


def row_url(app: str, model: str, pk: int | UUID) -> str:
    return reverse(f"admin:{app}_{model}_change", args=[pk])


def link(row: Model, text: object = "") -> SafeString:
    return format_html('<a class="wf-link" href="{}">{}</a>', object_url(row), text or str(row))


def page_of(request: HttpRequest, rows: Any, parameter: str, size: int = 100) -> "Page[Any]":
    """The part of ``rows``, which have a length and are sliced, that ``?parameter=`` asks for.

    It knows how many there are in all.
    """
    page: Page[Any] = Paginator(rows, size).get_page(request.GET.get(parameter))
    page.parameter = parameter  # type: ignore[attr-defined]
    return page


def coverage_text(known: int, total: int) -> SafeString:
    """Known sections of all sections; what was never read has no number."""
    if not total:
        return badge(_("never read"), "warn")
    text = _("%(known)s of %(total)s") % {"known": known, "total": total}
    mark = badge(text, "good" if known == total else "warn")
    return format_html('<span title="{}">{}</span>', _("known sections of all"), mark)


def share_text(coverage: float | None) -> SafeString:
    """A share of sections as a percentage, rounded down: 99.9 % is not all."""
    if coverage is None:
        return unknown()
    return badge(f"{floor(coverage * 100 + 1e-9)} %", "good" if coverage >= 1 else "warn")


def seconds_between(start: datetime | None, end: datetime | None) -> SafeString | str:
    if start is None or end is None:
        return unknown()
    return f"{(end - start).total_seconds():.1f} s"


def bytes_text(value: int | None, *, signed: bool = False) -> SafeString:
    """A size in binary units, the exact number behind it; ``signed`` for a change."""
    if value is None:
        return unknown()
    exact = ngettext("%(number)s byte", "%(number)s bytes", abs(value)) % {
        "number": f"{value:+,}" if signed else f"{value:,}"
    }
    text = human_bytes(value)
    if not signed:
        return format_html('<span class="wf-number" title="{}">{}</span>', exact, text)
    return _change(value, f"+{text}" if value > 0 else text, exact)


def percent_text(value: float | None) -> SafeString:
    """A change in percent."""
    if value is None:
        return unknown()
    shown = f"{value:+.1f} %" if abs(value) < 1000 else f"{value:+,.0f} %"
    if value == 0:
        shown = "0.0 %"
    return _change(value, shown.replace("-", MINUS), f"{value:+} %")


def _change(value: float, text: str, exact: str) -> SafeString:
    """With an arrow, so that the colour is not all that tells up from down."""
    arrow, kind = ("▲", "up") if value > 0 else ("▼", "down") if value < 0 else ("=", "same")
    return format_html(
        '<span class="wf-number wf-{}" title="{}"><span aria-hidden="true">{}</span> {}</span>',
        *(kind, exact, arrow, text),
    )


def human_bytes(value: int) -> str:
    """``1.5 GiB``; a minus is a real one."""
    number, sign = float(abs(value)), MINUS if value < 0 else ""
    if number < KIB:
        return f"{sign}{number:.0f} B"
    for unit in UNITS:
        number /= KIB
        digits = 1 if number < 99.95 else 0
        if round(number, digits) < KIB or unit == UNITS[-1]:
            break
    return f"{sign}{number:.{digits}f} {unit}"
