"""The feed of account changes."""

from argparse import ArgumentParser
from collections import defaultdict
from datetime import datetime
from typing import Any

from accounts.effect_words import effect_document, effect_words
from accounts.effects import effect_of
from accounts.models import AccountChange
from instances.models import Instance
from whalefall.core.commands import WhalefallCommand, moment


class Command(WhalefallCommand):
    help = "Print what changed about accounts, the newest last."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--since", type=moment, metavar="TIME", help="such as 2026-03-31 or 7d")
        parser.add_argument("--instance")
        parser.add_argument(
            "--effects", action="store_true", help="who gained or lost what by each change"
        )
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(
        self,
        *,
        since: datetime | None,
        instance: str | None,
        effects: bool,
        as_json: bool,
        **options: Any,
    ) -> None:
        changes = AccountChange.objects.select_related("account__instance").order_by(
            "occurred_at", "pk"
        )
        if instance:
            changes = changes.filter(account__instance=Instance.objects.named([instance]).get())
        if since:
            changes = changes.filter(occurred_at__gte=since)
        rows = changes.iterator(chunk_size=2000)
        if as_json:
            self.print_json([with_effect(row) if effects else document(row) for row in rows])
            return
        for row in rows:
            self.stdout.write(line(document(row)))
            for words in effect_words(effect_of(row)) if effects else ():
                self.stdout.write(f"    {words}")


def document(change: AccountChange) -> dict[str, Any]:
    return {
        "occurred_at": change.occurred_at.isoformat(),
        "instance": change.account.instance.name,
        "account": change.account.name,
        "kind": change.kind,
        "cause": change.cause,
        "session_id": str(change.session_id) if change.session_id else None,
        "diff": change.diff,
    }


def with_effect(change: AccountChange) -> dict[str, Any]:
    return {**document(change), "effect": effect_document(effect_of(change))}


def line(change: dict[str, Any]) -> str:
    head = f"{change['occurred_at'][:19]}  {change['instance']}  {change['account']}"
    cause = "" if change["cause"] == "observed" else f" ({change['cause'].replace('_', ' ')})"
    details = "; ".join(detail_words(change["diff"]))
    return f"{head}  {change['kind']}{cause}" + (f": {details}" if details else "")


def detail_words(diff: dict[str, Any]) -> list[str]:
    """Each difference in a few words; the privileges on one thing together."""
    words = [f"role {edge['role']}{options(edge)}" for edge in diff.get("memberships", [])]
    on: dict[str, list[str]] = defaultdict(list)
    for edge in diff.get("grants", []):
        parts = (edge[part] for part in ("database", "schema", "object", "column"))
        denied = "not " if edge["denied"] else ""
        place = ".".join(part for part in parts if part) or "the whole server"
        on[place].append(f"{denied}{edge['privilege']}{options(edge)}")
    words += [f"{', '.join(privileges)} on {place}" for place, privileges in on.items()]
    for name, (before, after) in diff.get("attributes", {}).items():
        words.append(f"{name}: {before} → {after}")
    return words


def options(edge: dict[str, Any]) -> str:
    """What an edge's options are, where it is they that changed."""
    return "".join(f" ({name}: {was} → {edge[name]})" for name, was in edge.get("was", {}).items())
