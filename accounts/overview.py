"""Every account of an instance in one line each, for a terminal."""

from collections import defaultdict

from accounts.models import Account, Grant, Membership
from instances.models import Instance

WIDEST_NAME = 32


def account_lines(instance: Instance) -> list[str]:
    """Name, what stands out, roles, and how many privileges where. System accounts are left out."""
    accounts = Account.objects.listed().filter(instance=instance).order_by("name")
    roles, privileges = roles_of(instance), privileges_of(instance)
    width = min(max((len(account.name) for account in accounts), default=0), WIDEST_NAME)
    return [
        f"{account.name:{width}}  {account.kind:6}  "
        + "; ".join([*marks(account), *roles[account.pk], *privileges[account.pk]])
        for account in accounts
    ]


def marks(account: Account) -> list[str]:
    words = {
        "SUPERUSER": account.is_superuser,
        "locked": account.is_locked,
        "may grant": account.facts.get("can_grant", {}).get("value"),
        "password never expires": account.facts.get("password_never_expires", {}).get("value"),
        "password expired": account.facts.get("password_expired", {}).get("value"),
    }
    return [word for word, is_true in words.items() if is_true]


def roles_of(instance: Instance) -> dict[int, list[str]]:
    rows = Membership.objects.open().filter(member__instance=instance).order_by("role__name")
    roles: dict[int, list[str]] = defaultdict(list)
    for member, role in rows.values_list("member", "role__name").distinct():
        roles[member].append(f"role {role}")
    return roles


def privileges_of(instance: Instance) -> dict[int, list[str]]:
    """``12 in shop``: open grants of each account, by database."""
    rows = Grant.objects.open().filter(account__instance=instance)
    privileges: dict[int, list[str]] = defaultdict(list)
    for account, database, number in rows.counted_by_database():
        privileges[account].append(f"{number} on {database or 'the server'}")
    return privileges
