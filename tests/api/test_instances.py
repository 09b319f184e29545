"""Instances, from creation through the recycle bin and back."""

from typing import Any
from unittest.mock import ANY

from rest_framework.test import APIClient

from instances.models import Instance
from tests.api.envelopes import failure, invalid, page, success
from tests.factories import CredentialFactory, InstanceFactory, TagFactory

PATH = "/api/v1/instances"


def document(instance: Instance, **fields: Any) -> dict[str, Any]:
    return {
        "id": instance.pk,
        "name": instance.name,
        "engine": "toy",
        "host": instance.host,
        "port": 5432,
        "service_name": "",
        "credential": instance.credential_id,
        "tls_mode": "prefer",
        "tls_ca": "",
        "environment": "",
        "storage_limit_bytes": None,
        "tags": [],
        "is_active": True,
        "version": "",
        "deleted_at": None,
        "last_reached_at": None,
        "last_error": "",
        **fields,
    }


def body(**fields: Any) -> dict[str, Any]:
    known = {"name": "shop", "engine": "toy", "host": "shop.example.org", "port": 5432}
    return {**known, "credential": CredentialFactory().pk, **fields}


def test_instance_is_created_with_its_tags(admin: APIClient) -> None:
    TagFactory(name="production")

    response = admin.post(PATH, body(tags=["production"]))

    assert response.status_code == 201
    row = Instance.objects.get()
    assert response.json() == success(document(row, tags=["production"]), "Created.")


def test_wrong_fields_are_each_named(admin: APIClient) -> None:
    response = admin.post(PATH, body(engine="dbase", port=70000, credential=99, tags=["none"]))

    assert response.status_code == 400
    assert response.json()["message_code"] == "VALIDATION_ERROR"
    assert response.json()["extra"] == {
        "fields": {
            "engine": ['"dbase" is not a valid choice.'],
            "port": ["Ensure this value is less than or equal to 65535."],
            "credential": ['Invalid pk "99" - object does not exist.'],
            "tags": ["Object with name=none does not exist."],
        }
    }


def test_name_and_address_are_unique_among_the_living(admin: APIClient) -> None:
    InstanceFactory(name="shop", host="shop.example.org")

    same_name = admin.post(PATH, body(host="other.example.org"))
    same_address = admin.post(PATH, body(name="other"))

    assert (same_name.status_code, same_name.json()) == (
        409,
        failure(
            "NAME_EXISTS",
            "There is an instance named shop already.",
            suggestions=["Choose another name, or rename the other instance."],
        ),
    )
    assert (same_address.status_code, same_address.json()) == (
        409,
        failure(
            "CONSTRAINT_VIOLATION",
            "shop is at that address already.",
            suggestions=["Use the other instance, or delete it first."],
        ),
    )


def test_name_and_address_of_a_deleted_instance_are_free(admin: APIClient) -> None:
    admin.delete(f"{PATH}/{InstanceFactory(name='shop', host='shop.example.org').pk}")

    assert admin.post(PATH, body()).status_code == 201


def test_instance_is_changed_in_part(admin: APIClient) -> None:
    instance = InstanceFactory()

    response = admin.patch(f"{PATH}/{instance.pk}", {"environment": "test", "is_active": False})

    assert response.json() == success(
        document(instance, environment="test", is_active=False), "Saved."
    )


def test_stored_password_is_not_sent_elsewhere_unless_somebody_says_so(admin: APIClient) -> None:
    instance = InstanceFactory()
    path = f"{PATH}/{instance.pk}"

    for field, value in (("host", "evil.example.org"), ("port", 1), ("engine", "postgresql")):
        response = admin.patch(path, {field: value})

        text = f"Name the credential again: its password would go to another {field}."
        assert (response.status_code, response.json()) == (400, invalid(credential=text))
    same = admin.patch(path, {"host": instance.host})
    named = admin.patch(path, {"host": "new.example.org", "credential": instance.credential_id})
    assert (same.status_code, named.status_code) == (200, 200)


