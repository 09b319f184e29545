"""Every failure that a test meets stands in the OpenAPI description of what it asked."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from django.http import HttpResponse
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

METHODS = {"get", "post", "put", "patch", "delete"}


@cache
def described() -> dict[tuple[str, str], set[str]]:
    """By path, without the names of its parameters, and method: the codes that are named."""
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    return {
        (plain(path), method): {
            code
            for answer in operation["responses"].values()
            for code in answer["content"].get("application/json", {}).get("examples", {})
        }
        for path, operations in paths.items()
        for method, operation in operations.items()
    }


def plain(path: str) -> str:
    """The same for a path of the description and the pattern of a route."""
    path = re.sub(r"\{[^}]*\}|\(\?P<\w+>(?:[^()]|\([^()]*\))*\)", "{}", path.removesuffix("/?$"))
    return path.replace("^", "").replace("$", "").strip("/")


@pytest.fixture(autouse=True)
def _failures_are_described(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    undescribed = set()
    send: Any = APIClient.request

    def request(self: APIClient, **sent: Any) -> HttpResponse:
        response: Any = send(self, **sent)
        method = sent["REQUEST_METHOD"].lower()
        route = getattr(getattr(response, "resolver_match", None), "route", None)
        is_failure = response.status_code >= 400 and "json" in response.headers["Content-Type"]
        if is_failure and route and (plain(route), method) in described():
            code = response.json()["message_code"]
            if code not in described()[plain(route), method]:
                undescribed.add((method, plain(route), code))
        return response  # type: ignore[no-any-return]

    monkeypatch.setattr(APIClient, "request", request)
    yield
    assert not undescribed, sorted(undescribed)
