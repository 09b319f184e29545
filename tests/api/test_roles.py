"""Every route × method × role against one table; a new endpoint without an entry fails."""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from django.db import transaction
from django.urls import URLPattern, get_resolver
from rest_framework.test import APIClient

from tests.api.conftest import person_behind
from tests.api.signing import api_token
from whalefall.users.roles import ACTIONS, NAMES
from whalefall.users.roles import ROLES as ROLES_TABLE

NOBODY, EVERYBODY = "", "viewer operator admin"
RUNNERS, ADMIN = "operator admin", "admin"
ROLES = ("anonymous", "viewer", "operator", "admin")
METHODS = ("get", "post", "put", "patch", "delete")
# Not with an API token, whatever its scope.
BY_PASSWORD = f"{EVERYBODY} by-password"


def crud(path: str, *, read: str, write: str) -> dict[tuple[str, str], str]:
    one = f"{path}/{{id}}"
    return {
        (path, "get"): read,
        (path, "post"): write,
        (one, "get"): read,
        (one, "put"): write,
        (one, "patch"): write,
        (one, "delete"): write,
    }


def session_routes(path: str) -> dict[tuple[str, str], str]:
    one = f"{path}/{{session}}"
    lists = [path, one, *(f"{one}/{part}" for part in ("records", "events", "error-logs"))]
    actions = [f"{one}/actions/cancel", f"{one}/actions/retry-failed"]
    return {(route, "get"): EVERYBODY for route in lists} | {
        (route, "post"): RUNNERS for route in actions
    }


# Without an answer until somebody says about what.
NEEDS_PARAMETERS = {"accounts/ledgers/{id}/take-away", "accounts/who-can", "capacity/growth"}
# A browser gets the file.
FILES = {
    *("accounts/ledgers/exports", "audit-logs/exports", "instances/exports"),
    "instances/imports/template",
}
# Who may; "public" is for anybody, signed in or not.
ALLOWED = {
    ("", "get"): EVERYBODY,
    ("schema", "get"): EVERYBODY,
    ("docs", "get"): EVERYBODY,
    ("redoc", "get"): EVERYBODY,
    ("health", "get"): "public",
    ("health/detailed", "get"): EVERYBODY,
    **crud("instances", read=EVERYBODY, write=ADMIN),
    **crud("credentials", read=ADMIN, write=ADMIN),
    **crud("tags", read=EVERYBODY, write=RUNNERS),
    ("tags/options", "get"): EVERYBODY,
    ("tags/categories", "get"): EVERYBODY,
    ("tags/bulk/actions/assign", "post"): RUNNERS,
    ("tags/bulk/actions/remove", "post"): RUNNERS,
    ("tags/bulk/actions/remove-all", "post"): RUNNERS,
    ("audit-logs", "get"): ADMIN,
    ("audit-logs/{id}", "get"): ADMIN,
    ("audit-logs/exports", "get"): ADMIN,
    ("instances/actions/batch-create", "post"): ADMIN,
    ("instances/actions/batch-delete", "post"): ADMIN,
    ("instances/exports", "get"): EVERYBODY,
    ("instances/imports/template", "get"): EVERYBODY,
    ("instances/statistics", "get"): EVERYBODY,
    ("accounts/ledgers/exports", "get"): EVERYBODY,
    ("accounts/statistics", "get"): EVERYBODY,
    ("auth/csrf-token", "get"): "public",
    ("auth/login", "post"): "public",
    ("auth/refresh", "post"): "public",
    ("auth/logout", "post"): BY_PASSWORD,
    ("auth/session", "get"): EVERYBODY,
    ("auth/me", "get"): EVERYBODY,
    ("auth/change-password", "post"): BY_PASSWORD,
    ("auth/tokens", "get"): BY_PASSWORD,
    ("auth/tokens", "post"): BY_PASSWORD,
    ("auth/tokens/{id}", "get"): BY_PASSWORD,
    ("auth/tokens/{id}", "delete"): BY_PASSWORD,
    **crud("users", read=ADMIN, write=f"{ADMIN} by-password"),
    ("instances/{id}/actions/restore", "post"): ADMIN,
    ("instances/{id}/connection-status", "get"): EVERYBODY,
    ("instances/{id}/preflight", "get"): RUNNERS,
    ("instances/actions/test-connection", "post"): RUNNERS,
    ("instances/actions/sync-accounts", "post"): RUNNERS,
    ("instances/{id}/actions/sync-accounts", "post"): RUNNERS,
    ("instances/actions/sync-capacity", "post"): RUNNERS,
    ("instances/{id}/actions/sync-capacity", "post"): RUNNERS,
    ("accounts/ledgers", "get"): EVERYBODY,
    ("accounts/ledgers/{id}", "get"): EVERYBODY,
    ("accounts/ledgers/{id}/permissions", "get"): EVERYBODY,
    ("accounts/ledgers/{id}/take-away", "get"): EVERYBODY,
    ("accounts/ledgers/{id}/change-history", "get"): EVERYBODY,
    ("accounts/who-can", "get"): EVERYBODY,
    **crud("accounts/classifications", read=EVERYBODY, write=ADMIN),
    **crud("accounts/classifications/rules", read=EVERYBODY, write=ADMIN),
    ("accounts/classifications/rules/schema", "get"): EVERYBODY,
    ("accounts/classifications/rules/actions/validate-expression", "post"): EVERYBODY,
    ("accounts/classifications/rules/actions/preview", "post"): EVERYBODY,
    ("accounts/classifications/assignments", "get"): EVERYBODY,
    ("accounts/classifications/assignments", "post"): RUNNERS,
    ("accounts/classifications/assignments/{id}", "get"): EVERYBODY,
    ("accounts/classifications/assignments/{id}", "delete"): RUNNERS,
    ("accounts/classifications/actions/auto-classify", "post"): RUNNERS,
    ("account-change-logs", "get"): EVERYBODY,
    ("account-change-logs/{id}", "get"): EVERYBODY,
    ("held-readings", "get"): EVERYBODY,
    ("held-readings/{id}", "get"): EVERYBODY,
    ("held-readings/{id}/actions/accept", "post"): RUNNERS,
    ("held-readings/{id}/actions/reject", "post"): RUNNERS,
    ("capacity/aggregations/current", "post"): ADMIN,
    ("capacity/databases", "get"): EVERYBODY,
    ("capacity/databases/summary", "get"): EVERYBODY,
    ("capacity/instances", "get"): EVERYBODY,
    ("capacity/instances/summary", "get"): EVERYBODY,
    ("capacity/tables", "get"): EVERYBODY,
    ("capacity/forecasts", "get"): EVERYBODY,
    ("capacity/forecasts/summary", "get"): EVERYBODY,
    ("capacity/forecasts/{id}", "get"): EVERYBODY,
    ("capacity/growth", "get"): EVERYBODY,
    ("partitions", "get"): EVERYBODY,
    ("partitions", "post"): ADMIN,
    ("partitions/status", "get"): EVERYBODY,
    ("partitions/actions/cleanup", "post"): ADMIN,
    ("scheduler/jobs", "get"): EVERYBODY,
    ("scheduler/jobs/{job}", "get"): EVERYBODY,
    ("scheduler/jobs/{job}", "put"): ADMIN,
    ("scheduler/jobs/{job}/actions/pause", "post"): ADMIN,
    ("scheduler/jobs/{job}/actions/resume", "post"): ADMIN,
    ("scheduler/jobs/{job}/actions/run", "post"): ADMIN,
    **session_routes("sessions"),
    **session_routes("sync-sessions"),
}


