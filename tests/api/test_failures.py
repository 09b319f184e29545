"""Whatever goes wrong, the client gets the envelope and a code of the contract."""

import json
from unittest.mock import ANY

import pytest
import structlog
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient
from structlog.testing import capture_logs

from instances.models import Credential
from tests.api.envelopes import failure, invalid, success
from tests.factories import CredentialFactory, InstanceFactory
from whalefall.core.codes import CODES
from whalefall.core.errors import WhalefallError

TAGS = "/api/v1/tags"


def all_errors(root: type[WhalefallError] = WhalefallError) -> set[type[WhalefallError]]:
    return {root}.union(*(all_errors(one) for one in root.__subclasses__()))


def test_every_error_of_ours_agrees_with_the_table_of_codes() -> None:
    for error in all_errors():
        if error.code in {"INTERNAL_ERROR", "WORKER_LOST"}:
            continue  # a base, or one that only a record shows
        code = CODES[error.code]
        said = (error.http_status, error.category, error.recoverable)
        assert said == (code.http_status, code.category, code.recoverable), error


def test_anonymous_caller_is_asked_to_sign_in(client: Client, db: None) -> None:
    response = client.get(TAGS)

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="whalefall"'
    assert response.json() == failure(
        "AUTHENTICATION_REQUIRED", "Authentication credentials were not provided."
    )


def test_role_without_the_right_is_refused(viewer: APIClient) -> None:
    response = viewer.post(TAGS, {"name": "production"})

    assert response.status_code == 403
    assert response.json() == failure(
        "PERMISSION_REQUIRED", "You do not have permission to perform this action."
    )


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/v1/nothing", "/api/v2/tags/", "/api/v1"])
def test_unknown_path_under_api_has_the_envelope(client: Client, path: str) -> None:
    response = client.get(path)

    assert response.status_code == 404
    assert response.json() == failure("RESOURCE_NOT_FOUND", f"There is nothing at {path}.")


@pytest.mark.parametrize("key", ["999", "9" * 40, "x", "1.5"])
def test_unknown_id_is_not_found(viewer: APIClient, key: str) -> None:
    response = viewer.get(f"/api/v1/instances/{key}")

    assert response.status_code == 404
    assert response.json() == failure("RESOURCE_NOT_FOUND")


def test_trailing_slash_is_optional(viewer: APIClient) -> None:
    key = InstanceFactory().pk

    for path in ("instances", f"instances/{key}", f"instances/{key}/connection-status", "health"):
        assert viewer.get(f"/api/v1/{path}").status_code == 200
        assert viewer.get(f"/api/v1/{path}/").status_code == 200


def test_malformed_json_is_a_validation_error(admin: APIClient) -> None:
    response = admin.post(TAGS, b'{"name": ', content_type="application/json")

    assert response.status_code == 400
    assert response.json() == failure("VALIDATION_ERROR")


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null"])
def test_write_without_a_body_is_named(admin: APIClient, body: bytes) -> None:
    response = admin.post(TAGS, body, content_type="application/json")

    assert response.status_code == 400
    assert response.json() == failure(
        "REQUEST_DATA_EMPTY", "The request has no body, or an empty one."
    )


@pytest.mark.parametrize("body", [b'"text"', b"5", b"[1]", b"true"])
def test_body_that_is_no_object_is_a_validation_error(admin: APIClient, body: bytes) -> None:
    for path in (TAGS, "/api/v1/instances/actions/test-connection"):
        response = admin.post(path, body, content_type="application/json")

        assert response.status_code == 400
        assert response.json()["message_code"] == "VALIDATION_ERROR"


def test_other_content_types_and_methods_are_named(admin: APIClient) -> None:
    text = admin.post(TAGS, b"name=production", content_type="text/plain")
    method = admin.delete(TAGS)
    accept = admin.get(TAGS, headers={"Accept": "image/png"})

    assert (text.status_code, text.json()) == (
        415,
        failure("VALIDATION_ERROR", 'Unsupported media type "text/plain" in request.'),
    )
    assert (method.status_code, method.json()) == (
        405,
        failure("VALIDATION_ERROR", 'Method "DELETE" not allowed.'),
    )
    assert (accept.status_code, accept.json()) == (406, failure("VALIDATION_ERROR"))


