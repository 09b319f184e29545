"""Tags on any number of instances at once, and what the audit log says of it."""

from typing import Any

import pytest
from auditlog.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from instances.models import Instance
from tests.api.envelopes import failure, invalid, success
from tests.factories import CredentialFactory, InstanceFactory, TagFactory

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db]

TAGS = "/api/v1/tags/bulk/actions"


def tag(client: APIClient, operation: str, instances: list[Any], *tags: Any) -> Any:
    body: dict[str, Any] = {"instance_ids": [getattr(one, "pk", one) for one in instances]}
    if operation != "remove-all":
        body["tag_ids"] = [getattr(one, "pk", one) for one in tags]
    return client.post(f"{TAGS}/{operation}", body)


def pairs() -> set[tuple[int, int]]:
    return set(Instance.tags.through.objects.values_list("instance_id", "tag_id"))


def test_tags_are_assigned_removed_and_all_removed(operator: APIClient) -> None:
    instances, (a, b) = InstanceFactory.create_batch(3), TagFactory.create_batch(2)
    other = InstanceFactory()
    other.tags.add(a)
    instances[0].tags.add(a)
    kept = (other.pk, a.pk)
    every = {(one.pk, tag.pk) for one in instances for tag in (a, b)}

    def told(response: Any, message: str, **numbers: int) -> None:
        assert (response.status_code, response.json()) == (200, success(numbers, message))

    told(
        tag(operator, "assign", instances, a, b, a),
        "Assigned.",
        instances=3,
        tags=2,
        changed=5,
        unchanged=1,
    )
    assert pairs() == {kept, *every}
    told(
        tag(operator, "remove", instances[:2], b),
        "Removed.",
        instances=2,
        tags=1,
        changed=2,
        unchanged=0,
    )
    assert pairs() == {kept, *every} - {(one.pk, b.pk) for one in instances[:2]}
    told(
        tag(operator, "remove-all", instances),
        "Removed.",
        instances=3,
        tags=2,
        changed=4,
        unchanged=0,
    )
    assert pairs() == {kept}


@pytest.mark.parametrize("operation", ["assign", "remove", "remove-all"])
def test_an_unknown_id_changes_nothing(operator: APIClient, operation: str) -> None:
    one, a = InstanceFactory(), TagFactory()
    one.tags.add(a)
    before, entries = pairs(), LogEntry.objects.count()

    wrong = tag(operator, operation, [one, 10**6, 10**6 + 1], a, TagFactory())
    text = "There is none with the id 1000000, 1000001."
    assert (wrong.status_code, wrong.json()) == (400, invalid(instance_ids=text))
    if operation != "remove-all":
        response = tag(operator, operation, [one], a, 77)
        assert response.json() == invalid(tag_ids="There is none with the id 77.")
    assert (pairs(), LogEntry.objects.count()) == (before, entries + 1)  # the factory's tag


@pytest.mark.parametrize("operation", ["assign", "remove", "remove-all"])
def test_an_empty_body_is_refused(operator: APIClient, operation: str) -> None:
    response = operator.post(f"{TAGS}/{operation}", {})
    assert (response.status_code, response.json()) == (400, failure("REQUEST_DATA_EMPTY"))
    assert tag(operator, operation, [], TagFactory()).json()["message_code"] == "VALIDATION_ERROR"


def test_tags_of_any_number_of_instances_take_the_same_statements(operator: APIClient) -> None:
    tags = TagFactory.create_batch(10)
    found: dict[str, list[int]] = {"assign": [], "remove": [], "remove-all": []}
    tag(operator, "assign", [InstanceFactory()], *tags)  # what Django looks up once, it has now
    for number in (1, 1500):
        # One insert each, or the factories take longer than the test.
        credential = CredentialFactory()
        instances = Instance.objects.bulk_create(
            Instance(
                name=f"{number}-{n}",
                engine="toy",
                host=f"{number}-{n}",
                port=1,
                credential=credential,
            )
            for n in range(number)
        )
        for operation in ("assign", "remove", "assign", "remove-all"):
            with CaptureQueriesContext(connection) as queries:
                assert tag(operator, operation, instances, *tags).status_code == 200
            found[operation].append(len(queries))
    assert {operation: len(set(numbers)) for operation, numbers in found.items()} == {
        "assign": 1,
        "remove": 1,
        "remove-all": 1,
    }


def test_audit_tells_which_instances_got_and_lost_a_tag(operator: APIClient) -> None:
    one, two = InstanceFactory(name="one"), InstanceFactory(name="two")
    a, b = TagFactory(name="a"), TagFactory(name="b")
    one.tags.add(a)
    LogEntry.objects.all().delete()

    tag(operator, "assign", [one, two], a, b)
    tag(operator, "remove-all", [two])

    assert [(entry.object_repr, entry.changes) for entry in LogEntry.objects.order_by("pk")] == [
        ("a", changed("add", "two")),
        ("b", changed("add", "one", "two")),
        ("a", changed("delete", "two")),
        ("b", changed("delete", "two")),
    ]


def changed(operation: str, *names: str) -> dict[str, Any]:
    return {"instances": {"type": "m2m", "operation": operation, "objects": [*names]}}


def test_tag_in_use_is_not_deleted_and_options_and_categories_tell_all(
    operator: APIClient, viewer: APIClient
) -> None:
    a, b = TagFactory(name="a", category="env"), TagFactory(name="b", category="env")
    InstanceFactory().tags.add(a, b)
    InstanceFactory(deleted_at=timezone.now()).tags.add(a)
    free = TagFactory(name="c")

    assert operator.delete(f"/api/v1/tags/{a.pk}").json()["message_code"] == "TAG_IN_USE"
    assert viewer.get("/api/v1/tags/options").json() == success(
        [
            {"id": free.pk, "name": "c", "category": ""},
            {"id": a.pk, "name": "a", "category": "env"},
            {"id": b.pk, "name": "b", "category": "env"},
        ]
    )
    assert viewer.get("/api/v1/tags/categories").json() == success(
        [
            {"category": "", "tags": 1, "instances": 0},
            {"category": "env", "tags": 2, "instances": 1},
        ]
    )
