"""``policy_test``: what it prints, what it writes, and how it ends."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from django.core.management import CommandError, call_command

from accounts.facts import FACTS_VERSION
from accounts.models import Account, Classification, ClassificationRule
from tests.factories import AccountFactory, ClassificationRuleFactory, InstanceFactory, TagFactory

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture(autouse=True)
def _no_shipped_rules(db: None) -> None:
    Classification.objects.all().delete()


def superuser(name: str, instance: Any, *, told: bool | None = True) -> Account:
    made: Account = AccountFactory(
        instance=instance,
        name=name,
        facts={"superuser": {"value": told}},
        facts_version=FACTS_VERSION,
    )
    return made


@pytest.fixture
def policy() -> ClassificationRule:
    """No superuser outside tag dba; web has three accounts, of which one violates it."""
    web, ours = InstanceFactory(name="web"), InstanceFactory(name="ours")
    ours.tags.add(TagFactory(name="dba"))
    superuser("dba", ours)
    superuser("evil <\x01&", web)
    superuser("good", web, told=False)
    superuser("who knows", web, told=None)
    match = {"all": [{"superuser": True}, {"not": {"tag": ["dba"]}}]}
    ClassificationRuleFactory(name="no policy", expression={"version": 5, "match": match})
    made: ClassificationRule = ClassificationRuleFactory(
        name="no superuser outside dba", is_policy=True, expression={"version": 5, "match": match}
    )
    ClassificationRuleFactory(
        name="kept", is_policy=True, expression={"version": 5, "match": {"kind": ["group"]}}
    )
    return made


def test_a_violation_ends_with_one(
    policy: ClassificationRule, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {name: tmp_path / name for name in ("junit", "sarif")}

    with pytest.raises(CommandError, match="1 of 2 policies are violated") as error:
        call_command("policy_test", **files)

    assert error.value.returncode == 1
    assert capsys.readouterr().out.splitlines() == [
        "kept: 0 violations",
        "no superuser outside dba: 1 violations, 1 not known",
        "  web: evil <\x01&",
    ]
    suite = ET.parse(files["junit"]).getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert [
        (case.get("name"), case.findtext("failure"), case.findtext("system-out")) for case in suite
    ] == [
        ("kept", None, None),
        ("no superuser outside dba", "web: evil <\ufffd&", "1 accounts are not known."),
    ]
    (run,) = json.loads(files["sarif"].read_text())["runs"]
    assert [rule["name"] for rule in run["tool"]["driver"]["rules"]] == [
        "kept",
        "no superuser outside dba",
    ]
    assert [(one["ruleId"], one["ruleIndex"], one["level"]) for one in run["results"]] == [
        (str(policy.group), 1, "error")
    ]
    place = run["results"][0]["locations"][0]["logicalLocations"][0]
    assert place["fullyQualifiedName"] == "web/evil <\x01&"


def test_nothing_violated_ends_well(
    policy: ClassificationRule, capsys: pytest.CaptureFixture[str]
) -> None:
    policy.delete()

    call_command("policy_test")

    assert capsys.readouterr().out == "kept: 0 violations\n"


def test_a_broken_policy_does_not_pass() -> None:
    ClassificationRuleFactory(is_policy=True, expression={"version": 5, "match": {}})

    with pytest.raises(CommandError, match="is broken"):
        call_command("policy_test")


def test_no_policy_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("policy_test")

    assert capsys.readouterr().out == "No rule is marked as policy.\n"