def routes() -> Iterator[tuple[str, str]]:
    """Every path and method under ``/api/v1/``, as the URL configuration has them."""
    for pattern in get_resolver("whalefall.api").url_patterns:
        assert isinstance(pattern, URLPattern)
        path = readable(str(pattern.pattern))
        view: Any = pattern.callback
        methods = getattr(view, "actions", None) or [
            name for name in METHODS if hasattr(view.cls, name)
        ]
        yield from ((path, method) for method in methods if method != "head")


def readable(regex: str) -> str:
    path = regex.removeprefix("^").removesuffix("$").removesuffix("/?")
    path = re.sub(r"jobs/\(\?P<\w+>[^()]*\)", "jobs/{job}", path)
    path = re.sub(r"sessions/\(\?P<\w+>(?:[^()]|\([^()]*\))*\)", "sessions/{session}", path)
    return re.sub(r"\(\?P<\w+>(?:[^()]|\([^()]*\))*\)", "{id}", path)


def test_table_has_every_route_and_no_other() -> None:
    found = set(routes())

    assert sorted(found - set(ALLOWED)) == [], "Say in ALLOWED who may; then the walk tries it."
    assert sorted(set(ALLOWED) - found) == [], "ALLOWED has routes that are no more."


def test_every_page_of_the_browsable_api_opens(
    admin: APIClient, objects: dict[str, object]
) -> None:
    api_token(person_behind(admin), id=7)

    for path in sorted({path for path, _ in ALLOWED} - {"schema"}):
        before = transaction.savepoint()
        response = admin.get(f"/api/v1/{path.format(**objects)}", headers={"Accept": "text/html"})
        content_type = "text/csv" if path in FILES else "text/html"
        assert response.headers["Content-Type"].startswith(content_type), path
        found = {400} if path in NEEDS_PARAMETERS else {200, 409}
        assert response.status_code in (found if (path, "get") in ALLOWED else {405}), path
        options = admin.options(f"/api/v1/{path.format(**objects)}")
        assert options.status_code == (405 if path in {"docs", "redoc", "schema"} else 200), path
        transaction.savepoint_rollback(before)


