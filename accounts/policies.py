"""Check the accounts against the rules that are marked as policy."""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.models import Account, ClassificationRule
from accounts.predicates.compiling import Rule
from accounts.rules import in_force, listed_accounts, without, world_of
from instances.models import Instance, Section


@dataclass(frozen=True, slots=True)
class PolicyResult:
    """The accounts that violate ``rule``, how many nobody knows it of, and where nobody knows who
    there is: instances whose accounts were never read, or not as a whole, or not since a failure.
    """

    rule: ClassificationRule
    violations: list[Account]
    undecided: int
    unread: list[Instance]

    @property
    def unknown(self) -> list[str]:
        """What nobody knows, in words; nothing where the result is certain."""
        found = []
        if self.undecided:
            found.append(f"{self.undecided} accounts are not known.")
        if self.unread:
            names = ", ".join(str(one) for one in self.unread)
            found.append(f"The accounts of {len(self.unread)} instances are not known: {names}.")
        return found

    @property
    def messages(self) -> list[str]:
        return [f"{one.instance}: {one.name}" for one in self.violations]


def unread_instances() -> QuerySet[Instance]:
    """The living instances of which the mirror may lack an account that is there."""
    known = Section.objects.filter(
        category="accounts", name="accounts", state="complete", instance=OuterRef("pk")
    )
    return Instance.objects.living().filter(~Exists(known) | ~Q(last_error=""))


def check_policies() -> list[PolicyResult]:
    """Every policy in force against the mirror as it is now; no run is needed before.

    Raises BrokenRule.
    """
    rules = in_force()
    world, listed = world_of(rules, now=timezone.now()), listed_accounts()
    unread = list(unread_instances().order_by("name", "pk"))
    results = []
    for rule in rules:
        if rule.is_policy:
            truth = world.truth(Rule(rule.engine, rule.expression))
            violations = listed.filter(truth.yes).select_related("instance")
            undecided = without(without(listed, truth.yes), truth.no).count()
            ordered = violations.order_by("instance__name", "name", "pk")
            unknown = [one for one in unread if rule.engine in ("", one.engine)]
            results.append(PolicyResult(rule, list(ordered), undecided, unknown))
    return sorted(results, key=lambda one: one.rule.name)
