"""Policy results in the formats that CI systems read."""

import json
import re
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree as ET

from accounts.policies import PolicyResult

# XML 1.0 has no way to say these, and names of accounts may hold them.
NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def junit(results: Sequence[PolicyResult]) -> bytes:
    """A test case per policy: failed when accounts violate it, skipped when nobody knows."""
    failures = [one for one in results if one.violations]
    skipped = [one for one in results if one.unknown and not one.violations]
    suite = ET.Element(
        "testsuite",
        name="whalefall policies",
        tests=str(len(results)),
        failures=str(len(failures)),
        errors="0",
        skipped=str(len(skipped)),
    )
    for one in results:
        case = ET.SubElement(suite, "testcase", classname="policy", name=as_xml(one.rule.name))
        if one.violations:
            told = f"{len(one.violations)} accounts violate it"
            ET.SubElement(case, "failure", message=told).text = as_xml("\n".join(one.messages))
        if one in skipped:
            ET.SubElement(case, "skipped", message=as_xml(" ".join(one.unknown)))
        elif one.unknown:
            ET.SubElement(case, "system-out").text = as_xml("\n".join(one.unknown))
    return bytes(ET.tostring(suite, encoding="utf-8", xml_declaration=True))


def as_xml(text: str) -> str:
    return NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def sarif(results: Sequence[PolicyResult]) -> str:
    """SARIF 2.1.0: a rule per policy, a result per violation, and an open one for the unknown."""
    rules = [
        {
            "id": str(one.rule.group),
            "name": one.rule.name,
            "shortDescription": {"text": one.rule.name},
            "fullDescription": {"text": one.rule.classification.description or one.rule.name},
            "properties": {"version": one.rule.version, "undecided": one.undecided},
        }
        for one in results
    ]
    found: list[dict[str, Any]] = [
        {
            "ruleId": str(one.rule.group),
            "ruleIndex": index,
            "level": "error",
            "message": {"text": f"{account.name} on {account.instance}: {one.rule.name}"},
            "locations": [
                {
                    "logicalLocations": [
                        {
                            "name": account.name,
                            "fullyQualifiedName": f"{account.instance}/{account.name}",
                            "kind": "account",
                        }
                    ]
                }
            ],
        }
        for index, one in enumerate(results)
        for account in one.violations
    ]
    found += [
        {
            "ruleId": str(one.rule.group),
            "ruleIndex": index,
            "kind": "open",
            "level": "none",
            "message": {"text": f"{one.rule.name}: {told}"},
        }
        for index, one in enumerate(results)
        for told in one.unknown
    ]
    driver = {"name": "Whalefall", "rules": rules}
    run = {"tool": {"driver": driver}, "results": found}
    return json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)
