"""Classifications, their rules, and who is in which."""

from typing import Any
from unittest.mock import ANY

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.facts import FACTS_VERSION
from accounts.models import Account, Assignment, Classification, ClassificationRule
from accounts.predicates.schema import schema
from sync_sessions.models import SyncSession
from tests.api.conftest import person_behind
from tests.api.envelopes import page, success
from tests.factories import (
    AccountFactory,
    AssignmentFactory,
    ClassificationFactory,
    ClassificationRuleFactory,
    InstanceFactory,
)

BASE = "/api/v1/accounts/classifications"
RULES, ASSIGNMENTS = f"{BASE}/rules", f"{BASE}/assignments"
LOCKED = {"version": 5, "match": {"locked": True}}


@pytest.fixture(autouse=True)
def _no_shipped_rules(db: None) -> None:
    Classification.objects.all().delete()


def account(name: str, **fields: Any) -> Account:
    made: Account = AccountFactory(name=name, **{"facts_version": FACTS_VERSION, **fields})
    return made


def refused(response: Any, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status
    document: dict[str, Any] = response.json()
    assert document["message_code"] == code
    return document


# --- classifications --------------------------------------------------------------------------


def test_classification_is_made_shown_and_changed(admin: APIClient) -> None:
    body = {"code": "mine", "name": "Mine", "risk_level": 4}

    created = admin.post(BASE, body)
    row = Classification.objects.get()
    changed = admin.patch(f"{BASE}/{row.pk}", {"name": "Ours", "is_system": True})

    document = {"id": row.pk, "description": "", "colour": "", "priority": 100}
    document |= {**body, "is_system": False, "accounts": 0}
    assert created.json() == success(document, "Created.")
    assert changed.json()["data"] == {**document, "name": "Ours"}


def test_accounts_are_counted_once_and_only_those_that_lists_show(viewer: APIClient) -> None:
    made = ClassificationFactory()
    rule = ClassificationRuleFactory(classification=made)
    one = account("one")
    AssignmentFactory(account=one, classification=made, rule=rule)
    AssignmentFactory(account=one, classification=made)
    AssignmentFactory(classification=made, account__removed=True)
    AssignmentFactory(classification=made, revoked_at=timezone.now())

    (found,) = viewer.get(BASE).json()["data"]["items"]

    assert found["accounts"] == 1


def test_code_stays(admin: APIClient) -> None:
    row = ClassificationFactory()

    refused(admin.patch(f"{BASE}/{row.pk}", {"code": "other"}), 400, "VALIDATION_ERROR")


def test_classification_in_use_is_not_deleted(admin: APIClient) -> None:
    rule, free = ClassificationRuleFactory(), ClassificationFactory()

    used = refused(admin.delete(f"{BASE}/{rule.classification_id}"), 409, "CLASSIFICATION_IN_USE")
    assert admin.delete(f"{BASE}/{free.pk}").status_code == 200

    assert used["extra"]["rules"] == [rule.name]
    assert list(Classification.objects.all()) == [rule.classification]


# --- rules ------------------------------------------------------------------------------------


def test_rule_is_made_and_changed_into_a_new_version(admin: APIClient) -> None:
    made = ClassificationFactory()
    old = {"version": 4, "expr": {"fn": "is_superuser", "args": {}}}
    body = {"classification": made.pk, "name": "r", "expression": old}

    created = admin.post(RULES, body, format="json").json()
    first = ClassificationRule.objects.get()
    path = f"{RULES}/{first.pk}"
    changed = admin.patch(path, {"expression": LOCKED}, format="json").json()
    second = ClassificationRule.objects.current().get()
    renamed = admin.patch(f"{RULES}/{second.pk}", {"name": "q"}, format="json").json()

    document = {
        "id": first.pk,
        "group": str(first.group),
        "version": 1,
        "classification": made.pk,
        "name": "r",
        "engine": "",
        "expression": {"version": 5, "match": {"superuser": True}},
        "is_active": True,
        "is_policy": False,
        "is_system": False,
        "created_by": person_behind(admin).username,
        "created_at": ANY,
        "superseded_at": None,
    }
    newer = {**document, "id": second.pk, "version": 2, "expression": LOCKED}
    assert created == success(document, "Created.")
    assert changed["data"] == newer
    assert renamed["data"] == {**newer, "name": "q"}
    assert admin.get(RULES).json() == page({**newer, "name": "q"})
    assert admin.get(f"{RULES}?include_superseded=true").json()["data"]["total"] == 2
    refused(admin.patch(path, {"name": "x"}, format="json"), 409, "CONSTRAINT_VIOLATION")


def test_invalid_rule_is_not_saved_and_says_where(admin: APIClient) -> None:
    made = ClassificationFactory()
    bad = {"version": 5, "match": {"all": [{"superuser": 1}]}}
    body = {"classification": made.pk, "name": "r", "expression": bad}

    document = refused(admin.post(RULES, body, format="json"), 400, "VALIDATION_ERROR")

    assert [one["pointer"] for one in document["extra"]["errors"]] == ["/match/all/0/superuser"]
    assert list(document["extra"]["fields"]) == ["expression"]
    assert not ClassificationRule.objects.exists()


def test_name_is_taken_by_current_rules_only(admin: APIClient) -> None:
    ClassificationRuleFactory(name="old", superseded_at=timezone.now())
    taken = ClassificationRuleFactory(name="r")
    body = {"classification": taken.classification_id, "expression": LOCKED}

    refused(admin.post(RULES, {**body, "name": "r"}, format="json"), 409, "NAME_EXISTS")
    assert admin.post(RULES, {**body, "name": "old"}, format="json").status_code == 201


def test_deleted_rule_is_history(admin: APIClient) -> None:
    rule = ClassificationRuleFactory()
    AssignmentFactory(rule=rule, classification=rule.classification)

    assert admin.delete(f"{RULES}/{rule.pk}").status_code == 200

    assert not ClassificationRule.objects.current().exists()
    assert not Assignment.objects.open().exists()
    assert ClassificationRule.objects.exists()


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (LOCKED, {"is_valid": True, "expression": LOCKED, "errors": []}),
        (
            {"version": 4, "expr": {"fn": "is_superuser", "args": {}}},
            {
                "is_valid": True,
                "expression": {"version": 5, "match": {"superuser": True}},
                "errors": [],
            },
        ),
        (
            {"version": 5, "match": {"locked": "no"}},
            {
                "is_valid": False,
                "expression": None,
                "errors": [
                    {"pointer": "/match/locked", "message": "'no' is not of type 'boolean'"}
                ],
            },
        ),
    ],
)
def test_expression_is_validated(viewer: APIClient, expression: Any, expected: Any) -> None:
    response = viewer.post(
        f"{RULES}/actions/validate-expression", {"expression": expression}, format="json"
    )

    assert response.json()["data"] == expected


