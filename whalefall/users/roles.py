"""What each role may do: the one table behind the groups, the API, the console and the tokens."""

from collections.abc import Iterable, Mapping
from functools import cache

READ = ("view",)
ALL = ("view", "add", "change", "delete")
RUN = ("view", "add", "change")
OWN = ("view", "add", "delete")

# app.model → what viewer, operator and admin may do with it.
ROLES: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "accounts.account": (READ, READ, READ),
    "accounts.accountchange": (READ, READ, READ),
    "accounts.assignment": (READ, ALL, ALL),
    "accounts.classification": (READ, READ, ALL),
    "accounts.classificationday": (READ, READ, READ),
    "accounts.classificationrule": (READ, READ, ALL),
    "accounts.grant": (READ, READ, READ),
    "accounts.heldreading": (READ, ("view", "change"), ("view", "change")),
    "accounts.membership": (READ, READ, READ),
    "accounts.securable": (READ, READ, READ),
    "auditlog.logentry": ((), (), READ),
    "django_q.schedule": (READ, READ, ("view", "change")),
    "instances.credential": ((), (), ALL),
    "instances.database": (READ, READ, READ),
    "instances.instance": (READ, READ, ALL),
    "instances.section": (READ, READ, READ),
    "sync_sessions.syncevent": (READ, READ, READ),
    "sync_sessions.syncrecord": (READ, READ, READ),
    "sync_sessions.syncsession": (READ, RUN, RUN),
    "tags.tag": (READ, ALL, ALL),
    "users.apitoken": (OWN, OWN, OWN),
    "users.user": ((), (), ALL),
}
NAMES = ("viewer", "operator", "admin")
# What people call it → the permission that the API and the console ask for.
ACTIONS = {
    "run_syncs": "sync_sessions.add_syncsession",
    "cancel_runs": "sync_sessions.change_syncsession",
    "decide_held_readings": "accounts.change_heldreading",
    "classify": "accounts.add_assignment",
    "write_rules": "accounts.change_classificationrule",
    "tag": "tags.change_tag",
    "edit_instances": "instances.change_instance",
    "edit_credentials": "instances.change_credential",
    "aggregate_sizes": "instances.change_instance",
    "keep_partitions": "instances.delete_instance",
    "edit_schedules": "django_q.change_schedule",
    "edit_users": "users.change_user",
}
# What an API token with a scope may do at most: as much as that role.
SCOPES = {"read": "viewer", "operate": "operator", "admin": "admin"}
# And what no token may do, since it would outlive the token's revocation.
BY_PASSWORD = {"users.apitoken": OWN, "users.user": ("add", "change", "delete")}


def permissions_of(role: str) -> set[tuple[str, str]]:
    """``{(app label, codename)}`` that ``role`` has."""
    position = NAMES.index(role)
    return rights_of({key: verbs[position] for key, verbs in ROLES.items()})


def rights_of(table: Mapping[str, Iterable[str]]) -> set[tuple[str, str]]:
    """``{(app label, codename)}`` of app.model → verbs."""
    return {
        (app, f"{verb}_{model}")
        for (app, _, model), verbs in ((key.partition("."), one) for key, one in table.items())
        for verb in verbs
    }


@cache
def rights_in_scope(scope: str) -> frozenset[str]:
    """``app.codename`` of everything that a token with ``scope`` may do."""
    rights = permissions_of(SCOPES[scope]) - rights_of(BY_PASSWORD)
    return frozenset(f"{app}.{codename}" for app, codename in rights)
