"""What the mirror says, in a form that tests can compare as a whole."""

from datetime import datetime
from typing import Any

from django.test.utils import CaptureQueriesContext

from accounts.models import AccountChange, Grant, Membership
from instances.models import Instance


def changes(instance: Instance, since: int = 0) -> list[tuple[Any, ...]]:
    """``(account, kind, cause, diff)`` of every entry but the first ``since``."""
    rows = AccountChange.objects.filter(account__instance=instance).order_by("pk")
    return [
        (row.account.name, row.kind, row.cause, row.diff)
        for row in rows.select_related("account")[since:]
    ]


def causes(instance: Instance, since: int = 0) -> list[tuple[Any, ...]]:
    return [entry[:3] for entry in changes(instance, since)]


def edges(instance: Instance, at: datetime | None = None) -> set[tuple[Any, ...]]:
    """The edges that hold now, or held ``at`` a moment, with grantor and options."""
    grants = Grant.objects.filter(account__instance=instance)
    memberships = Membership.objects.filter(member__instance=instance)
    open_grants = grants.open() if at is None else grants.at(at)
    open_memberships = memberships.open() if at is None else memberships.at(at)
    return {
        (
            grant.account.name,
            grant.privilege,
            str(grant.securable),
            grant.grantor and grant.grantor.name,
            grant.grantable,
        )
        for grant in open_grants.select_related("account", "securable", "grantor")
    } | {
        (
            edge.member.name,
            "∈",
            edge.role.name,
            edge.grantor and edge.grantor.name,
            edge.admin_option,
        )
        for edge in open_memberships.select_related("member", "role", "grantor")
    }


def granted(*tables: str, **fields: Any) -> dict[str, Any]:
    """The diff of SELECT on ``tables``, each ``database.schema.table``."""
    return {"grants": [grant_words(table, **fields) for table in tables]}


def grant_words(table: str, **fields: Any) -> dict[str, Any]:
    database, schema, name = table.split(".")
    return {
        "privilege": "SELECT",
        "scope": "table",
        "database": database,
        "schema": schema,
        "object": name,
        "column": "",
        "grantor": None,
        "grantable": False,
        "denied": False,
        "owner": False,
        **fields,
    }


def member_of(role: str, **fields: Any) -> dict[str, Any]:
    """The diff of a membership in ``role``."""
    words = {
        "role": role,
        "grantor": None,
        "admin_option": False,
        "inherits": True,
        "can_set": True,
        "is_default": False,
    }
    return {"memberships": [words | fields]}


def written_tables(queries: CaptureQueriesContext) -> list[str]:
    """The table of each statement that writes."""
    words = (query["sql"].split() for query in queries)
    verbs = {"INSERT": 2, "UPDATE": 1, "DELETE": 2}
    return [word[verbs[word[0]]].strip('"') for word in words if word[0] in verbs]
