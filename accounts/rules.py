"""Make, change, retire and try classification rules.

What writes here is called inside a transaction, which the edges open.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.facts import FACTS_VERSION
from accounts.models import Account, Assignment, Classification, ClassificationRule
from accounts.predicates.compiling import Rule, World
from accounts.predicates.truth import NOBODY, Truth
from accounts.predicates.validation import (
    InvalidExpression,
    checked,
    named_classifications,
    predicates,
)
from accounts.querysets import AccountQuerySet
from whalefall.core.audit import difference, note
from whalefall.core.errors import WhalefallError

if TYPE_CHECKING:
    from whalefall.users.models import User

# In one rule, with those of the classifications it names: SQLite nests no deeper than 1000.
MOST_PREDICATES = 300

RulesByCode = Mapping[str, list[Rule]]


class BrokenRule(WhalefallError):
    """A stored rule is not valid (any more); nothing can be classified until it is mended."""

    code = "CONSTRAINT_VIOLATION"
    http_status = 409
    category = "conflict"
    suggestions = ("Correct the rule, or switch it off.",)


class ClassificationInUse(WhalefallError):
    """Without it, something else would silently mean something else."""

    code = "CLASSIFICATION_IN_USE"
    http_status = 409
    category = "conflict"


# --- checks -----------------------------------------------------------------------------------


def check_expression(
    document: Any, *, code: str | None = None, replaces: ClassificationRule | None = None
) -> dict[str, Any]:
    """``document`` in its present form, fit to be a rule of the classification ``code``.

    ``replaces`` is the version that it would follow. Raises InvalidExpression.
    """
    expression = checked(document)
    rules = rules_by_code(rule for rule in in_force() if replaces is None or rule.pk != replaces.pk)
    known = set(Classification.objects.values_list("code", flat=True))
    check_references(code, Rule("", expression), rules, known)
    return expression


def check_references(code: str | None, rule: Rule, rules: RulesByCode, known: set[str]) -> None:
    """Raises InvalidExpression when ``rule`` leads nowhere, in a circle, or to too much."""
    for named, pointer in named_classifications(rule.expression).items():
        if named not in known:
            text = _("There is no classification %(named)r.")
            raise InvalidExpression([(pointer, text % {"named": named})])
        ahead = {named} | reached(named, rules)
        if code in ahead or any(one in reached(one, rules) for one in ahead):
            text = _("%(named)r depends on this classification, or on itself: that is a circle.")
            raise InvalidExpression([(pointer, text % {"named": named})])
    size = weight(rule, rules, {})
    if size > MOST_PREDICATES:
        text = _(
            "It has %(size)d predicates, with those of the classifications that it names; "
            "%(most)d are allowed."
        )
        raise InvalidExpression([("/match", text % {"size": size, "most": MOST_PREDICATES})])


def reached(code: str, rules: RulesByCode) -> set[str]:
    """The classifications that the rules of ``code`` name, at any depth."""
    found: set[str] = set()
    waiting = [code]
    while waiting:
        for rule in rules.get(waiting.pop(), ()):
            named = set(named_classifications(rule.expression)) - found
            found |= named
            waiting += named
    return found


def weight(rule: Rule, rules: RulesByCode, known: dict[str, int]) -> int:
    """How many predicates ``rule`` has once those of what it names are put in their place."""
    total = 0
    for _pointer, name, value in predicates(rule.expression):
        total += 1
        for code in value if name == "classification" else ():
            if code not in known:
                known[code] = sum(weight(one, rules, known) for one in rules.get(code, ()))
            total += known[code]
    return total


# --- what is in force -------------------------------------------------------------------------


def in_force() -> "list[ClassificationRule]":
    return list(ClassificationRule.objects.in_force().select_related("classification"))


def rules_by_code(rules: Iterable[ClassificationRule]) -> RulesByCode:
    found: dict[str, list[Rule]] = defaultdict(list)
    for rule in rules:
        found[rule.classification.code].append(Rule(rule.engine, rule.expression))
    return found


def world_of(rules: Iterable[ClassificationRule], *, now: datetime) -> World:
    """Everything that these rules, the ones in force, speak of. Raises BrokenRule."""
    listed = list(rules)
    for rule in listed:
        refuse_broken(rule, lambda rule=rule: checked(rule.expression))
    by_code = rules_by_code(listed)
    known = set(Classification.objects.values_list("code", flat=True))
    for rule in listed:
        code, one = rule.classification.code, Rule(rule.engine, rule.expression)
        refuse_broken(rule, lambda c=code, one=one: check_references(c, one, by_code, known))
    return World(now, by_code)


def refuse_broken(rule: ClassificationRule, check: Any) -> None:
    try:
        check()
    except InvalidExpression as error:
        raise BrokenRule(
            _("The rule %(rule)r is broken. %(error)s") % {"rule": rule.name, "error": error},
            extra={"rule": rule.pk, "errors": error.extra["errors"]},
        ) from error


def listed_accounts() -> AccountQuerySet:
    """The accounts that have classes: those that lists show."""
    return Account.objects.listed().filter(instance__deleted_at=None)


def judged_accounts() -> AccountQuerySet:
    """Those whose facts are there. The others keep the classes they had."""
    return listed_accounts().filter(facts_version=FACTS_VERSION)


def without(accounts: AccountQuerySet, matched: Q) -> AccountQuerySet:
    """``accounts`` but those that are ``matched``, which may be NULL and so can't be negated."""
    return accounts.exclude(Exists(Account.objects.filter(matched, pk=OuterRef("pk"))))


