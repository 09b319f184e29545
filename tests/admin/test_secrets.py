"""A password goes in and never comes out."""

from typing import Any

import pytest
from django.test import Client

from instances.models import Credential
from tests.factories import CredentialFactory, InstanceFactory

SECRET = "s3cr3t-of-the-fleet"
PAGE = "/admin/instances/credential/"


@pytest.fixture
def credential(db: None) -> Credential:
    made: Credential = CredentialFactory(name="fleet", password=SECRET)
    return Credential.objects.get(pk=made.pk)


def save(client: Client, path: str, **fields: str) -> Any:
    entered = {"name": "fleet", "username": "reader", "description": "", "is_active": "on"}
    return client.post(f"{PAGE}{path}", {**entered, **fields})


def test_no_page_shows_the_password_or_its_ciphertext(
    admin_client: Client, credential: Credential
) -> None:
    instance = InstanceFactory(credential=credential)
    pages = [
        *(PAGE, f"{PAGE}{credential.pk}/change/", f"{PAGE}{credential.pk}/history/"),
        *(f"{PAGE}{credential.pk}/delete/", "/admin/instances/instance/"),
        f"/admin/instances/instance/{instance.pk}/change/",
    ]
    for path in pages:
        shown = admin_client.get(path).content.decode()
        assert SECRET not in shown
        assert credential.password.token not in shown


def test_empty_password_keeps_the_stored_one(admin_client: Client, credential: Credential) -> None:
    save(admin_client, f"{credential.pk}/change/", password="", username="other")
    kept = Credential.objects.get(pk=credential.pk)
    assert (kept.username, kept.reveal()) == ("other", SECRET)
    assert kept.password == credential.password
    history = admin_client.get(f"{PAGE}{credential.pk}/history/").content.decode()
    assert "Password" not in history


def test_new_password_replaces_the_stored_one(admin_client: Client, credential: Credential) -> None:
    save(admin_client, f"{credential.pk}/change/", password="  newer one ")
    assert Credential.objects.get(pk=credential.pk).reveal() == "  newer one "


def test_a_new_credential_needs_a_password(admin_client: Client) -> None:
    assert save(admin_client, "add/", password="").status_code == 200
    assert not Credential.objects.exists()
    save(admin_client, "add/", password=SECRET)
    assert Credential.objects.get().reveal() == SECRET


def test_a_rejected_form_does_not_send_the_password_back(admin_client: Client, db: None) -> None:
    response = save(admin_client, "add/", password=SECRET, name="")
    assert response.status_code == 200
    assert SECRET not in response.content.decode()
