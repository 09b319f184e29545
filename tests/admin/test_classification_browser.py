"""Classifications in a real browser: from a rule made with the editor to the account's class."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.facts import FACTS_VERSION
from accounts.models import (
    Account,
    Assignment,
    Classification,
    ClassificationDay,
    ClassificationRule,
)
from accounts.tasks import classify_for_records
from sync_sessions.models import SyncSession
from tests.factories import (
    AccountFactory,
    AssignmentFactory,
    ClassificationFactory,
    ClassificationRuleFactory,
    InstanceFactory,
    TagFactory,
)
from whalefall.users.models import User

pytestmark = pytest.mark.django_db(transaction=True)
ADDRESS = "/admin/accounts/classificationrule/"


@pytest.fixture
def go(page: Page, live_server: LiveServer, person: Callable[..., User]) -> Callable[..., Page]:
    """Opens a page as somebody of a role."""

    def open_(path: str, role: str = "admin") -> Page:
        if not page.context.cookies():
            client = Client()
            client.force_login(person(role))
            value = client.cookies["sessionid"].value
            page.context.add_cookies(
                [{"name": "sessionid", "value": value, "url": live_server.url}]
            )
        page.goto(f"{live_server.url}{path}")
        return page

    return open_


@pytest.fixture
def people(transactional_db: None) -> dict[str, Account]:
    """Two service accounts, of which one is on a server of the DBAs, and a person."""
    Classification.objects.all().delete()  # those that ship, where no flush was before
    ours, web = InstanceFactory(name="ours"), InstanceFactory(name="web")
    ours.tags.add(TagFactory(name="dba"))
    ClassificationFactory(code="outside", name="Outside")
    return {
        name: AccountFactory(name=name, instance=instance, facts_version=FACTS_VERSION)
        for name, instance in (("svc_dba", ours), ("svc_web", web), ("ann", web))
    }


def at(page: Page, pointer: str) -> Locator:
    return page.locator(f'[data-pointer="{pointer}"]')


def kind(page: Page, pointer: str) -> Locator:
    return at(page, pointer).get_by_label("Kind of condition").first


def listed(page: Page) -> Locator:
    return page.locator("[data-accounts] li a")


def work_off() -> None:
    session = SyncSession.objects.get()
    keys = list(session.records.values_list("pk", flat=True))
    classify_for_records(str(session.pk), min(keys), max(keys))


MATCH = {"all": [{"name": ["svc*"]}, {"not": {"all": [{"tag": ["dba"]}]}}]}


def make_a_rule(page: Page) -> None:
    """It is ``MATCH``; looks at the preview of each step."""
    page.get_by_role("link", name="Outside").click()
    page.get_by_role("link", name="New rule").click()
    page.get_by_label("Name", exact=True).fill("Programs outside")

    page.get_by_role("button", name="+ Add a condition").click()
    kind(page, "/match/all/0").select_option(label="Name")
    at(page, "/match/all/0/name/0").locator("input").fill("svc*")
    expect(listed(page)).to_have_text(["svc_dba", "svc_web"])

    page.get_by_role("button", name="+ Not").click()
    at(page, "/match/all/1/not").get_by_role("button", name="+ Add a condition").click()
    kind(page, "/match/all/1/not/all/0").select_option(label="Tag")
    at(page, "/match/all/1/not/all/0/tag").get_by_label("dba").check()
    expect(listed(page)).to_have_text(["svc_web"])
    assert expression(page) == MATCH


def test_a_rule_is_made_previewed_and_run_and_the_account_has_its_class(
    go: Callable[..., Page], people: dict[str, Account]
) -> None:
    page = go("/accounts/classifications/")
    make_a_rule(page)
    assert not ClassificationRule.objects.exists()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#versions tbody tr")).to_have_count(1)
    saved = ClassificationRule.objects.get()
    assert saved.expression == {"version": 5, "match": MATCH}
    assert (saved.name, saved.classification.code) == ("Programs outside", "outside")

    go("/accounts/classifications/").get_by_role("button", name="Classify now").click()
    expect(page.locator("[data-live=summary] h2")).to_contain_text("classification")
    work_off()
    go(f"/admin/accounts/account/{people['svc_web'].pk}/change/")
    expect(page.locator("#classes li")).to_contain_text("Outside Programs outside version 1")
    go(f"/admin/accounts/account/{people['svc_dba'].pk}/change/")
    expect(page.locator("#classes")).to_contain_text("None, as of the last run")


def test_what_is_wrong_is_told_where_it_is(
    go: Callable[..., Page], people: dict[str, Account]
) -> None:
    page = go(f"{ADDRESS}add/?classification={ClassificationFactory(name='Other').pk}")
    page.get_by_label("Name", exact=True).fill("broken")
    add = page.get_by_role("button", name="+ Add a condition")
    add.click()
    kind(page, "/match/all/0").select_option(label="Superuser")
    add.click()
    kind(page, "/match/all/1").select_option(label="Last login")
    at(page, "/match/all/1/last_seen_days/min").locator("input").fill("-3")
    expect(page.locator(".wf-rule-error")).to_have_text(["At least 0."])
    wrong = at(page, "/match/all/1/last_seen_days/min")
    expect(wrong.locator(".wf-rule-error")).to_be_visible()
    expect(wrong.locator("input")).to_have_attribute("aria-invalid", "true")

    page.get_by_role("button", name="Save").click()  # the server is who refuses it
    expect(page.get_by_role("heading", name="New rule")).to_be_visible()
    expect(at(page, "/match/all/1/last_seen_days/min").locator(".wf-rule-error")).to_be_visible()
    assert not ClassificationRule.objects.exists()

    at(page, "/match/all/1/last_seen_days/min").locator("input").fill("3")
    expect(page.locator(".wf-rule-error")).to_have_count(0)
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#versions tbody tr")).to_have_count(1)


def test_the_older_form_is_pasted_and_an_edit_is_another_version(
    go: Callable[..., Page], people: dict[str, Account]
) -> None:
    rule = ClassificationRuleFactory(expression={"version": 5, "match": {"name": ["ann"]}})
    page = go(f"{ADDRESS}{rule.pk}/change/")
    expect(page.locator("[data-show=matched]")).to_contain_text("1 match in all")
    page.get_by_text("Paste JSON…").click()
    box = page.get_by_label("JSON of a rule")
    for text, complaint in (
        ("{", "This is no JSON."),
        ('{"version": 4, "expr": {"op": "XOR", "args": []}}', "/expr/op: One of AND, OR"),
    ):
        box.fill(text)
        page.get_by_role("button", name="Use it").click()
        expect(page.locator("[data-paste] li")).to_contain_text(complaint)
    box.fill('{"version": 4, "expr": {"fn": "is_superuser", "args": {}}}')
    page.get_by_role("button", name="Use it").click()
    expect(kind(page, "/match")).to_have_value("superuser")
    expect(page.locator("[data-show=lost]")).to_contain_text("1 no longer match")
    page.locator("[data-show=lost]").click()
    expect(listed(page)).to_have_text(["ann"])

    page.get_by_role("button", name="Save").click()
    rows = page.locator("#versions tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("admin")
    rows.nth(1).get_by_role("link", name="1").click()
    expect(page.get_by_text("This version is history")).to_be_visible()
    expect(page.get_by_role("button", name="Save")).to_have_count(0)


def test_the_editor_is_used_by_keyboard(
    go: Callable[..., Page], people: dict[str, Account]
) -> None:
    two = {"any": [{"locked": True}, {"superuser": True}]}
    rule = ClassificationRuleFactory(expression={"version": 5, "match": two})
    page = go(f"{ADDRESS}{rule.pk}/change/")
    at(page, "/match/any/1").get_by_role("button", name="Move up").focus()
    page.keyboard.press("Enter")
    assert expression(page) == {"any": [{"superuser": True}, {"locked": True}]}
    expect(kind(page, "/match/any/0")).to_be_focused()
    page.keyboard.press("N")  # a select goes to what begins so: Not, with the condition in it
    page.keyboard.press("Tab")
    assert expression(page) == {"any": [{"not": {"superuser": True}}, {"locked": True}]}
    at(page, "/match/any/1").get_by_role("button", name="Remove").press("Enter")
    assert expression(page) == {"any": [{"not": {"superuser": True}}]}


def expression(page: Page) -> object:
    return json.loads(page.locator("[name=expression]").input_value())["match"]


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_who_may_not_edit_reads_the_rule_and_its_preview(
    go: Callable[..., Page], people: dict[str, Account], role: str
) -> None:
    rule = ClassificationRuleFactory(expression={"version": 5, "match": {"name": ["ann"]}})
    page = go(f"{ADDRESS}{rule.pk}/change/", role)
    expect(page.locator("[data-show=matched]")).to_contain_text("1 match in all")
    expect(at(page, "/match/name/0").locator("input")).to_be_disabled()
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    expect(page.get_by_text("Paste JSON…")).to_have_count(0)
    go("/accounts/classifications/", role)
    runs = 0 if role == "viewer" else 1
    expect(page.get_by_role("button", name="Classify now")).to_have_count(runs)


def test_an_operator_gives_and_takes_a_class_by_hand(
    go: Callable[..., Page], people: dict[str, Account]
) -> None:
    page = go(f"/admin/accounts/account/{people['ann'].pk}/change/", "operator")
    page.locator("#classes select").select_option(label="Outside")
    page.get_by_role("button", name="Assign by hand").click()
    expect(page.locator("#classes li")).to_contain_text("by hand, operator")
    page.get_by_role("button", name="Take away Outside").click()
    expect(page.locator("#classes")).to_contain_text("What it had before")
    row = Assignment.objects.get()
    assert row.is_manual
    assert row.revoked_at is not None


def test_a_classification_draws_its_days(
    go: Callable[..., Page], people: dict[str, Account]
) -> None:
    member = AssignmentFactory(account=people["ann"], classification__name="By day")
    today = timezone.localdate()
    for back in (0, 1, 2, 5, 6):
        ClassificationDay.objects.create(
            classification=member.classification, day=today - timedelta(days=back), accounts=back
        )
    page = go(f"/admin/accounts/classification/{member.classification_id}/change/")
    painted = page.locator("[data-days] canvas").evaluate(
        """one => one.getContext("2d").getImageData(0, 0, one.width, one.height).data
            .filter((value, at) => at % 4 === 3 && value > 0).length"""
    )
    assert painted > 1000
    page.get_by_text("As a table").click()
    expect(page.locator("#days tbody tr")).to_have_count(5)
    expect(page.locator("#members tbody tr")).to_contain_text("ann")


def test_narrow_classification_pages_do_not_scroll_sideways(
    go: Callable[..., Page], people: dict[str, Account], page: Page
) -> None:
    long = "a_very_long_name_" * 5
    deep = {"any": [{"privilege": {"name": [long]}}, {"name": [long]}, {"role": {"name": ["x"]}}]}
    for _ in range(3):
        deep = {"all": [{"not": deep}]}
    rule = ClassificationRuleFactory(name=long, expression={"version": 5, "match": deep})
    AssignmentFactory(
        account=people["ann"], classification=rule.classification, rule=rule, is_manual=False
    )
    Account.objects.filter(pk=people["ann"].pk).update(name=long * 3)
    page.set_viewport_size({"width": 480, "height": 800})
    key = rule.classification_id
    for path in (
        "/accounts/classifications/",
        f"/admin/accounts/classification/{key}/change/",
        f"{ADDRESS}{rule.pk}/change/",
        f"/admin/accounts/account/{people['ann'].pk}/change/",
    ):
        go(path)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= 480, path
