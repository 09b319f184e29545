"""Make, change, retire and try classification rules.

What writes here is called inside a transaction, which the edges open.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.facts import FACTS_VERSION
from accounts.models import Account, Assignment, Classification, ClassificationRule
from accounts.predicates.compiling import Rule, World
from accounts.predicates.validation import (
    Complaint,
    InvalidExpression,
    checked,
    named_classifications,
    predicates,
)
from accounts.querysets import AccountQuerySet

if TYPE_CHECKING:
    from whalefall.users.models import User

MOST_PREDICATES = 400
"""In one rule, with those of the classifications that it names; SQLite nests no deeper than 1000."""
PREVIEWED = 100

RulesByCode = Mapping[str, list[Rule]]


# --- checks -----------------------------------------------------------------------------------


def check_expression(
    document: Any, *, code: str | None = None, replaces: ClassificationRule | None = None
) -> dict[str, Any]:
    """``document`` in its present form, fit to be a rule of the classification ``code``.

    ``replaces`` is the version that it would follow. Raises InvalidExpression.
    """
    expression = checked(document)
    others = ClassificationRule.objects.in_force().select_related("classification")
    rules = rules_by_code(others.exclude(pk=replaces.pk) if replaces else others)
    known = set(Classification.objects.values_list("code", flat=True))
    complaints = reference_complaints(expression, known)
    if complaints:
        raise InvalidExpression(complaints)
    check_references(code, Rule("", expression), rules)
    return expression


def reference_complaints(expression: dict[str, Any], known: set[str]) -> list[Complaint]:
    return [
        (pointer, _("There is no classification %(code)r.") % {"code": code})
        for code, pointer in named_classifications(expression).items()
        if code not in known
    ]


def check_references(code: str | None, rule: Rule, rules: RulesByCode) -> None:
    """Raises InvalidExpression when ``rule`` leads back to itself, or becomes too big."""
    for named, pointer in named_classifications(dict(rule.expression)).items():
        if code is not None and (named == code or code in reached(named, rules)):
            text = _("%(named)r depends on %(code)r already; that would be a circle.")
            raise InvalidExpression([(pointer, text % {"named": named, "code": code})])
        if named in reached(named, rules):
            text = _("%(named)r depends on itself.") % {"named": named}
            raise InvalidExpression([(pointer, text)])
    size = weights(rules, {}).of(rule)
    if size > MOST_PREDICATES:
        text = _(
            "It has %(size)d predicates, with those of the classifications it names; %(most)d are allowed."
        )
        raise InvalidExpression([("/match", text % {"size": size, "most": MOST_PREDICATES})])


def reached(code: str, rules: RulesByCode) -> set[str]:
    """The classifications that the rules of ``code`` name, at any depth."""
    found: set[str] = set()
    waiting = [code]
    while waiting:
        for rule in rules.get(waiting.pop(), ()):
            named = set(named_classifications(dict(rule.expression))) - found
            found |= named
            waiting += named
    return found


@dataclass(frozen=True, slots=True)
class weights:  # noqa: N801
    rules: RulesByCode
    known: dict[str, int]
