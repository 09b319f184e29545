"""What one account may do: by its own edges, or in the end and by which ways."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.utils import timezone

from accounts.effective import effective_privileges
from accounts.history import check_kept
from accounts.models import Account
from accounts.privileges import Privileges, direct_privileges
from accounts.worlds import past_principals
from instances.models import Instance
from whalefall.core.commands import WhalefallCommand, past_moment
from whalefall.core.errors import InvalidRequest


class Command(WhalefallCommand):
    help = "Print what ACCOUNT on INSTANCE may do by its own grants, or in the end."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("instance")
        parser.add_argument("account", help="as the server spells it; on MySQL user@host")
        parser.add_argument(
            "--effective", action="store_true", help="also by its roles, ownership and PUBLIC"
        )
        parser.add_argument("--at", type=past_moment, metavar="TIME", help="then instead of now")
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(
        self,
        *,
        instance: str,
        account: str,
        effective: bool,
        at: datetime | None,
        as_json: bool,
        **options: Any,
    ) -> None:
        read = effective_privileges if effective else direct_privileges
        found = read(find_account(instance, account, at), at=at)
        if as_json:
            self.print_json([*map(contract, found.privileges)])
            return
        for line in lines(found):
            self.stdout.write(line)


def find_account(instance: str, name: str, at: datetime | None) -> Account:
    """The account of that name: the present one, or for the past the one that had it then."""
    server = Instance.objects.named([instance]).get()
    accounts = Account.objects.select_related("instance")
    if at is None:
        found = accounts.present().filter(instance=server, name=name).first()
    else:
        there = past_principals(server, at).values()
        found = accounts.filter(pk__in=[one.key for one in there if one.name == name]).first()
    if found is None:
        if at is not None:
            check_kept(at)
        when = f" at {at:%Y-%m-%d %H:%M}" if at else ""
        raise InvalidRequest(f"The mirror of {instance} has no account {name!r}{when}.")
    return found


def lines(found: Privileges) -> list[str]:
    printed = [membership_line(one) for one in found.memberships]
    printed += [grant_line(one) for one in found.privileges]
    if not printed:
        printed.append("No grants or roles of its own" + (" are known." if found.unknown else "."))
    printed += [
        f"unknown: {section}: {section.reason} {section.needed_grant}".rstrip()
        for section in found.unknown
    ]
    read_at = timezone.localtime(found.read_at)
    printed.append(f"coverage {found.coverage:.0%}, last read {read_at:%Y-%m-%d %H:%M}")
    return printed


def membership_line(membership: dict[str, Any]) -> str:
    words = {
        "inherits": "inherits",
        "can_set": "may SET ROLE",
        "is_default": "active after login",
        "admin_option": "may pass it on",
    }
    options = ", ".join(word for option, word in words.items() if membership[option])
    return f"role {membership['role']} ({options or 'no options'})"


def grant_line(grant: dict[str, Any]) -> str:
    parts = (grant[part] for part in ("database", "schema", "object", "column"))
    place = ".".join(part for part in parts if part) or "the whole server"
    denied = "not " if grant["denied"] else ""
    option = ", may pass it on" if grant["grantable"] else ""
    return f"{denied}{grant['privilege']} on {grant['scope']} {place}{option}{how(grant)}"


def how(grant: dict[str, Any]) -> str:
    """By which way, and whether it leads there; nothing to say of a grant of one's own."""
    words = [f"after SET ROLE {grant['via'][0]}"] if grant.get("set_role") and grant["via"] else []
    if grant["via"]:
        words.append(f"via {' → '.join(grant['via'])}")
    if grant.get("condition"):
        words.append(f"not certain: {grant['condition']}")
    if not grant["reachable"]:
        words.append("reachable or not: unknown" if grant["reachable"] is None else "not reachable")
    return f" ({', '.join(words)})" if words else ""


def contract(grant: dict[str, Any]) -> dict[str, Any]:
    """As ``--json`` prints it: ``set_role`` and ``condition`` only where there is one."""
    options = {"set_role", "condition"}
    return {
        name: value
        for name, value in grant.items()
        if name != "ways" and (value or name not in options)
    }