def test_body_that_is_too_large_is_refused(admin: APIClient, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10

    response = admin.post(TAGS, {"name": "x" * 100})

    assert (response.status_code, response.json()) == (
        413,
        failure("VALIDATION_ERROR", suggestions=["Send it in parts."]),
    )


def test_name_that_exists_is_a_conflict(admin: APIClient) -> None:
    CredentialFactory(name="readonly")

    response = admin.post(
        "/api/v1/credentials", {"name": "readonly", "username": "u", "password": "p4ssword"}
    )

    text = "credential with this name already exists."
    assert response.status_code == 409
    assert response.json() == failure(
        "NAME_EXISTS", f"name: {text}", extra={"fields": {"name": [text]}}
    )


def test_name_that_exists_beside_another_mistake_is_a_validation_error(admin: APIClient) -> None:
    CredentialFactory(name="readonly")

    response = admin.post("/api/v1/credentials", {"name": "readonly", "username": "u"})

    assert response.status_code == 400
    assert set(response.json()["extra"]["fields"]) == {"name", "password"}


def test_race_for_a_name_is_a_conflict_too(
    admin: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    InstanceFactory(name="db", host="one.example.org")
    monkeypatch.setattr("rest_framework.validators.UniqueValidator.__call__", lambda *_: None)
    CredentialFactory(name="readonly")

    response = admin.post(
        "/api/v1/credentials", {"name": "readonly", "username": "u", "password": "p4ssword"}
    )

    assert response.status_code == 409
    assert response.json() == failure(
        "CONSTRAINT_VIOLATION",
        "It collides with something that was stored meanwhile. Look again, then retry.",
    )


def test_bug_is_logged_once_under_its_error_id(
    admin: APIClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("tags.viewsets.TagViewSet.list", broken)

    with capture_logs() as logs:
        response = admin.get(TAGS)

    assert response.status_code == 500
    assert response.json() == failure(
        "INTERNAL_ERROR", "Something went wrong here; error_id finds it in the log."
    )
    assert [one for one in logs if "exc_info" in one] == [
        {
            "event": "request_failed",
            "log_level": "error",
            "error_id": response.json()["error_id"],
            "code": "INTERNAL_ERROR",
            "exc_info": ANY,
        }
    ]
    assert not [record for record in caplog.records if record.name.startswith("django.request")]


def test_write_that_fails_half_way_is_rolled_back(
    admin: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("rest_framework.mixins.CreateModelMixin.get_success_headers", broken)

    response = admin.post(
        "/api/v1/credentials", {"name": "readonly", "username": "u", "password": "p4ssword"}
    )

    assert response.status_code == 500
    assert not Credential.objects.exists()


def test_request_id_is_taken_and_sent_back(viewer: APIClient) -> None:
    given = viewer.get("/api/v1/nothing", headers={"X-Request-ID": "trace-1"})
    odd = viewer.get("/api/v1/nothing", headers={"X-Request-ID": 'a "quoted" one'})

    assert given.headers["X-Request-ID"] == given.json()["context"]["request_id"] == "trace-1"
    assert odd.headers["X-Request-ID"] == odd.json()["context"]["request_id"]
    assert odd.headers["X-Request-ID"] != 'a "quoted" one'
    assert viewer.get("/admin/login/").headers["X-Request-ID"]


def test_browsable_api_shows_the_envelope(admin: APIClient) -> None:
    response = admin.get(TAGS, headers={"Accept": "text/html"})

    assert response.status_code == 200
    assert b"&quot;success&quot;: true" in response.content


def test_unknown_parameter_is_refused(viewer: APIClient) -> None:
    response = viewer.get(TAGS, {"categroy": "x"})

    text = "There is no such parameter; known are category, format, limit, page, search, sort."
    assert (response.status_code, response.json()) == (400, invalid(categroy=text))


def test_structlog_context_does_not_leak_into_the_next_request(viewer: APIClient) -> None:
    viewer.get(TAGS, headers={"X-Request-ID": "trace-1"})

    assert "request_id" not in structlog.contextvars.get_contextvars()
    assert json.loads(viewer.get("/api/v1/nothing").content)["context"]["request_id"] != "trace-1"


def test_json_that_is_nested_too_deep_is_the_callers_mistake(admin: APIClient) -> None:
    response = admin.post("/api/v1/instances", "[" * 100_000, content_type="application/json")

    assert response.status_code == 400
    assert response.json() == failure("VALIDATION_ERROR", "The JSON is nested too deep.")


def test_bug_outside_of_any_view_has_the_envelope_too(
    monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("whalefall.core.audit.AuditMiddleware.__call__", broken)
    client = Client(raise_request_exception=False)

    with capture_logs() as logs:
        response = client.get(TAGS)
        page = client.get("/admin/")

    assert (response.status_code, response.json()) == (500, failure("INTERNAL_ERROR"))
    assert [one["error_id"] for one in logs if "error_id" in one] == [response.json()["error_id"]]
    assert (page.status_code, page.headers["Content-Type"]) == (500, "text/html; charset=utf-8")
    assert b"secret" not in response.content + page.content


def test_host_that_is_not_ours_has_the_envelope(db: None) -> None:
    response = Client(raise_request_exception=False).get(TAGS, SERVER_NAME="evil.example.org")

    assert response.status_code == 400
    assert response.json() == failure("VALIDATION_ERROR", "The request is not well formed.")


def test_head_and_options_are_answered(viewer: APIClient, client: Client) -> None:
    head = viewer.head(TAGS)
    options = viewer.options(TAGS)
    refused = client.options(TAGS)

    assert (head.status_code, head.content) == (200, b"")
    assert options.json() == success(ANY)
    assert options.json()["data"]["name"] == "Tag List"
    assert (refused.status_code, refused.json()) == (401, failure("AUTHENTICATION_REQUIRED"))
    for method in ("options", "head", "post", "delete"):
        assert getattr(viewer, method)("/api/v1/nothing").status_code == 404


@pytest.mark.parametrize("body", [b"\xff\xfe", b'{"name": NaN}', b'{"name": "\xff"}', b"{" * 20])
def test_bytes_that_are_no_json_are_a_validation_error(admin: APIClient, body: bytes) -> None:
    response = admin.post(TAGS, body, content_type="application/json")

    assert (response.status_code, response.json()["message_code"]) == (400, "VALIDATION_ERROR")
