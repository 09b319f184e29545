"""Making and changing rules: versions, circles, and what a preview says."""

from typing import Any

import pytest
from django.db import transaction

from accounts.classify import classify_now
from accounts.facts import FACTS_VERSION
from accounts.models import Account, Assignment, Classification, ClassificationRule
from accounts.predicates.validation import InvalidExpression
from accounts.rules import (
    MOST_PREDICATES,
    BrokenRule,
    ClassificationInUse,
    add_rule,
    check_expression,
    preview,
    refuse_use,
    retire_rule,
    revise_rule,
)
from tests.factories import (
    AccountFactory,
    AssignmentFactory,
    ClassificationFactory,
    ClassificationRuleFactory,
    InstanceFactory,
    UserFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture(autouse=True)
def _no_shipped_rules(db: None) -> None:
    Classification.objects.all().delete()


def rule(match: Any) -> dict[str, Any]:
    return {"version": 5, "match": match}


def named(*codes: str) -> dict[str, Any]:
    return rule({"classification": list(codes)})


@transaction.atomic
def added(match: Any, **fields: Any) -> ClassificationRule:
    fields = {"classification": ClassificationFactory(), "name": "r", **fields}
    return add_rule(by=None, expression=rule(match), **fields)


def revised(one: ClassificationRule, **changes: Any) -> ClassificationRule:
    with transaction.atomic():
        return revise_rule(one, by=changes.pop("by", None), **changes)


def versions() -> list[tuple[int, bool, bool]]:
    rows = ClassificationRule.objects.order_by("version")
    return [(one.version, one.superseded_at is None, one.is_system) for one in rows]


def test_another_expression_is_another_version() -> None:
    first = added({"superuser": True}, is_system=True)
    user = UserFactory()

    second = revised(first, expression=rule({"locked": True}), by=user)

    assert versions() == [(1, False, True), (2, True, False)]
    assert (second.group, second.name, second.created_by) == (first.group, "r", user)
    first.refresh_from_db()
    assert first.expression == rule({"superuser": True})


def test_the_same_expression_and_a_switch_change_in_place() -> None:
    first = added({"superuser": True})

    second = revised(first, expression=rule({"superuser": True}), is_active=False, name="q")

    assert versions() == [(1, True, False)]
    assert (second.pk, second.is_active, second.name) == (first.pk, False, "q")


def test_engine_and_classification_make_another_version() -> None:
    other = ClassificationFactory()

    last = revised(revised(added({"superuser": True}), engine="mysql"), classification=other)

    assert (last.version, last.engine, last.classification) == (3, "mysql", other)


def test_an_older_version_is_not_changed() -> None:
    first = added({"superuser": True})
    revised(first, engine="mysql")

    with pytest.raises(BrokenRule):
        revised(first, engine="toy")

    assert [one[0] for one in versions()] == [1, 2]


def test_an_invalid_expression_is_not_saved() -> None:
    first = added({"superuser": True})

    with pytest.raises(InvalidExpression):
        added({"superuser": "yes"}, name="other")
    with pytest.raises(InvalidExpression):
        revised(first, expression=rule({"superuser": "yes"}))

    assert versions() == [(1, True, False)]


def test_circles_are_refused() -> None:
    a, b, c = (ClassificationFactory(code=code) for code in "abc")
    added({"classification": ["b"]}, classification=a, name="a")
    added({"classification": ["c"]}, classification=b, name="b")
    last = added({"superuser": True}, classification=c, name="c")

    for expression in (named("a"), named("c"), rule({"not": {"classification": ["b"]}})):
        with pytest.raises(InvalidExpression) as error:
            revised(last, expression=expression)
        assert error.value.complaints[0][0].endswith("/classification/0")
    with pytest.raises(InvalidExpression):
        added({"classification": ["a"]}, classification=c, name="d")

    assert check_expression(named("a", "b", "c"), code="z") == named("a", "b", "c")


def test_an_unknown_classification_is_refused() -> None:
    with pytest.raises(InvalidExpression) as error:
        check_expression(rule({"all": [{"not": {"classification": ["nope"]}}]}))

    assert [pointer for pointer, _ in error.value.complaints] == [
        "/match/all/0/not/classification/0"
    ]


def test_a_rule_that_grows_through_others_is_refused() -> None:
    code = None
    for number in range(4):
        parts: list[Any] = [{"superuser": True}] if code is None else [{"classification": [code]}]
        made = ClassificationFactory(code=f"n{number}")
        ClassificationRuleFactory(classification=made, expression=rule({"any": parts * 10}))
        code = made.code

    with pytest.raises(InvalidExpression) as error:
        check_expression(named("n3"))
    assert error.value.complaints[0][0] == "/match"
    assert check_expression(named("n1"))
    within = rule({"any": [{"any": [{"superuser": True}] * 100}] * (MOST_PREDICATES // 100)})
    assert check_expression(within) == within


@pytest.mark.parametrize("is_active", [True, False])
def test_preview_is_the_difference_of_two_runs(is_active: bool) -> None:
    instance = InstanceFactory()
    for name in ("ab", "a", "b", "", "c"):
        AccountFactory(instance=instance, name=name, facts_version=FACTS_VERSION)
    AccountFactory(instance=instance, name="abx", facts_version=0)
    first = added({"name": ["*a*"]}, is_active=is_active)
    before = classified()
    change = rule({"name": ["*b*"]})

    told = preview(change, code=first.classification.code, replaces=first)
    shown = [names(part) for part in (told.matched, told.gained, told.lost, told.unjudged)]
    assert (versions(), classified()) == ([(1, True, False)], before)

    revised(first, expression=change, is_active=True)
    after = classified()
    assert shown == [after, after - before, before - after, {"abx"}]


def test_preview_tells_whom_it_cannot_judge() -> None:
    instance = InstanceFactory()
    for name, is_locked in (("yes", True), ("no", False), ("who knows", None)):
        AccountFactory(
            instance=instance, name=name, is_locked=is_locked, facts_version=FACTS_VERSION
        )

    told = preview(rule({"not": {"locked": True}}), engine=instance.engine)

    assert [names(told.matched), names(told.undecided)] == [{"no"}, {"who knows"}]
    assert names(preview(rule({"locked": True}), engine="mysql").matched) == set()


def names(accounts: Any) -> set[str]:
    return set(accounts.values_list("name", flat=True))


def classified() -> set[str]:
    classify_now(trigger="command")
    return names(Account.objects.filter(pk__in=Assignment.objects.open().values("account")))


def test_a_deleted_rule_ends_with_all_it_assigned() -> None:
    AccountFactory(name="a", facts_version=FACTS_VERSION)
    first = added({"name": ["a"]})
    assert classified() == {"a"}

    with transaction.atomic():
        retire_rule(first)

    assert not ClassificationRule.objects.current().exists()
    assert list(Assignment.objects.values_list("rule", flat=True)) == [first.pk]
    assert not Assignment.objects.open().exists()


def test_what_is_in_use_is_not_deleted() -> None:
    free, shipped = ClassificationFactory(), ClassificationFactory(is_system=True)
    own, by_hand, spoken_of = (ClassificationFactory() for _ in range(3))
    added({"superuser": True}, classification=own)
    AssignmentFactory(classification=by_hand)
    added({"classification": [spoken_of.code]}, name="names it")

    refuse_use(free)
    for one in (shipped, own, by_hand, spoken_of):
        with pytest.raises(ClassificationInUse):
            refuse_use(one)
