"""The helpers of ``whalefall.core.display`` in templates."""

import json
from datetime import datetime
from typing import Any

from django import template
from django.core.paginator import Page
from django.db.models import Model
from django.utils.safestring import SafeString

from whalefall.core import display

register = template.Library()

register.filter("object_url", display.object_url)


def known(value: Any) -> Any:
    """A part of what is not there is "" in a template, and unknown for us."""
    return None if value == "" else value


@register.filter
def yes_no(value: bool | None) -> SafeString:
    return display.yes_no(known(value))


@register.filter
def alarm(value: bool | None) -> SafeString:
    return display.yes_no(known(value), alarming=True)


@register.filter
def ago(value: datetime | None, never: str = "") -> SafeString:
    return display.moment(value, never=never)


@register.filter
def size(value: Any) -> SafeString:
    return display.bytes_text(known(value))


@register.filter
def change(value: Any) -> SafeString:
    """A change in bytes."""
    return display.bytes_text(known(value), signed=True)


@register.filter
def percent(value: Any) -> SafeString:
    return display.percent_text(known(value))


@register.filter
def status(row: Model, field: str = "status") -> SafeString:
    """The badge of a choice field."""
    text = getattr(row, f"get_{field}_display")()
    return display.status_badge(getattr(row, field), text)


@register.filter
def tone(code: str) -> SafeString:
    return display.status_badge(code, code)


@register.filter
def or_unknown(value: object) -> object:
    return display.unknown() if value is None or value == "" else value


@register.filter
def as_json(value: object) -> str:
    """A JSON value in one readable line; a bare text stands without quotes."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


@register.inclusion_tag("console/pager.html", takes_context=True)
def pager(context: dict[str, Any], page: "Page[Any]") -> dict[str, Any]:
    """Links to the other pages of ``page``, keeping the rest of the address."""
    query = context["request"].GET.copy()
    parameter = page.parameter  # type: ignore[attr-defined]

    def address(number: int) -> str:
        query[parameter] = str(number)
        return f"?{query.urlencode()}#{parameter}"

    return {
        "page": page,
        "previous": address(page.previous_page_number()) if page.has_previous() else "",
        "next": address(page.next_page_number()) if page.has_next() else "",
    }


@register.simple_tag
def coverage(part: Any) -> SafeString:
    """The coverage of anything with ``known`` and ``total``."""
    return display.coverage_text(part.known, part.total)


register.filter("share", display.share_text)
register.simple_tag(display.seconds_between, name="seconds")


@register.filter
def parts(edge: dict[str, Any]) -> list[str]:
    """The named parts of where a grant in a change entry applies."""
    names = ("database", "schema", "object", "column")
    return [edge[name] for name in names if edge.get(name)]
