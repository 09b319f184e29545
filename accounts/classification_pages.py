"""What the pages of classifications and their rules show, read for a person."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.facts import FACTS_VERSION
from accounts.models import (
    Account,
    Assignment,
    Classification,
    ClassificationDay,
    ClassificationRule,
)
from accounts.predicates.fields import fields, groups
from accounts.querysets import ClassificationRuleQuerySet
from accounts.rules import Preview
from instances.engines import engine_choices
from instances.models import Instance
from tags.models import Tag
from whalefall.core.display import page_of, unknown

EPOCH = date(1970, 1, 1)
# What a chart looks back on.
WINDOW = timedelta(days=90)
PREVIEWED = 20
ENDED = 20
COLOURS = ("red", "orange", "amber", "green", "blue", "grey")


def holders_text(row: Any) -> str:
    """How many accounts a row ``with_accounts`` has; unknown before any run has looked."""
    is_known = row.is_counted or row.accounts
    return str(row.accounts) if is_known else unknown(gettext("no run has looked yet"))


# --- a classification -------------------------------------------------------------------------


def classification_page(
    request: HttpRequest, classification: Classification, *, today: date
) -> dict[str, Any]:
    """In a constant number of queries."""
    rules = ClassificationRule.objects.current().filter(classification=classification)
    days = ClassificationDay.objects.filter(classification=classification)
    totals = days.filter(rule=None).order_by("-day")
    return {
        "rules": with_holders(rules.order_by("name")),
        "members": page_of(request, members(request, classification), "members", 25),
        "wanted": request.GET.get("member", ""),
        "days": page_of(request, totals, "days", 31),
        "chart": chart(days.filter(day__gt=today - WINDOW)),
    }


def members(request: HttpRequest, classification: Classification) -> "QuerySet[Assignment]":
    """Who has it and why, narrowed by ``?member=`` to accounts or instances of such a name."""
    rows = Assignment.objects.of_present().filter(classification=classification)
    if wanted := request.GET.get("member", ""):
        named = Q(account__name__icontains=wanted)
        rows = rows.filter(named | Q(account__instance__name__icontains=wanted))
    order = ("account__instance__name", "account__name", "account_id", "pk")
    return rows.select_related("account__instance", "rule", "assigned_by").order_by(*order)


def chart(days: "QuerySet[ClassificationDay]") -> dict[str, Any]:
    """A line for the classification and one for each of its rules, whatever their version.

    An abscissa is a day, counted from 1970-01-01; a day without a run is a hole in the line.
    """
    names: dict[Any, str] = {None: gettext("all")}
    points: dict[Any, list[tuple[date, int]]] = defaultdict(list)
    rows = days.order_by("day", "rule__version")
    for day, accounts, group, name in rows.values_list(
        *("day", "accounts", "rule__group", "rule__name")
    ):
        names[group] = name or names[None]
        points[group].append((day, accounts))
    return {
        "series": [
            {"name": names[group], "points": list(with_holes(points[group]))}
            for group in sorted(points, key=lambda one: (one is not None, names[one]))
        ]
    }


def with_holes(points: list[tuple[date, int]]) -> Iterator[dict[str, int | None]]:
    before = None
    for day, accounts in points:
        number = (day - EPOCH).days
        if before is not None and number > before + 1:
            yield {"x": before + 1, "y": None}
        yield {"x": number, "y": accounts}
        before = number


# --- the editor of a rule ---------------------------------------------------------------------


def editor(document: Any, *, may_edit: bool, complaints: list[dict[str, str]]) -> dict[str, Any]:
    """What the script of the editor needs to draw ``document``."""
    environments = Instance.objects.living().order_by("environment")
    named = environments.values_list("environment", flat=True).distinct()
    choices = {
        "engine": engine_choices(),
        "tag": [(name, name) for name in Tag.objects.values_list("name", flat=True)],
        "environment": [(name, name or gettext("(none)")) for name in named],
        "classification": list(Classification.objects.values_list("code", "name")),
    }
    return {
        "document": document,
        "groups": groups(),
        "fields": fields(choices),
        "may_edit": may_edit,
        "complaints": complaints,
        "words": words(),
    }


def words() -> dict[str, str]:
    """What the script says."""
    return {
        "add": gettext("Add"),
        "any": gettext("any"),
        "condition": gettext("Add a condition"),
        "conditions": gettext("Conditions"),
        "down": gettext("Move down"),
        "either": gettext("either"),
        "empty": gettext("Nothing in it yet: it matches nobody."),
        "failed": gettext("The preview could not be had; the next change asks again."),
        "filter": gettext("Filter"),
        "groups": gettext("Groups"),
        "kind": gettext("Kind of condition"),
        "no": gettext("no"),
        "no_choice": gettext("There is none to choose from."),
        "not_json": gettext("This is no JSON."),
        "not_listed": gettext("not listed"),
        "remove": gettext("Remove"),
        "unknown": gettext("Unknown condition"),
        "up": gettext("Move up"),
        "waiting": gettext("Looking…"),
        "yes": gettext("yes"),
    }


def versions(rule: ClassificationRule) -> list[ClassificationRule]:
    """All versions of ``rule``, the newest first, with the accounts that have it by each."""
    return with_holders(ClassificationRule.objects.filter(group=rule.group).order_by("-version"))


def with_holders(rules: "ClassificationRuleQuerySet") -> list[ClassificationRule]:
    rows = list(rules.select_related("created_by").with_accounts())
    for row in rows:
        row.holders = holders_text(row)  # type: ignore[attr-defined]
    return rows


@dataclass(frozen=True, slots=True)
class Part:
    """One of the sets of accounts of a preview."""

    name: str
    title: Any
    help: Any
    count: int


PARTS = (
    ("gained", _("newly match"), _("They would get the classification by this rule.")),
    ("lost", _("no longer match"), _("They would lose what this rule gave them.")),
    ("matched", _("match in all"), _("Everybody that the rule is known to be true of.")),
    (
        "undecided",
        _("not known"),
        _(
            "What decides is not known: the server did not tell, or a part of it was not read. A "
            "server that keeps no logins never tells how long ago the last one was. An empty group "
            "decides nothing."
        ),
    ),
    (
        "unjudged",
        _("not judged"),
        _("Their facts are missing or of an older version; they keep the classes they have."),
    ),
)


def preview_context(told: Preview, shown: str, page: str) -> dict[str, Any]:
    """How many each would be, and the accounts of the part that is ``shown``."""
    parts = [Part(name, title, text, getattr(told, name).count()) for name, title, text in PARTS]
    chosen = next((one for one in parts if one.name == shown), parts[0])
    rows = getattr(told, chosen.name).select_related("instance")
    ordered = rows.order_by("instance__name", "name", "pk")
    pages: Page[Account] = Paginator(ordered, PREVIEWED).get_page(page)
    return {"parts": parts, "chosen": chosen, "accounts": pages}


# --- an account -------------------------------------------------------------------------------


def classes_of(account: Account) -> dict[str, Any]:
    """The classifications of ``account``: what it has and why, what it had, and what it may get."""
    rows = account.assignments.select_related("classification", "rule", "assigned_by")
    ordered = rows.order_by("classification__priority", "classification__name", "pk")
    open_ = list(ordered.filter(revoked_at=None))
    by_hand = [one.classification_id for one in open_ if one.is_manual]
    return {
        "open": open_,
        "ended": rows.filter(revoked_at__isnull=False).order_by("-revoked_at", "pk")[:ENDED],
        "is_judged": account.facts_version == FACTS_VERSION,
        "offered": Classification.objects.exclude(pk__in=by_hand),
    }


def login_doubt(account: Account) -> str:
    """Why nobody can say when ``account`` last logged in; '' where its server tells."""
    if account.instance.engine_class.keeps_logins:
        return ""
    if account.last_login_at is None:
        return gettext("This server keeps no logins, and no reading has met a session of it.")
    return gettext("A session that a reading met; there may have been later ones.")