# --- preview ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Preview:
    """What a rule would do: the accounts that it would match, newly or no longer.

    ``undecided``: the facts that decide are not known. ``unjudged``: without current facts, so
    that a run would leave them as they are.
    """

    matched: AccountQuerySet
    gained: AccountQuerySet
    lost: AccountQuerySet
    undecided: AccountQuerySet
    unjudged: AccountQuerySet


def preview(
    document: Any,
    *,
    engine: str = "",
    code: str | None = None,
    replaces: ClassificationRule | None = None,
) -> Preview:
    """What a run would change if ``document`` were a rule, or ``replaces`` became it.

    Nothing is saved. Raises InvalidExpression, and BrokenRule.
    """
    expression = check_expression(document, code=code, replaces=replaces)
    now = timezone.now()
    others = [rule for rule in in_force() if replaces is None or rule.pk != replaces.pk]
    new = world_of(others, now=now).truth(Rule(engine, expression))
    old = Truth(NOBODY, NOBODY)
    if replaces is not None and replaces.is_active:
        old = world_of(in_force(), now=now).truth(Rule(replaces.engine, replaces.expression))
    judged = judged_accounts()
    return Preview(
        matched=judged.filter(new.yes),
        gained=without(judged.filter(new.yes), old.yes),
        lost=without(judged.filter(old.yes), new.yes),
        undecided=without(without(judged, new.yes), new.no),
        unjudged=listed_accounts().exclude(facts_version=FACTS_VERSION),
    )


# --- edits ------------------------------------------------------------------------------------


def add_rule(*, by: "User | None", expression: Any, **fields: Any) -> ClassificationRule:
    """A new rule of ``fields["classification"]``. Raises InvalidExpression.

    Fields: ``classification``, ``name``, and if wanted ``engine``, ``is_active``, ``is_policy``.
    """
    ClassificationRule.objects.lock()
    good = check_expression(expression, code=fields["classification"].code)
    rule: ClassificationRule = ClassificationRule.objects.add(
        at=timezone.now(), created_by=by, expression=good, **fields
    )
    return rule


def revise_rule(
    rule: ClassificationRule, *, by: "User | None", **changes: Any
) -> ClassificationRule:
    """``rule`` with ``changes``, a new version where they matter. Raises InvalidExpression.

    Raises BrokenRule when another version has taken its place.
    """
    current = locked_version(rule)
    classification = changes.get("classification", current.classification)
    # Also where it stays: it is checked when a rule is switched on again.
    changes["expression"] = check_expression(
        changes.get("expression", current.expression), code=classification.code, replaces=current
    )
    if "classification" in changes:
        changes["classification_id"] = changes.pop("classification").pk
    revised = ClassificationRule.objects.revise(
        current, changes, at=timezone.now(), by=by.pk if by else None
    )
    if revised.pk == current.pk and (changed := difference(current, revised)):
        note([(revised, changed)])
    return revised


def locked_version(rule: ClassificationRule) -> ClassificationRule:
    """``rule`` as it is now, with all rules locked. Raises BrokenRule when it is not current."""
    locked = {one.pk: one for one in ClassificationRule.objects.lock()}
    if rule.pk not in locked:
        raise BrokenRule(
            _("There is a newer version of this rule, or it was deleted: change that one.")
        )
    return locked[rule.pk]


def retire_rule(rule: ClassificationRule) -> None:
    """Delete ``rule``: it and what it has assigned end now, and stay as history.

    Raises BrokenRule when another version has taken its place.
    """
    now = timezone.now()
    locked_version(rule)
    ClassificationRule.objects.retire(rule, at=now)
    note([(rule, {"superseded_at": [None, str(now)]})])
    Assignment.objects.filter(rule__group=rule.group).revoke(at=now)


def refuse_use(classification: Classification) -> None:
    """Raises ClassificationInUse: it ships with us, or rules or accounts have it."""
    if classification.is_system:
        raise ClassificationInUse(
            _("%(name)s ships with Whalefall; switch its rules off instead.")
            % {"name": classification.name}
        )
    current = ClassificationRule.objects.current()
    naming = [
        rule.name
        for rule in current.exclude(classification=classification)
        if classification.code in named_classifications(rule.expression)
    ]
    own = list(current.filter(classification=classification).values_list("name", flat=True))
    accounts = classification.assignments.open().count()
    if naming or own or accounts:
        raise ClassificationInUse(
            _("%(name)s is in use: %(rules)d rules and %(accounts)d accounts.")
            % {
                "name": classification.name,
                "rules": len(naming) + len(own),
                "accounts": accounts,
            },
            extra={"rules": sorted(own + naming), "accounts": accounts},
        )
