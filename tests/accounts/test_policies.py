"""``policy_test``: what it prints, what it writes, and how it ends."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.facts import FACTS_VERSION
from accounts.models import Account, Classification, ClassificationRule
from tests.factories import (
    AccountFactory,
    ClassificationRuleFactory,
    InstanceFactory,
    SectionFactory,
    TagFactory,
)

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
    web, ours, away = (InstanceFactory(name=name) for name in ("web", "ours", "away"))
    for one in (web, ours):
        SectionFactory(instance=one, name="accounts")
    InstanceFactory(name="of another kind", engine="mysql")
    away.deleted_at = timezone.now()
    away.save()
    ours.tags.add(TagFactory(name="dba"))
    superuser("dba", ours)
    superuser("evil <\x01&", web)
    superuser("evil too", web)
    superuser("good", web, told=False)
    superuser("who knows", web, told=None)
    match = {"all": [{"superuser": True}, {"not": {"tag": ["dba"]}}]}
    ClassificationRuleFactory(name="no policy", expression={"version": 5, "match": match})
    made: ClassificationRule = ClassificationRuleFactory(
        name="no superuser outside dba",
        is_policy=True,
        engine="toy",
        expression={"version": 5, "match": match},
    )
    ClassificationRuleFactory(
        name="kept",
        is_policy=True,
        engine="toy",
        expression={"version": 5, "match": {"kind": ["group"]}},
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
        "no superuser outside dba: 2 violations",
        r"  web: evil <\x01&",
        "  web: evil too",
        "  1 accounts are not known.",
    ]
    suite = ET.parse(files["junit"]).getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert [
        (case.get("name"), case.findtext("failure"), case.findtext("system-out")) for case in suite
    ] == [
        ("kept", None, None),
        (
            "no superuser outside dba",
            "web: evil <\ufffd&\nweb: evil too",
            "1 accounts are not known.",
        ),
    ]
    (run,) = json.loads(files["sarif"].read_text())["runs"]
    assert [rule["name"] for rule in run["tool"]["driver"]["rules"]] == [
        "kept",
        "no superuser outside dba",
    ]
    assert [(one["ruleId"], one["ruleIndex"], one["level"]) for one in run["results"]] == [
        (str(policy.group), 1, "error"),
        (str(policy.group), 1, "error"),
        (str(policy.group), 1, "none"),
    ]
    assert run["results"][2]["kind"] == "open"
    place = run["results"][0]["locations"][0]["logicalLocations"][0]
    assert place["fullyQualifiedName"] == "web/evil <\x01&"


def test_nothing_violated_ends_well(
    policy: ClassificationRule, capsys: pytest.CaptureFixture[str]
) -> None:
    policy.delete()

    call_command("policy_test")

    assert capsys.readouterr().out == "kept: 0 violations\n"


@pytest.mark.parametrize(
    "happened",
    [
        {"name": "never read"},
        {"name": "not to be read", "section": "unknown"},
        {"name": "fails now", "section": "complete", "last_error": "Connection refused."},
    ],
    ids=lambda one: one["name"],
)
def test_a_policy_does_not_pass_where_nobody_looked(
    policy: ClassificationRule,
    happened: dict[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    policy.delete()
    down = InstanceFactory(name=happened["name"], last_error=happened.get("last_error", ""))
    if "section" in happened:
        SectionFactory(instance=down, name="accounts", state=happened["section"])
    files = {name: tmp_path / name for name in ("junit", "sarif")}

    call_command("policy_test", **files)

    told = f"The accounts of 1 instances are not known: {down.name}."
    assert capsys.readouterr().out.splitlines() == ["kept: 0 violations", f"  {told}"]
    suite = ET.parse(files["junit"]).getroot()
    (case,) = suite
    assert (suite.get("failures"), suite.get("skipped")) == ("0", "1")
    assert [(one.tag, one.get("message")) for one in case] == [("skipped", told)]
    (result,) = json.loads(files["sarif"].read_text())["runs"][0]["results"]
    assert (result["kind"], result["message"]["text"]) == ("open", f"kept: {told}")


def test_a_broken_policy_does_not_pass() -> None:
    ClassificationRuleFactory(is_policy=True, expression={"version": 5, "match": {}})

    with pytest.raises(CommandError, match="is broken"):
        call_command("policy_test")


def test_no_policy_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("policy_test")

    assert capsys.readouterr().out == "No rule is marked as policy.\n"


# Of what SARIF 2.1.0 lets these objects have, what we write; and what it demands.
SARIF = {
    "run": ({"tool", "results"}, {"tool"}),
    "rule": ({"id", "name", "shortDescription", "fullDescription", "properties"}, {"id"}),
    "result": ({"ruleId", "ruleIndex", "kind", "level", "message", "locations"}, {"message"}),
    "location": ({"logicalLocations"}, set()),
    "place": ({"name", "fullyQualifiedName", "kind"}, set()),
}


def fits(kind: str, document: dict[str, Any]) -> bool:
    allowed, demanded = SARIF[kind]
    return demanded <= set(document) <= allowed


def test_the_sarif_file_is_valid(policy: ClassificationRule, tmp_path: Path) -> None:
    with pytest.raises(CommandError):
        call_command("policy_test", sarif=tmp_path / "sarif")
    document = json.loads((tmp_path / "sarif").read_text())
    assert (document["version"], set(document)) == ("2.1.0", {"$schema", "version", "runs"})
    (run,) = document["runs"]
    rules, results = run["tool"]["driver"]["rules"], run["results"]
    places = [place for one in results for place in one.get("locations", ())]
    assert fits("run", run)
    assert all(fits("rule", one) for one in rules)
    assert all(fits("result", one) for one in results)
    assert all(fits("location", one) for one in places)
    assert all(fits("place", two) for one in places for two in one["logicalLocations"])
    assert all(rules[one["ruleIndex"]]["id"] == one["ruleId"] for one in results)
    # A kind other than "fail" goes with the level "none" only.
    assert {(one.get("kind", "fail"), one["level"]) for one in results} == {
        ("fail", "error"),
        ("open", "none"),
    }


def test_the_junit_file_is_valid(policy: ClassificationRule, tmp_path: Path) -> None:
    with pytest.raises(CommandError):
        call_command("policy_test", junit=tmp_path / "junit")
    suite = ET.parse(tmp_path / "junit").getroot()
    assert (suite.tag, set(suite.attrib)) == (
        "testsuite",
        {"name", "tests", "failures", "errors", "skipped"},
    )
    assert [(case.tag, set(case.attrib), [part.tag for part in case]) for case in suite] == [
        ("testcase", {"classname", "name"}, []),
        ("testcase", {"classname", "name"}, ["failure", "system-out"]),
    ]
