"""Check the accounts against the rules that are marked as policy."""

from dataclasses import dataclass

from django.utils import timezone

from accounts.models import Account, ClassificationRule
from accounts.predicates.compiling import Rule
from accounts.rules import in_force, listed_accounts, without, world_of


@dataclass(frozen=True, slots=True)
class PolicyResult:
    """The accounts that violate ``rule``, and how many nobody knows it of."""

    rule: ClassificationRule
    violations: list[Account]
    undecided: int

    @property
    def messages(self) -> list[str]:
        return [f"{one.instance}: {one.name}" for one in self.violations]


def check_policies() -> list[PolicyResult]:
    """Every policy in force against the mirror as it is now; no run is needed before.

    Raises BrokenRule.
    """
    rules = in_force()
    world, listed = world_of(rules, now=timezone.now()), listed_accounts()
    results = []
    for rule in rules:
        if rule.is_policy:
            truth = world.truth(Rule(rule.engine, rule.expression))
            violations = listed.filter(truth.yes).select_related("instance")
            undecided = without(without(listed, truth.yes), truth.no).count()
            ordered = violations.order_by("instance__name", "name", "pk")
            results.append(PolicyResult(rule, list(ordered), undecided))
    return sorted(results, key=lambda one: one.rule.name)
