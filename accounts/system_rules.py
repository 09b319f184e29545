"""The classifications that ship with Whalefall, and their rules.

They are put in place after every ``migrate``. What an operator has changed stays: a classification
is only made, and a rule only replaced while its current version is one of ours.
"""

from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from auditlog.context import disable_auditlog
from django.apps import apps as installed
from django.apps.registry import Apps
from django.db import DEFAULT_DB_ALIAS
from django.utils import timezone

from accounts.models import Classification, ClassificationRule
from accounts.predicates.schema import VERSION

Node = dict[str, Any]
DORMANT_DAYS = 90
SERVICE_WORDS = ("svc", "service", "app")
SERVICE_NAMES = [
    pattern.format(word=word, mark=mark)
    for word in SERVICE_WORDS
    for mark in "_-"
    for pattern in ("{word}{mark}*", "*{mark}{word}")
]


@dataclass(frozen=True, slots=True)
class Shipped:
    """A classification with its rules by engine; '' is every engine."""

    code: str
    name: str
    description: str
    risk_level: int
    priority: int
    colour: str
    rules: dict[str, Node]


def on_server(privilege: str) -> Node:
    """Holds it on the whole server, and nothing of it is taken away again."""
    denied = {"privilege": {"name": [privilege], "denied": True}}
    return {
        "all": [{"privilege": {"name": [privilege], "scope": ["server"]}}, {"not": denied}],
    }


USERS: Node = {"kind": ["user"]}
MAY_LOG_IN: Node = {"capability": ["can_login"]}
SERVICE: Node = {"all": [USERS, {"name": SERVICE_NAMES}]}

SHIPPED = (
    Shipped(
        "superuser",
        "Superuser",
        "May do everything on its server.",
        *(6, 10, "red"),
        {"": {"superuser": True}},
    ),
    Shipped(
        "can-grant",
        "Can grant",
        "May hand out rights, by itself or through a role that it inherits.",
        *(5, 20, "red"),
        {"": {"capability": ["can_grant"]}},
    ),
    Shipped(
        "writes-everywhere",
        "Writes everywhere",
        "May change the rows of every table of its server.",
        *(5, 30, "orange"),
        {
            "postgresql": {"any": [{"superuser": True}, {"role": {"name": ["pg_write_all_data"]}}]},
            "mysql": {"all": [on_server(one) for one in ("INSERT", "UPDATE", "DELETE")]},
        },
    ),
    Shipped(
        "reads-everything",
        "Reads everything",
        "May read the rows of every table of its server.",
        *(4, 40, "orange"),
        {
            "postgresql": {"any": [{"superuser": True}, {"role": {"name": ["pg_read_all_data"]}}]},
            "mysql": on_server("SELECT"),
        },
    ),
    Shipped(
        "dormant",
        "Dormant",
        f"May log in, and has not for {DORMANT_DAYS} days. Where the server keeps no logins, "
        "nobody is known to be dormant; who was met there since is known not to be.",
        *(3, 50, "amber"),
        {"": {"all": [MAY_LOG_IN, {"last_seen_days": {"min": DORMANT_DAYS}}]}},
    ),
    Shipped(
        "password-expired",
        "Password expired",
        "May log in, and its password has expired.",
        *(2, 60, "amber"),
        {"": {"all": [MAY_LOG_IN, {"password": ["expired"]}]}},
    ),
    Shipped(
        "password-never-expires",
        "Password never expires",
        "May log in with a password that lasts for ever.",
        *(3, 70, "amber"),
        {"": {"all": [MAY_LOG_IN, {"password": ["never_expires"]}]}},
    ),
    Shipped(
        "wildcard-host",
        "Wildcard host",
        "A user that may come from many hosts, or from any.",
        *(3, 80, "amber"),
        # A pattern, a network, or nothing at all, which is any host too.
        {"": {"all": [USERS, {"host": ["*%*", "*_*", "*/*", ""]}]}},
    ),
    Shipped(
        "locked",
        "Locked",
        "Locked on its server.",
        *(1, 90, "grey"),
        {"": {"locked": True}},
    ),
    Shipped(
        "role",
        "Role",
        "A role or group, which accounts get their rights from.",
        *(1, 100, "grey"),
        {"": {"kind": ["role", "group"]}},
    ),
    Shipped(
        "service-account",
        "Service account",
        "A program's account, by its name.",
        *(2, 110, "blue"),
        {"": SERVICE},
    ),
    Shipped(
        "personal-account",
        "Personal account",
        "A person's account, by its name: first.last, or an address.",
        *(2, 120, "blue"),
        {"": {"all": [USERS, {"name": ["?*.?*", "?*@?*"]}, {"not": SERVICE}]}},
    ),
)


def group_of(code: str, engine: str) -> UUID:
    """The same in every installation and release."""
    return uuid5(NAMESPACE_URL, f"whalefall:rule:{code}:{engine}")


def ship(
    sender: object = None,
    *,
    using: str = DEFAULT_DB_ALIAS,
    apps: Apps = installed,
    **_: Any,
) -> None:
    """Put in place what is missing, and renew what is ours still. A receiver of post_migrate."""
    try:
        apps.get_model("accounts", "ClassificationRule")
    except LookupError:  # migrated back to before there were rules
        return
    with disable_auditlog():  # nobody did it, and the log may have no table yet
        for one in SHIPPED:
            ship_one(one, using)


def ship_one(one: Shipped, using: str) -> None:
    fields = ("name", "description", "risk_level", "priority", "colour")
    told = {name: getattr(one, name) for name in fields}
    classification = Classification.objects.using(using).ship(one.code, **told)
    for engine, match in one.rules.items():
        ship_rule(classification, engine, {"version": VERSION, "match": match}, using)


def ship_rule(
    classification: Classification, engine: str, expression: dict[str, Any], using: str
) -> None:
    rules = ClassificationRule.objects.using(using)
    ours = rules.filter(group=group_of(classification.code, engine))
    current, now = ours.current().first(), timezone.now()
    if current is not None and current.is_system and current.expression != expression:
        changes = {"expression": expression, "is_system": True}
        rules.revise(current, changes, at=now, by=None)
    if current is not None or ours.exists():  # one without a current version was deleted
        return
    name = f"{classification.name} ({engine})" if engine else classification.name
    if rules.current().filter(name=name).exists():
        name = f"{name} (Whalefall)"
    rules.add(
        at=now,
        group=group_of(classification.code, engine),
        classification=classification,
        name=name,
        engine=engine,
        expression=expression,
        is_system=True,
    )
