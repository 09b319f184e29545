"""Who may do something to an object, and why."""

from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from typing import Any

from accounts.objects import parse_object
from accounts.who_can import Answer, holder_documents, who_can
from instances.models import Instance
from whalefall.core.commands import WhalefallCommand, past_moment

KEYS = ("instance", "account", "privilege", "scope", "grantable", "reachable", "via")
PAGE = 1000


class Command(WhalefallCommand):
    help = "Print who may do PRIVILEGE on OBJECT, and by which roles."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("privilege")
        parser.add_argument("object", help='db.schema.table, with "quotes" as in SQL; or *')
        parser.add_argument("--instance")
        parser.add_argument("--at", type=past_moment, metavar="TIME", help="then instead of now")
        parser.add_argument("--set-role", action="store_true", help="also who could by SET ROLE")
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(
        self, *, privilege: str, instance: str | None, as_json: bool, **options: Any
    ) -> None:
        one = Instance.objects.named([instance]).get() if instance else None
        asked = {"at": options["at"], "set_role": options["set_role"]}
        answer = who_can(privilege, parse_object(options["object"]), instance=one, **asked)
        for one_untold in answer.untold:
            self.stderr.write(f"could not be told: {one_untold.instance}: {one_untold.reason}")
        if as_json:
            self.print_json([*map(contract, documents(answer))])
            return
        for line in lines(list(documents(answer))):
            self.stdout.write(line)


def documents(answer: Answer) -> Iterator[dict[str, Any]]:
    for start in range(0, len(answer), PAGE):
        yield from holder_documents(answer[start : start + PAGE], answer.question)


def contract(document: dict[str, Any]) -> dict[str, Any]:
    """As ``--json`` prints it: ``set_role`` and ``condition`` only where there is one."""
    options = {name: document[name] for name in ("set_role", "condition") if document[name]}
    return {name: document[name] for name in KEYS} | options


def lines(holders: Sequence[dict[str, Any]]) -> Iterator[str]:
    """A line each. Whoever holds it as everybody does stands in the line of everybody."""
    open_to_all = {
        (one["instance"], one["scope"])
        for one in holders
        if any(way["to"] == one["account"] == "public" for way in one["ways"])
    }
    for one in holders:
        place = f"{one['instance']}  "
        if (one["instance"], one["scope"]) not in open_to_all:
            yield f"{place}{one['account']}{how(one)}"
        elif one["account"] == "public":
            yield f"{place}everybody (PUBLIC){how(one)}"
        elif any(way["to"] != "public" for way in one["ways"]):
            own = next(way for way in one["ways"] if way["to"] != "public")
            way = {"via": own["via"], "condition": own["condition"]}
            yield f"{place}{one['account']}{how({**one, **way})}"
    if not holders:
        yield "Nobody that is known of."


def how(one: dict[str, Any]) -> str:
    words = ["after SET ROLE"] if one["set_role"] else []
    if one["via"]:
        words.append(f"via {' → '.join(one['via'])}")
    words += sorted({way["power"] for way in one["ways"] if way["power"]})
    if one["grantable"]:
        words.append("may pass it on")
    if one["condition"]:
        words.append(f"not certain: {one['condition']}")
    if one["reachable"] is not True:
        words.append("not reachable" if one["reachable"] is False else "reachable or not: unknown")
    return f" ({', '.join(words)})" if words else ""
