"""Every route × method × role against one table; a new endpoint without an entry fails."""

import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from django.urls import URLPattern, get_resolver
from rest_framework.test import APIClient

from accounts.models import Classification, HeldReading
from tests.factories import (
    AccountChangeFactory,
    AccountFactory,
    AssignmentFactory,
    ClassificationFactory,
    ClassificationRuleFactory,
    CredentialFactory,
    ForecastFactory,
    InstanceFactory,
    SyncRecordFactory,
    SyncSessionFactory,
    TagFactory,
)

NOBODY, EVERYBODY = "", "viewer operator admin"
RUNNERS, ADMIN = "operator admin", "admin"
ROLES = ("anonymous", "viewer", "operator", "admin")


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
NEEDS_PARAMETERS = {"accounts/who-can", "capacity/growth"}
# Who may; "public" is for anybody, signed in or not.
ALLOWED = {
    ("", "get"): EVERYBODY,
    ("schema", "get"): EVERYBODY,
    ("docs", "get"): EVERYBODY,
    ("health", "get"): "public",
    **crud("instances", read=EVERYBODY, write=ADMIN),
    **crud("credentials", read=ADMIN, write=ADMIN),
    **crud("tags", read=EVERYBODY, write=RUNNERS),
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
            name for name in ("get", "post", "put", "patch", "delete") if hasattr(view.cls, name)
        ]
        yield from ((path, method) for method in methods if method != "head")


def readable(regex: str) -> str:
    path = regex.removeprefix("^").removesuffix("$").removesuffix("/?")
    path = re.sub(r"sessions/\(\?P<\w+>(?:[^()]|\([^()]*\))*\)", "sessions/{session}", path)
    return re.sub(r"\(\?P<\w+>(?:[^()]|\([^()]*\))*\)", "{id}", path)


def test_table_has_every_route_and_no_other() -> None:
    assert sorted(set(routes())) == sorted(ALLOWED)


@pytest.fixture
def objects(db: None) -> dict[str, object]:
    """One of everything, under the same number; the servers of these instances do not exist."""
    session = SyncSessionFactory(id=UUID(int=7), status="completed")
    key = 7
    CredentialFactory(id=key)
    TagFactory(id=key)
    instance = InstanceFactory(id=key)
    ForecastFactory(id=key, instance=instance)
    record = SyncRecordFactory(id=key, session=session, instance=instance)
    account = AccountFactory(id=key, instance=instance)
    AccountChangeFactory(id=key, account=account)
    Classification.objects.all().delete()  # those that ship
    rule = ClassificationRuleFactory(id=key, classification=ClassificationFactory(id=key))
    AssignmentFactory(id=key, account=account, classification=rule.classification)
    HeldReading.objects.create(id=key, record=record, reading={}, summary={}, decision="rejected")
    return {"id": key, "session": session.pk}


@pytest.mark.parametrize("path", sorted({path for path, _ in ALLOWED} - {"schema"}))
def test_every_page_of_the_browsable_api_opens(
    admin: APIClient, objects: dict[str, object], path: str
) -> None:
    response = admin.get(f"/api/v1/{path.format(**objects)}", headers={"Accept": "text/html"})

    assert response.headers["Content-Type"].startswith("text/html")
    found = {400} if path in NEEDS_PARAMETERS else {200, 409}
    assert response.status_code in (found if (path, "get") in ALLOWED else {405})
    options = admin.options(f"/api/v1/{path.format(**objects)}")
    assert options.status_code == (405 if path == "docs" else 200)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("path", "method"), sorted(ALLOWED))
def test_only_the_roles_of_the_table_may(
    client_of: Callable[[str], APIClient],
    objects: dict[str, object],
    role: str,
    path: str,
    method: str,
) -> None:
    response = getattr(client_of(role), method)(f"/api/v1/{path.format(**objects)}")

    allowed = ALLOWED[path, method]
    if allowed == "public" or role in allowed.split():
        assert response.status_code not in {401, 403, 404, 405, 500}
    elif role == "anonymous":
        assert response.status_code == 401
    else:
        assert response.status_code == 403
        assert response.json()["message_code"] == "PERMISSION_REQUIRED"
