"""From a checked expression to a Q over accounts. No account is looked at in Python."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q

from accounts.models import Assignment
from accounts.predicates import leaves
from accounts.predicates.truth import Truth, certain, every, some


@dataclass(frozen=True, slots=True)
class Rule:
    """What matters of a rule here. ``engine`` '' is every engine."""

    engine: str
    expression: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class World:
    """What an expression may speak of beside itself.

    ``rules`` are those in force by the code of their classification, free of circles.
    """

    now: datetime
    rules: Mapping[str, Sequence[Rule]]

    def truth(self, rule: Rule) -> Truth:
        """Whom ``rule`` matches, and whom it is known not to."""
        matched = self._node(rule.expression["match"])
        if not rule.engine:
            return matched
        return certain(Q(instance__engine=rule.engine)) & matched

    def _node(self, node: Mapping[str, Any]) -> Truth:
        ((name, value),) = node.items()
        if name == "not":
            return ~self._node(value)
        if name in ("all", "any"):
            combine = every if name == "all" else some
            return combine(self._node(child) for child in value)
        if name == "classification":
            return some(self._classified(code) for code in value)
        return leaves.LEAVES[name](value, self.now)

    def _classified(self, code: str) -> Truth:
        by_hand = Assignment.objects.filter(
            account=OuterRef("pk"), classification__code=code, is_manual=True, revoked_at=None
        )
        return some([certain(Q(Exists(by_hand))), *map(self.truth, self.rules.get(code, ()))])
