"""The pages of classifications without a browser: who may what, what is counted, what is said."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.classification_pages import chart, editor
from accounts.classify import classify_now
from accounts.facts import FACTS_VERSION
from accounts.models import (
    Account,
    Assignment,
    Classification,
    ClassificationDay,
    ClassificationRule,
)
from accounts.predicates.schema import PREDICATES, schema
from accounts.rules import preview
from sync_sessions.models import SyncSession
from tests.factories import (
    AccountFactory,
    AssignmentFactory,
    ClassificationFactory,
    ClassificationRuleFactory,
    InstanceFactory,
    TagFactory,
)
from whalefall.core.display import object_url

pytestmark = pytest.mark.django_db
ClientAs = Callable[[str], Client]
HOSTILE = "<script>alert(1)</script>'\"&amp;@%"


@pytest.fixture(autouse=True)
def _no_shipped_rules(db: None) -> None:
    Classification.objects.all().delete()


def made(match: Any, **fields: Any) -> ClassificationRule:
    rule: ClassificationRule = ClassificationRuleFactory(
        expression={"version": 5, "match": match}, **fields
    )
    return rule


def account(name: str, **fields: Any) -> Account:
    one: Account = AccountFactory(name=name, **{"facts_version": FACTS_VERSION, **fields})
    return one


def form_of(rule: ClassificationRule, **changes: Any) -> dict[str, Any]:
    fields = {"name": rule.name, "classification": rule.classification_id, "engine": rule.engine}
    return {**fields, "is_active": "on", "expression": json.dumps(rule.expression), **changes}


def statements(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
    return len(queries)


# --- who may what -----------------------------------------------------------------------------


def test_the_short_address_leads_to_the_list_and_asks_who_you_are(client: Client) -> None:
    response = client.get("/accounts/classifications/?q=x")
    assert (response.status_code, response["Location"]) == (
        302,
        "/admin/accounts/classification/?q=x",
    )
    assert client.get(response["Location"]).status_code == 302  # to the sign-in


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("viewer", {"look": 422, "edit": 403, "retire": 403, "run": 403, "assign": 403}),
        ("operator", {"look": 422, "edit": 403, "retire": 403, "run": 302, "assign": 302}),
        ("admin", {"look": 422, "edit": 302, "retire": 302, "run": 302, "assign": 302}),
    ],
)
def test_every_post_follows_the_role(
    client_as: ClientAs, role: str, expected: dict[str, int]
) -> None:
    rule, one = made({"locked": True}), account("a")
    own = AssignmentFactory(account=one)
    client = client_as(role)
    told = {
        "look": client.post(reverse("admin:accounts_rule_preview")),
        "edit": client.post(object_url(rule), form_of(rule)),
        "retire": client.post(reverse("admin:accounts_classificationrule_retire", args=[rule.pk])),
        "run": client.post(reverse("admin:accounts_classify")),
        "assign": client.post(reverse("admin:accounts_unassign", args=[own.pk])),
    }
    assert {name: response.status_code for name, response in told.items()} == expected
    assert ClassificationRule.objects.current().exists() == (role != "admin")
    assert SyncSession.objects.exists() == (role != "viewer")
    assert Assignment.objects.open().exists() == (role == "viewer")


@pytest.mark.parametrize("name", ["classify", "rule_preview"])
def test_nothing_is_done_by_a_link(admin_client: Client, name: str) -> None:
    assert admin_client.get(reverse(f"admin:accounts_{name}")).status_code == 405


# --- the editor -------------------------------------------------------------------------------


def test_the_editor_has_a_field_for_each_predicate_and_each_part() -> None:
    TagFactory(name="dba")
    found = editor(None, may_edit=True, complaints=[])
    node = schema()["$defs"]["node"]["properties"]
    assert [one["name"] for one in found["groups"] + found["fields"]] == list(node)
    parts = {one["name"]: one["parts"] for one in found["fields"] if one["widget"] == "parts"}
    assert {name: [part["name"] for part in some] for name, some in parts.items()} == {
        name: list(spec["properties"])
        for name, spec in PREDICATES.items()
        if spec["type"] == "object"
    }
    tags = next(one for one in found["fields"] if one["name"] == "tag")
    assert (tags["widget"], tags["choices"]) == ("picks", [("dba", "dba")])


def test_saving_makes_a_version_where_it_matters(admin_client: Client) -> None:
    first = made({"locked": True})
    admin_client.post(object_url(first), form_of(first, name="renamed"))
    first.refresh_from_db()
    other = json.dumps({"version": 4, "expr": {"fn": "is_superuser", "args": {}}})
    response = admin_client.post(object_url(first), form_of(first, expression=other))
    second = ClassificationRule.objects.current().get()
    assert response["Location"] == object_url(second)
    assert (first.name, second.name) == ("renamed", "renamed")
    assert (first.version, second.version, second.group) == (1, 2, first.group)
    assert second.expression == {"version": 5, "match": {"superuser": True}}
    assert str(second.created_by) == "admin"
    history = admin_client.get(object_url(first)).content.decode()
    assert "This version is history" in history
    again = admin_client.post(object_url(first), form_of(first))
    assert "There is a newer version of this rule" in again.content.decode()
    assert ClassificationRule.objects.current().get() == second


def test_a_refused_rule_is_shown_again_with_its_complaints(admin_client: Client) -> None:
    rule, taken = made({"locked": True}), made({"locked": False})
    wrong = json.dumps({"version": 5, "match": {"all": [{"superusr": True}]}})
    response = admin_client.post(object_url(rule), form_of(rule, expression=wrong))
    assert [one["pointer"] for one in response.context["editor"]["complaints"]] == ["/match/all/0"]
    assert response.context["editor"]["document"] == json.loads(wrong)
    response = admin_client.post(object_url(rule), form_of(rule, name=taken.name))
    assert "There is a rule of this name." in response.content.decode()
    assert ClassificationRule.objects.count() == 2


def test_the_end_of_an_old_version_leaves_the_rule_alone(admin_client: Client) -> None:
    first = made({"locked": True})
    second = ClassificationRule.objects.revise(
        first, {"engine": "mysql"}, at=timezone.now(), by=None
    )
    AssignmentFactory(account=account("a"), classification=second.classification, rule=second)
    url = reverse("admin:accounts_classificationrule_retire", args=[first.pk])
    response = admin_client.post(url, follow=True)
    assert "There is a newer version" in response.content.decode()
    assert ClassificationRule.objects.current().get() == second
    assert Assignment.objects.open().exists()


# --- the preview ------------------------------------------------------------------------------


def look(client: Client, match: Any, **more: Any) -> Any:
    body = {"expression": json.dumps({"version": 5, "match": match}), **more}
    return client.post(reverse("admin:accounts_rule_preview"), body)


def test_a_preview_counts_and_pages_and_saves_nothing(client_as: ClientAs) -> None:
    instance = InstanceFactory()
    for n in range(45):
        account(f"p{n:02}", instance=instance, is_locked=n < 25)
    rule = made({"locked": True})
    client = client_as("viewer")
    before = list(ClassificationRule.objects.values())

    shown = look(client, {"locked": False}, rule=rule.pk, show="lost", page=2)

    told = preview({"version": 5, "match": {"locked": False}}, replaces=rule)
    counts = {"gained": 20, "lost": 25, "matched": 20, "undecided": 0, "unjudged": 0}
    assert {name: getattr(told, name).count() for name in counts} == counts
    assert shown.context["chosen"].name == "lost"
    assert {one.name: one.count for one in shown.context["parts"]} == counts
    assert [one.name for one in shown.context["accounts"]] == [f"p{n}" for n in range(20, 25)]
    assert shown.json()["expression"] == {"version": 5, "match": {"locked": False}}
    assert list(ClassificationRule.objects.values()) == before
    assert not Assignment.objects.exists()


@pytest.mark.parametrize(
    ("match", "pointer"),
    [({"name": []}, "/match/name"), ({"classification": ["none"]}, "/match/classification/0")],
)
def test_a_preview_of_no_rule_says_where_it_is_wrong(
    admin_client: Client, match: Any, pointer: str
) -> None:
    answer = look(admin_client, match)
    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]


def test_a_preview_says_that_another_rule_is_broken(admin_client: Client) -> None:
    made({"superusr": True}, name="the broken one")
    answer = look(admin_client, {"locked": True})
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["pointer"]) == (422, "")
    assert "the broken one" in error["message"]


def test_a_preview_runs_the_same_statements_for_any_number(admin_client: Client) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert look(admin_client, {"name": ["*"]}).status_code == 200
        return len(queries)

    account("a")
    few = asked()
    for n in range(12):
        account(f"b{n}")
    assert asked() == few


# --- a classification -------------------------------------------------------------------------


def test_pages_run_the_same_statements_for_any_number_of_rows(admin_client: Client) -> None:
    one = made({"locked": True}).classification
    paths = ["/admin/accounts/classification/", "/admin/accounts/classificationrule/"]
    paths.append(object_url(one))

    def fill(number: int) -> None:
        for n in range(number):
            rule = made({"locked": True}, classification=one)
            made({"locked": True})
            AssignmentFactory(account=account("a"), classification=one, rule=rule)
            AssignmentFactory(account=account("b"), classification=one)
            day = timezone.localdate() - timedelta(days=ClassificationDay.objects.count())
            for owner in (rule, None):
                ClassificationDay.objects.create(
                    classification=one, rule=owner, day=day, accounts=n
                )

    fill(2)
    statements(admin_client, paths[2])  # what is only asked for once comes first
    few = [statements(admin_client, path) for path in paths]
    fill(9)
    assert [statements(admin_client, path) for path in paths] == few


def test_before_the_first_run_nobody_is_unknown_and_not_none(admin_client: Client) -> None:
    rule = made({"locked": True})
    pages = [object_url(rule.classification), "/admin/accounts/classification/"]
    before = [admin_client.get(path).content.decode() for path in pages]
    classify_now(trigger="command")
    after = [admin_client.get(path).content.decode() for path in pages]
    assert "Unknown: no run has looked for it yet." in before[0]
    assert "no run has looked yet" in before[1]
    assert "Nobody, as of the last run." in after[0]
    assert "no run has looked yet" not in after[1]


def test_members_are_found_by_account_or_instance(admin_client: Client) -> None:
    one = ClassificationFactory()
    for name in ("ann", "bob"):
        place = InstanceFactory(name=f"server-of-{name}")
        AssignmentFactory(account=account(f"{name}'s", instance=place), classification=one)
    told = admin_client.get(object_url(one), {"member": "OF-BOB"})
    assert [row.account.name for row in told.context["members"]] == ["bob's"]


def test_a_line_goes_on_over_versions_and_breaks_at_days_without_a_run() -> None:
    first = made({"locked": True}, name="r")
    later = ClassificationRule.objects.revise(
        first, {"engine": "mysql"}, at=timezone.now(), by=None
    )
    one, day = first.classification, timezone.localdate()
    for rule, back, number in ((first, 4, 7), (first, 3, 8), (later, 1, 9), (None, 1, 9)):
        ClassificationDay.objects.create(
            classification=one, rule=rule, day=day - timedelta(days=back), accounts=number
        )
    x = (day - timezone.localdate().replace(1970, 1, 1)).days
    assert chart(ClassificationDay.objects.all()) == {
        "series": [
            {"name": "all", "points": [{"x": x - 1, "y": 9}]},
            {
                "name": "r",
                "points": [
                    {"x": x - 4, "y": 7},
                    {"x": x - 3, "y": 8},
                    {"x": x - 2, "y": None},
                    {"x": x - 1, "y": 9},
                ],
            },
        ]
    }


def test_what_is_in_use_or_ours_is_not_deleted(admin_client: Client) -> None:
    used, free = made({"locked": True}).classification, ClassificationFactory()
    for one in (used, free):
        admin_client.post(reverse("admin:accounts_classification_remove", args=[one.pk]))
    assert list(Classification.objects.all()) == [used]


def test_hostile_names_are_only_text(admin_client: Client) -> None:
    one = ClassificationFactory(name=HOSTILE, colour=HOSTILE[:20], description=HOSTILE)
    rule = made({"name": [HOSTILE]}, name=HOSTILE, classification=one)
    place = InstanceFactory(name=HOSTILE, environment=HOSTILE[:30])
    member = account(HOSTILE, instance=place)
    AssignmentFactory(account=member, classification=one, rule=rule)
    TagFactory(name=HOSTILE)
    texts = [admin_client.get(object_url(row)).content.decode() for row in (one, rule, member)]
    texts += [admin_client.get("/admin/accounts/classification/").content.decode()]
    texts += [look(admin_client, {"name": ["*"]}).json()["html"]]
    assert all("<script>alert" not in text for text in texts)
    assert all("alert(1)" in text for text in texts)


# --- by hand ------------------------------------------------------------------------------------


def test_what_a_rule_has_given_nobody_takes_by_hand(client_as: ClientAs) -> None:
    rule, one = made({"locked": True}), account("a")
    row = AssignmentFactory(account=one, classification=rule.classification, rule=rule)
    client = client_as("operator")
    url = reverse("admin:accounts_unassign", args=[row.pk])
    assert "change the rule" in client.post(url, follow=True).content.decode()
    for _ in range(2):  # the second time it is there already
        client.post(
            reverse("admin:accounts_assign", args=[one.pk]),
            {"classification": rule.classification.code},
        )
    open_ = (
        Assignment.objects.open().order_by("pk").values_list("is_manual", "assigned_by__username")
    )
    assert list(open_) == [(False, None), (True, "operator")]


def test_an_account_says_that_no_run_judges_it(admin_client: Client) -> None:
    texts = [
        admin_client.get(object_url(one)).content.decode()
        for one in (account("judged"), account("not", facts_version=0))
    ]
    assert ["None, as of the last run." in text for text in texts] == [True, False]
    assert ["Runs don't judge it" in text for text in texts] == [False, True]


@pytest.mark.parametrize(
    ("engine", "doubt"),
    [("toy", ""), ("postgresql", "A session that a reading met"), ("mysql", "A session that")],
)
def test_an_account_says_what_a_last_login_is_worth(
    admin_client: Client, engine: str, doubt: str
) -> None:
    one = account("a", instance__engine=engine, last_login_at=timezone.now())
    page = admin_client.get(object_url(one)).content.decode()
    assert ("A session that a reading met" in page) == bool(doubt)
