"""OpenAPI says what is sent, and nothing that we have is missing or guessed."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from jsonschema import Draft202012Validator
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
            if "text/csv" in good[0]["content"]:
                continue  # a file has no envelope
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


def test_every_request_is_described_with_all_the_fields_that_there_are(schema: Any) -> None:
    bodies = [
        operation["requestBody"]["content"]["application/json"]["schema"]
        for methods in schema["paths"].values()
        for operation in methods.values()
        if "requestBody" in operation
    ]
    components = schema["components"]["schemas"]
    found = [components[body["$ref"].rpartition("/")[2]] for body in bodies]
    # A choice between two requests, each of which is looked at by its name.
    objects = [one for one in found if "oneOf" not in one]
    objects += [components[f"{name}TargetRequest"] for name in ("Stored", "Typed")]
    assert len(objects) - len(found) == 1
    assert [one for one in objects if one.get("additionalProperties") is not False] == []


def test_schema_is_served_and_needs_a_sign_in(viewer: APIClient, client: Client) -> None:
    assert viewer.get("/api/v1/schema").status_code == 200

    refused = client.get("/api/v1/schema")

    assert (refused.status_code, refused.json()) == (401, failure("AUTHENTICATION_REQUIRED"))


def test_schema_answers_nothing_that_is_no_schema(viewer: APIClient) -> None:
    response = viewer.options("/api/v1/schema/")

    text = 'Method "OPTIONS" not allowed.'
    assert (response.status_code, response.json()) == (405, failure("VALIDATION_ERROR", text))


@pytest.mark.parametrize("page", ["docs", "redoc"])
def test_docs_load_nothing_from_elsewhere(viewer: APIClient, page: str) -> None:
    response = viewer.get(f"/api/v1/{page}/")

    addresses = re.findall(r'(?:src|href|spec-url)="([^"]*)"', response.content.decode())
    assert response.status_code == 200
    assert len(addresses) >= 2
    assert all(one.startswith(("/static/", "/api/v1/schema")) for one in addresses), addresses


def bodies(schema: Any) -> Iterator[tuple[str, Any]]:
    """Where, and the JSON body's description, of everything that is sent and answered."""
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            answers = operation["responses"]
            for name, body in {"request": operation.get("requestBody", {}), **answers}.items():
                if content := body.get("content", {}).get("application/json"):
                    yield f"{method} {path} {name}", content


def test_every_body_has_an_example_that_fits_its_schema(schema: Any) -> None:
    components = schema["components"]
    for place, content in bodies(schema):
        named = [components["examples"][name]["value"] for name in content.get("examples", {})]
        examples = named or [content["example"]]
        validator = Draft202012Validator({**content["schema"], "components": components})
        assert [error.message for one in examples for error in validator.iter_errors(one)] == [], (
            place
        )


def test_failures_are_listed_by_status_with_their_codes(schema: Any) -> None:
    answers = schema["paths"]["/api/v1/tags/{id}/"]["put"]["responses"]
    public = schema["paths"]["/api/v1/health/"]["get"]["responses"]

    assert {
        status: sorted(answer["content"]["application/json"].get("examples", {}))
        for status, answer in answers.items()
        if status not in ("200", "default")
    } == {
        "400": ["REQUEST_DATA_EMPTY", "VALIDATION_ERROR"],
        "401": ["AUTHENTICATION_REQUIRED"],
        "403": ["CSRF_INVALID", "CSRF_MISSING", "PERMISSION_REQUIRED"],
        "404": ["RESOURCE_NOT_FOUND"],
        "409": ["CONSTRAINT_VIOLATION", "NAME_EXISTS"],
        "500": ["INTERNAL_ERROR"],
    }
    assert sorted(public) == ["200", "404", "500", "default"]
