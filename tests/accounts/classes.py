"""Rules and accounts to classify, and what a run has made of them."""

from typing import Any

from django.db import transaction

from accounts.classify import classify_now
from accounts.facts import FACTS_VERSION
from accounts.models import Account, Assignment, ClassificationDay, ClassificationRule
from accounts.rules import revise_rule
from sync_sessions.models import SyncSession
from tests.factories import AccountFactory, ClassificationRuleFactory

Row = tuple[str, str, int | None]


def rule(match: Any, **fields: Any) -> ClassificationRule:
    made: ClassificationRule = ClassificationRuleFactory(
        expression={"version": 5, "match": match}, **fields
    )
    return made


def account(name: str, **fields: Any) -> Account:
    made: Account = AccountFactory(name=name, **{"facts_version": FACTS_VERSION, **fields})
    return made


@transaction.atomic
def revised(one: ClassificationRule, **changes: Any) -> ClassificationRule:
    return revise_rule(one, by=None, **changes)


def held() -> set[Row]:
    """Account, classification, and the version of the rule that gave it."""
    rows = Assignment.objects.open()
    return set(rows.values_list("account__name", "classification__code", "rule__version"))


def everything() -> list[Any]:
    return [
        *Assignment.objects.order_by("pk").values(),
        *ClassificationDay.objects.order_by("pk").values(),
    ]


def run(*instances: Any) -> SyncSession:
    return classify_now(instances or (None,), trigger="command")


def counts(session: SyncSession) -> dict[str, int]:
    return dict(session.records.get().counts)
