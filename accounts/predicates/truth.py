"""Three-valued logic over Qs."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_

from django.db.models import Q

NOBODY = Q(pk__in=())
EVERYBODY = ~NOBODY


@dataclass(frozen=True, slots=True)
class Truth:
    """Whom something is true of, and whom it is false of; of the rest it is not known.

    Neither Q is ever negated: where SQL says NULL, it does not match, and unknown stays unknown.
    """

    yes: Q
    no: Q

    def __invert__(self) -> "Truth":
        return Truth(self.no, self.yes)

    def __and__(self, other: "Truth") -> "Truth":
        return Truth(self.yes & other.yes, self.no | other.no)

    def __or__(self, other: "Truth") -> "Truth":
        return Truth(self.yes | other.yes, self.no & other.no)


UNKNOWN = Truth(NOBODY, NOBODY)
FALSE = Truth(NOBODY, EVERYBODY)


def certain(yes: Q) -> Truth:
    """Of what every account has, so that whoever it is not true of, it is false of."""
    return Truth(yes, ~yes)


def every(truths: Iterable[Truth]) -> Truth:
    """All of them. Of none: unknown, so that neither it nor its negation matches anybody."""
    listed = list(truths)
    return reduce(and_, listed) if listed else UNKNOWN


def some(truths: Iterable[Truth]) -> Truth:
    """At least one of them. Of none: unknown, as for ``every``."""
    listed = list(truths)
    return reduce(or_, listed) if listed else UNKNOWN