def test_circle_is_told(viewer: APIClient) -> None:
    rule = ClassificationRuleFactory()
    match = {"classification": [rule.classification.code]}
    body = {"expression": {"version": 5, "match": match}, "rule": rule.pk}

    found = viewer.post(f"{RULES}/actions/validate-expression", body, format="json").json()["data"]

    assert [one["pointer"] for one in found["errors"]] == ["/match/classification/0"]


def test_preview_tells_how_many_and_who(viewer: APIClient) -> None:
    instance = InstanceFactory()
    both, gained, lost = (account(name, instance=instance) for name in ("ab", "b", "a"))
    account("old facts", instance=instance, facts_version=0)
    rule = ClassificationRuleFactory(expression={"version": 5, "match": {"name": ["a*"]}})
    body = {"expression": {"version": 5, "match": {"name": ["*b"]}}, "rule": rule.pk}

    found = viewer.post(f"{RULES}/actions/preview", body, format="json").json()["data"]

    def shown(one: Account) -> dict[str, Any]:
        return {"id": one.pk, "name": one.name, "kind": "user", "instance": ANY}

    assert found == {
        "matched": 2,
        "gained": 1,
        "lost": 1,
        "undecided": 0,
        "unjudged": 1,
        "gained_accounts": [shown(gained)],
        "lost_accounts": [shown(lost)],
    }
    assert both.assignments.count() == 0


