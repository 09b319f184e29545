"""schemathesis over the whole schema, as each role: no bug, and no answer outside of the schema.

A few examples of each operation, always the same. ``WHALEFALL_EXAMPLES=200 pytest
tests/api/test_contract.py`` tries many more, others each time.
"""

import os
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any
from unittest.mock import patch

import pytest
import schemathesis
from django.contrib.auth.models import Group
from django.core.wsgi import get_wsgi_application
from django.db import transaction
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from instances.engines import ENGINES
from sync_sessions.schedules import setup_schedules
from tests.factories import UserFactory
from tests.toy_engine import Toy
from whalefall.users.tokens import RefreshToken

MANY = int(os.environ.get("WHALEFALL_EXAMPLES", "0"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]

Document = dict[str, Any]


@pytest.fixture(scope="module")
def document() -> Document:
    with patch.dict(ENGINES, toy=Toy):
        found: Document = SchemaGenerator().get_schema(request=None, public=True)
    return found


def operations(document: Document) -> Iterator[Any]:
    schema: Any = schemathesis.openapi.from_dict(deepcopy(document))
    schema.app = get_wsgi_application()
    for one in schema.get_all_operations():
        yield one.ok()


def keys_of(path: str, there: dict[str, object]) -> dict[str, object]:
    """Something that is there, for the path's parameters."""
    if "scheduler/jobs" in path:
        return {"id": "clean_up"}
    is_session = "sessions/" in path
    return {
        name: str(there["session"]) if is_session else there["id"]
        for name in ("id", "session", "account")
        if f"{{{name}}}" in path
    }


def problems(operation: Any, keys: dict[str, object], token: str) -> Iterator[str]:
    """What is wrong with the answers to some requests, good and bad ones."""
    found: list[str] = []
    given_keys = {"path_parameters": keys} if keys else {}
    modes = [operation.as_strategy(GenerationMode.POSITIVE, **given_keys)]
    if operation.body:
        modes.append(operation.as_strategy(GenerationMode.NEGATIVE, **given_keys))

    @settings(
        max_examples=(MANY or 1) * len(modes),
        derandomize=not MANY,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(modes))
    def try_it(case: Any) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        response = case.call(base_url="http://localhost", headers=headers)
        try:
            case.validate_response(response, checks=CHECKS)
        except FailureGroup as group:
            found.extend(
                f"{operation.label} {response.status_code}: {one}" for one in group.exceptions
            )

    try_it()
    yield from found


def tried(
    document: Document,
    there: dict[str, object],
    token: str,
    only: str = "/",
) -> list[str]:
    """All that is wrong; each operation finds everything as it was."""
    found: list[str] = []
    for operation in operations(document):
        if operation.path.startswith(only):
            before = transaction.savepoint()
            found += problems(operation, keys_of(operation.path, there), token)
            transaction.savepoint_rollback(before)
    return found


@pytest.fixture
def token_of(db: None) -> Callable[[str], str]:
    def make(role: str) -> str:
        setup_schedules()
        user = UserFactory(username=f"a-{role}", is_staff=False)
        user.groups.add(Group.objects.get(name=role))
        return str(RefreshToken.for_user(user).access_token)

    return make


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_every_answer_is_inside_the_schema(
    document: Document,
    objects: dict[str, object],
    token_of: Callable[[str], str],
    role: str,
) -> None:
    found = tried(document, objects, token_of(role))

    assert not found, "\n\n".join(found)


def test_a_wrong_schema_is_found(
    document: Document,
    objects: dict[str, object],
    token_of: Callable[[str], str],
) -> None:
    wrong = deepcopy(document)
    wrong["components"]["schemas"]["Tag"]["properties"]["name"] = {"type": "integer"}

    found = tried(wrong, objects, token_of("admin"), "/api/v1/tags/{id}/")

    assert any("GET /api/v1/tags/{id}/ 200" in one for one in found), found


def test_a_bug_is_found(
    document: Document,
    objects: dict[str, object],
    token_of: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("tags.viewsets.TagViewSet.list", broken)

    found = tried(document, objects, token_of("viewer"), "/api/v1/tags/")

    assert any("GET /api/v1/tags/ 500" in one for one in found), found