def test_read_only_fields_can_not_be_written(admin: APIClient) -> None:
    instance = InstanceFactory()

    admin.patch(f"{PATH}/{instance.pk}", {"version": "9", "deleted_at": "2026-01-01T00:00:00Z"})

    assert admin.get(f"{PATH}/{instance.pk}").json() == success(document(instance))


def test_deleted_instance_waits_in_the_recycle_bin(admin: APIClient) -> None:
    instance = InstanceFactory()
    path = f"{PATH}/{instance.pk}"

    deleted = admin.delete(path)

    assert (deleted.status_code, deleted.json()) == (
        200,
        success(None, "Moved to the recycle bin."),
    )
    assert Instance.objects.get(pk=instance.pk).deleted_at is not None
    assert admin.get(path).status_code == 404
    assert admin.get(PATH).json() == page()
    assert admin.get(PATH, {"deleted": "true"}).json() == page(document(instance, deleted_at=ANY))

    restored = admin.post(f"{path}/actions/restore")

    assert restored.json() == success(document(instance), "Restored.")
    assert admin.get(path).status_code == 200


def test_restore_is_refused_while_another_has_its_place(admin: APIClient) -> None:
    instance = InstanceFactory(name="shop")
    admin.delete(f"{PATH}/{instance.pk}")
    InstanceFactory(name="shop", host="other.example.org")

    response = admin.post(f"{PATH}/{instance.pk}/actions/restore")

    assert response.status_code == 409
    assert response.json() == failure(
        "NAME_EXISTS",
        "There is an instance named shop already.",
        suggestions=["Choose another name, or rename the other instance."],
    )


def names(client: APIClient, **query: Any) -> list[str]:
    response = client.get(PATH, query)
    assert response.status_code == 200, response.json()
    return [item["name"] for item in response.json()["data"]["items"]]


def test_list_is_filtered_searched_sorted_and_paged(viewer: APIClient) -> None:
    red, blue = TagFactory(name="red"), TagFactory(name="blue")
    InstanceFactory(name="a", environment="prod").tags.add(red, blue)
    InstanceFactory(name="b", environment="test").tags.add(blue)
    InstanceFactory(name="c", is_active=False)

    assert names(viewer) == ["a", "b", "c"]
    assert names(viewer, sort="-name") == ["c", "b", "a"]
    assert names(viewer, tags="red") == ["a"]
    assert names(viewer, tags="red,blue") == ["a", "b"]
    assert names(viewer, is_active="false") == ["c"]
    assert names(viewer, environment="prod") == ["a"]
    assert names(viewer, search="b.example") == ["b"]
    assert names(viewer, engine="toy", limit=2, page=2) == ["c"]


def test_wrong_parameters_are_named(viewer: APIClient) -> None:
    InstanceFactory()
    whole = "A whole number from 1 up, please."
    for query, message in (
        ({"limit": "201"}, "limit: A whole number from 1 to 200, please."),
        ({"limit": "many"}, "limit: A whole number from 1 to 200, please."),
        ({"page": "0"}, f"page: {whole}"),
        ({"page": "-1"}, f"page: {whole}"),
        (
            {"sort": "credential__password"},
            "sort: Can't sort by credential__password; can by name, engine, host, environment, "
            "last_reached_at.",
        ),
        (
            {"is_active": "maybe"},
            "is_active: Select a valid choice. maybe is not one of the available choices.",
        ),
    ):
        response = viewer.get(PATH, query)

        assert response.status_code == 400
        assert response.json()["message"] == message
        assert list(response.json()["extra"]["fields"]) == list(query)


def test_page_past_the_end_is_not_found(viewer: APIClient) -> None:
    response = viewer.get(PATH, {"page": 2})

    assert (response.status_code, response.json()) == (404, failure("RESOURCE_NOT_FOUND"))