def test_schema_is_published(viewer: APIClient) -> None:
    assert viewer.get(f"{RULES}/schema").json()["data"] == schema()


# --- assignments ------------------------------------------------------------------------------


def test_assignment_by_hand_is_given_once_and_taken(operator: APIClient) -> None:
    one, made = account("one"), ClassificationFactory()
    body = {"account_id": one.pk, "classification_id": made.pk}

    created = operator.post(ASSIGNMENTS, body)
    again = operator.post(ASSIGNMENTS, body)

    row = Assignment.objects.get()
    assert created.json()["data"] == {
        "id": row.pk,
        "account": {"id": one.pk, "name": "one", "kind": "user", "instance": ANY},
        "classification": {
            "id": made.pk,
            "code": made.code,
            "name": made.name,
            "risk_level": 3,
            "colour": "",
        },
        "rule": None,
        "rule_version": None,
        "is_manual": True,
        "assigned_by": person_behind(operator).username,
        "assigned_at": ANY,
        "revoked_at": None,
    }
    refused(again, 409, "CONSTRAINT_VIOLATION")
    assert operator.delete(f"{ASSIGNMENTS}/{row.pk}").status_code == 200
    assert not Assignment.objects.open().exists()


def test_what_a_rule_assigned_is_not_taken_by_hand(operator: APIClient) -> None:
    rule = ClassificationRuleFactory(version=3)
    row = AssignmentFactory(rule=rule, classification=rule.classification)

    refused(operator.delete(f"{ASSIGNMENTS}/{row.pk}"), 409, "CONSTRAINT_VIOLATION")

    (found,) = operator.get(ASSIGNMENTS).json()["data"]["items"]
    assert (found["rule"], found["rule_version"], found["is_manual"]) == (rule.pk, 3, False)


def test_ended_assignments_are_listed_on_request(viewer: APIClient) -> None:
    here = AssignmentFactory()
    gone = AssignmentFactory(revoked_at=timezone.now())

    def listed(query: str = "") -> set[int]:
        items = viewer.get(f"{ASSIGNMENTS}{query}").json()["data"]["items"]
        return {one["id"] for one in items}

    assert listed() == {here.pk}
    assert listed("?include_revoked=true") == {here.pk, gone.pk}
    assert listed(f"?classification={gone.classification_id}") == set()


# --- runs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [None, {}])
def test_the_fleet_is_queued(operator: APIClient, body: Any) -> None:
    response = operator.post(f"{BASE}/actions/auto-classify", body, format="json")

    session = SyncSession.objects.get()
    assert response.status_code == 202
    assert response.json() == success({"session_id": str(session.pk)}, "Queued.")
    assert (session.category, session.requested_by) == ("classification", person_behind(operator))
    assert [record.instance for record in session.records.all()] == [None]


def test_one_instance_is_queued(operator: APIClient) -> None:
    instance = InstanceFactory()

    operator.post(f"{BASE}/actions/auto-classify", {"instance_id": instance.pk}, format="json")

    assert [record.instance for record in SyncSession.objects.get().records.all()] == [instance]


def test_an_instance_that_is_not_there_is_refused(operator: APIClient) -> None:
    body = {"instance_id": 0}

    refused(
        operator.post(f"{BASE}/actions/auto-classify", body, format="json"),
        400,
        "VALIDATION_ERROR",
    )
    assert not SyncSession.objects.exists()
