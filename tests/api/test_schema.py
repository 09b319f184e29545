"""OpenAPI says what is sent, and nothing that we have is missing or guessed."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from tests.api.envelopes import failure


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path: Path = tmp_path_factory.mktemp("schema") / "schema.yml"
    call_command("spectacular", "--validate", "--fail-on-warn", file=str(path))
    return yaml.safe_load(path.read_text())


def test_every_answer_is_described_in_the_envelope(schema: Any) -> None:
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            answers = operation["responses"]
            good = [answers[code] for code in answers if code.startswith("2")]
            assert len(good) == 1, (path, method)
            body = good[0]["content"]["application/json"]["schema"]
            assert body["required"] == ["success", "error", "message", "timestamp", "data"]
            failed = answers["default"]["content"]["application/json"]["schema"]
            assert failed == {"$ref": "#/components/schemas/Failure"}


def test_list_is_described_with_its_page(schema: Any) -> None:
    page = schema["components"]["schemas"]["PaginatedTagList"]
    parameters = schema["paths"]["/api/v1/tags/"]["get"]["parameters"]

    assert set(page["properties"]) == {"items", "total", "page", "pages", "limit"}
    assert [one["name"] for one in parameters] == ["category", "limit", "page", "search", "sort"]


def test_password_is_in_no_answer_s_schema(schema: Any) -> None:
    assert "password" not in schema["components"]["schemas"]["Credential"]["properties"]
    assert "password" in schema["components"]["schemas"]["CredentialRequest"]["properties"]


def test_schema_is_served_and_needs_a_sign_in(viewer: APIClient, client: Client) -> None:
    assert viewer.get("/api/v1/schema").status_code == 200

    refused = client.get("/api/v1/schema")

    assert (refused.status_code, refused.json()) == (401, failure("AUTHENTICATION_REQUIRED"))


def test_docs_load_nothing_from_elsewhere(viewer: APIClient) -> None:
    response = viewer.get("/api/v1/docs/")

    addresses = re.findall(r'(?:src|href)="([^"]*)"', response.content.decode())
    assert response.status_code == 200
    assert len(addresses) >= 3
    assert all(one.startswith("/static/") for one in addresses)
