"""What each role may do: the one table behind the groups' model permissions."""

READ = ("view",)
ALL = ("view", "add", "change", "delete")
RUN = ("view", "add", "change")

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
    "instances.credential": ((), (), ALL),
    "instances.database": (READ, READ, READ),
    "instances.instance": (READ, READ, ALL),
    "instances.section": (READ, READ, READ),
    "sync_sessions.syncevent": (READ, READ, READ),
    "sync_sessions.syncrecord": (READ, READ, READ),
    "sync_sessions.syncsession": (READ, RUN, RUN),
    "tags.tag": (READ, ALL, ALL),
    "users.user": ((), (), ALL),
}
NAMES = ("viewer", "operator", "admin")


def permissions_of(role: str) -> set[tuple[str, str]]:
    """``{(app label, codename)}`` that ``role`` has."""
    position = NAMES.index(role)
    return {
        (app, f"{verb}_{model}")
        for (app, _, model), verbs in ((key.partition("."), one) for key, one in ROLES.items())
        for verb in verbs[position]
    }
