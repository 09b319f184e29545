"""Credentials, whose password goes in and never out; and tags."""

from typing import Any

import pytest
from rest_framework.test import APIClient
from structlog.testing import capture_logs

from instances.models import Credential
from tests.api.envelopes import failure, page, success
from tests.factories import CredentialFactory, InstanceFactory, TagFactory

CREDENTIALS, TAGS = "/api/v1/credentials", "/api/v1/tags"


def document(credential: Credential, **fields: Any) -> dict[str, Any]:
    return {
        "id": credential.pk,
        "name": credential.name,
        "username": "whalefall",
        "description": "",
        "is_active": True,
        **fields,
    }


def test_password_is_stored_and_in_no_answer(admin: APIClient) -> None:
    body = {"name": "readonly", "username": "whalefall", "password": " Tr0ub4dor&3 "}

    created = admin.post(CREDENTIALS, body)

    row = Credential.objects.get()
    assert row.reveal() == " Tr0ub4dor&3 "
    assert created.status_code == 201
    assert created.json() == success(document(row), "Created.")
    assert admin.get(f"{CREDENTIALS}/{row.pk}").json() == success(document(row))
    assert admin.get(CREDENTIALS).json() == page(document(row))


def test_change_without_a_password_keeps_it(admin: APIClient) -> None:
    row = CredentialFactory()

    admin.patch(f"{CREDENTIALS}/{row.pk}", {"description": "for the shop"})

    row.refresh_from_db()
    assert (row.description, row.reveal()) == ("for the shop", "hush-hush")


@pytest.mark.parametrize("password", ["", None, 5.5, ["x"], {"a": "b"}, "null\x00byte"])
def test_password_that_is_none_is_refused_without_repeating_it(
    admin: APIClient, password: Any
) -> None:
    with capture_logs() as logs:
        response = admin.post(
            CREDENTIALS, {"name": "readonly", "username": "u", "password": password}
        )

    if response.status_code == 201:  # DRF takes a number for its text
        assert Credential.objects.get().reveal() == "5.5"
        return
    assert response.status_code == 400
    assert list(response.json()["extra"]["fields"]) == ["password"]
    assert "byte" not in f"{response.content!r}{logs}"


def test_credential_in_use_can_not_be_deleted(admin: APIClient) -> None:
    row = CredentialFactory()
    for name in "abcdefg":
        InstanceFactory(name=name, credential=row)

    response = admin.delete(f"{CREDENTIALS}/{row.pk}")

    assert response.status_code == 409
    assert response.json() == failure(
        "CONSTRAINT_VIOLATION",
        "It is still used by a, b, c, d, e and 2 more.",
        suggestions=["Give those another one first, or delete them."],
    )


def test_unused_credential_is_deleted(admin: APIClient) -> None:
    row = CredentialFactory()

    response = admin.delete(f"{CREDENTIALS}/{row.pk}")

    assert (response.status_code, response.json()) == (200, success(None, "Deleted."))
    assert not Credential.objects.exists()


def test_tag_is_created_changed_listed_and_deleted(operator: APIClient) -> None:
    created = operator.post(TAGS, {"name": "billing", "category": "team"})
    key = created.json()["data"]["id"]
    path = f"{TAGS}/{key}"

    changed = operator.patch(path, {"name": "invoices"})
    tag = {"id": key, "name": "invoices", "category": "team"}

    assert created.status_code == 201
    assert changed.json() == success(tag, "Saved.")
    assert operator.get(TAGS, {"category": "team"}).json() == page(tag)
    assert operator.get(TAGS, {"search": "nothing"}).json() == page()
    assert operator.delete(path).json() == success(None, "Deleted.")


def test_tag_in_use_can_not_be_deleted(operator: APIClient) -> None:
    tag = TagFactory(name="production")
    InstanceFactory().tags.add(tag)

    response = operator.delete(f"{TAGS}/{tag.pk}")

    assert response.status_code == 409
    assert response.json() == failure("TAG_IN_USE", "The tag production is on 1 instance(s).")