class Caller(NamedTuple):
    """A role, and the scope of the API token that the caller comes with; None is a session."""

    role: str
    scope: str | None = None

    def may(self, allowed: str) -> bool:
        if allowed == "public":
            return True
        if self.role == "anonymous" or (self.scope and "by-password" in allowed.split()):
            return False
        roles = [self.role, *([OF_SCOPE[self.scope]] if self.scope else [])]
        return min(roles, key=ROLES.index) in allowed.split()


OF_OPERATORS = {"run_syncs", "cancel_runs", "decide_held_readings", "classify", "tag"}
# What would outlive a token's revocation.
NOT_BY_TOKEN = {
    "users.apitoken": {"view", "add", "delete"},
    "users.user": {"add", "change", "delete"},
}
OF_SCOPE = {"read": "viewer", "operate": "operator", "admin": "admin"}
CALLERS = [
    *(Caller(role) for role in ROLES),
    *(Caller("admin", scope) for scope in OF_SCOPE),
    *(Caller("operator", "admin"), Caller("viewer", "operate")),
]


@pytest.fixture
def client_for(client_of: Callable[[str], APIClient]) -> Callable[[Caller], APIClient]:
    def make(caller: Caller) -> APIClient:
        client = client_of(caller.role)
        if caller.scope is not None:
            value = api_token(person_behind(client), caller.scope)
            client = APIClient()
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {value}")
        elif caller.role != "anonymous":
            api_token(person_behind(client), id=7)
        return client

    return make


def outcome(client: APIClient, path: str, method: str) -> str:
    """What the permissions said; whatever the request wrote is undone."""
    before = transaction.savepoint()
    response = getattr(client, method)(f"/api/v1/{path}")
    transaction.savepoint_rollback(before)
    if response.status_code in {401, 403}:
        return str(response.json()["message_code"])
    is_about_it = response.status_code not in {404, 405, 500}
    return "may" if is_about_it else f"status {response.status_code}"


@pytest.mark.parametrize("caller", CALLERS, ids=lambda one: "-".join(filter(None, one)))
def test_only_the_roles_of_the_table_may(
    client_for: Callable[[Caller], APIClient], objects: dict[str, object], caller: Caller
) -> None:
    client = client_for(caller)
    refusal = "AUTHENTICATION_REQUIRED" if caller.role == "anonymous" else "PERMISSION_REQUIRED"

    found = {key: outcome(client, key[0].format(**objects), key[1]) for key in ALLOWED}

    assert found == {key: "may" if caller.may(one) else refusal for key, one in ALLOWED.items()}


def test_no_other_method_does_anything(admin: APIClient, objects: dict[str, object]) -> None:
    others = {
        (path, method): getattr(admin, method)(f"/api/v1/{path.format(**objects)}").status_code
        for path in sorted({path for path, _ in ALLOWED})
        for method in METHODS
        if (path, method) not in ALLOWED
    }

    assert others == dict.fromkeys(others, 405)


@pytest.mark.parametrize("caller", CALLERS[1:], ids=lambda one: "-".join(filter(None, one)))
def test_session_shows_the_table_of_the_caller_s_role(
    client_for: Callable[[Caller], APIClient], caller: Caller
) -> None:
    shown = client_for(caller).get("/api/v1/auth/session").json()["data"]

    names = [caller.role, *([OF_SCOPE[caller.scope]] if caller.scope else [])]
    column = min(NAMES.index(name) for name in names)
    lacks = NOT_BY_TOKEN if caller.scope else {}
    assert shown["permissions"] == {
        key: sorted(set(verbs[column]) - lacks.get(key, set()))
        for key, verbs in ROLES_TABLE.items()
    }
    assert (shown["scope"], shown["user"]["role"]) == (caller.scope, caller.role)
    assert shown["signed_in_by"] == ("api_token" if caller.scope else "session")
    allowed = [set(), OF_OPERATORS, set(ACTIONS)][column]
    allowed = allowed - {"edit_users"} if caller.scope else allowed
    assert shown["actions"] == {action: action in allowed for action in ACTIONS}
