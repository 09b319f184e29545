"""Who changed what: every kind of write, by every way in, without a secret, for admins alone."""

import json
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import HeldReading
from accounts.predicates.schema import VERSION
from accounts.sync import launch_account_sync
from instances.models import Credential, Instance
from sync_sessions.models import SyncSession
from sync_sessions.schedules import setup_schedules
from tags.models import Tag
from tests.api.conftest import person_behind
from tests.api.envelopes import failure
from tests.factories import (
    AccountFactory,
    ClassificationFactory,
    CredentialFactory,
    InstanceFactory,
    SyncRecordFactory,
    TagFactory,
    UserFactory,
)
from whalefall.audit.tracked import TRACKED
from whalefall.users.models import User

pytestmark = pytest.mark.django_db

PATH = "/api/v1/audit-logs"


@pytest.fixture(autouse=True)
def _empty(db: None) -> None:
    LogEntry.objects.all().delete()


def written() -> list[tuple[Any, ...]]:
    """Who, by which way, did what to what; the oldest first. Those entries are then forgotten."""
    rows = [
        (
            (entry.additional_data or {}).get("user"),
            entry.additional_data["source"],
            entry.get_action_display(),
            entry.content_type.model,
            entry.changes,
        )
        for entry in LogEntry.objects.select_related("content_type").order_by("pk")
    ]
    LogEntry.objects.all().delete()
    return rows


def entries_of(client: APIClient, model: str) -> list[tuple[str, dict[str, Any]]]:
    """What the person behind ``client`` did to rows of ``model`` by the API, and nothing else."""
    rows = [row for row in written() if row[3] == model]
    name = person_behind(client).get_username()
    assert {row[:2] for row in rows} <= {(name, "api")}
    return [(row[2], row[4]) for row in rows]


def test_instance_from_creation_through_the_bin_and_back(admin: APIClient) -> None:
    credential, _tag = CredentialFactory(name="old"), TagFactory(name="web")
    body = {"name": "shop", "engine": "toy", "host": "h", "port": 1, "credential": credential.pk}
    key = admin.post("/api/v1/instances", {**body, "tags": ["web"]}).json()["data"]["id"]
    one = f"/api/v1/instances/{key}"
    created, tagged = entries_of(admin, "instance")
    assert created[0] == "create"
    assert created[1]["credential"] == [None, "old"]
    web = {"tags": {"type": "m2m", "operation": "add", "objects": ["web"]}}
    assert tagged == ("update", web)

    admin.patch(one, {"environment": "test"})
    admin.patch(one, {"environment": "test"})
    admin.delete(one)
    admin.delete(one)
    deleted_at = str(Instance.objects.get().deleted_at)
    admin.post(f"{one}/actions/restore")
    assert entries_of(admin, "instance") == [
        ("update", {"environment": ["", "test"]}),
        ("update", {"deleted_at": [None, deleted_at]}),
        ("update", {"deleted_at": [deleted_at, None]}),
    ]


def test_credential_tells_that_the_password_changed_and_nothing_of_it(admin: APIClient) -> None:
    body = {"name": "c", "username": "u", "password": "first-secret"}
    key = admin.post("/api/v1/credentials", body).json()["data"]["id"]
    admin.patch(f"/api/v1/credentials/{key}", {"password": "other-secret"})
    admin.patch(f"/api/v1/credentials/{key}", {"username": "v"})
    stored = Credential.objects.get().password.token
    admin.delete(f"/api/v1/credentials/{key}")

    text = json.dumps(admin.get(PATH).json()) + str(list(LogEntry.objects.values()))
    assert not [one for one in ("first-secret", "other-secret", stored) if one in text]
    entries = entries_of(admin, "credential")
    assert [(action, sorted(changes)) for action, changes in entries] == [
        ("create", ["description", "is_active", "name", "password", "username"]),
        ("update", ["password"]),
        ("update", ["username"]),
        ("delete", ["description", "is_active", "name", "password", "username"]),
    ]
    assert entries[1][1] == {"password": ["[hidden]", "[hidden]"]}


def test_tags_rules_and_classes_by_hand(admin: APIClient) -> None:
    key = admin.post("/api/v1/tags", {"name": "a"}).json()["data"]["id"]
    admin.put(f"/api/v1/tags/{key}", {"name": "b", "category": "env"})
    admin.delete(f"/api/v1/tags/{key}")
    assert entries_of(admin, "tag") == [
        ("create", {"name": [None, "a"], "category": [None, ""]}),
        ("update", {"name": ["a", "b"], "category": ["", "env"]}),
        ("delete", {"name": ["b", None], "category": ["env", None]}),
    ]

    classification = ClassificationFactory(code="vip")
    rules = "/api/v1/accounts/classifications/rules"
    expression = {"version": VERSION, "match": {"superuser": True}}
    body = {"classification": classification.pk, "name": "r", "expression": expression}
    LogEntry.objects.all().delete()
    made = admin.post(rules, body)
    rule = made.json()["data"]["id"]
    admin.patch(f"{rules}/{rule}", {"name": "s"})
    admin.delete(f"{rules}/{rule}")
    entries = entries_of(admin, "classificationrule")
    assert [(action, sorted(changes)[:1]) for action, changes in entries] == [
        ("create", ["classification"]),
        ("update", ["name"]),
        ("update", ["superseded_at"]),
    ]

    account = AccountFactory()
    assignments = "/api/v1/accounts/classifications/assignments"
    body = {"account_id": account.pk, "classification_id": classification.pk}
    response = admin.post(assignments, body)
    admin.delete(f"{assignments}/{response.json()['data']['id']}")
    entries = entries_of(admin, "assignment")
    assert [(action, sorted(changes)) for action, changes in entries] == [
        ("create", ["account", "classification"]),
        ("update", ["revoked_at"]),
    ]


def test_runs_say_who_started_and_cancelled_them(operator: APIClient) -> None:
    InstanceFactory.create_batch(2)
    key = operator.post("/api/v1/instances/actions/sync-accounts").json()["data"]["session_id"]
    operator.post(f"/api/v1/sessions/{key}/actions/cancel")
    operator.post(f"/api/v1/sessions/{key}/actions/cancel")

    assert entries_of(operator, "syncsession") == [
        (
            "create",
            {"status": [None, "started"], "category": [None, "accounts"], "records": [None, 2]},
        ),
        ("update", {"status": ["pending", "cancel requested"]}),
    ]


def test_a_schedule_starts_runs_without_an_entry() -> None:
    InstanceFactory()
    LogEntry.objects.all().delete()
    launch_account_sync(list(Instance.objects.all()), trigger=SyncSession.Trigger.SCHEDULE)
    assert written() == []


def test_a_schedule_is_named_and_says_whether_it_is_paused(admin: APIClient) -> None:
    setup_schedules()
    job = "/api/v1/scheduler/jobs/clean_up"
    admin.post(f"{job}/actions/pause")
    admin.post(f"{job}/actions/resume")
    admin.put(job, {"cron": "5 3 * * *"}, format="json")
    admin.post("/api/v1/scheduler/jobs/reap_sessions/actions/run")

    found = admin.get(PATH, {"object_type": "schedule"}).json()["data"]["items"]

    told = [(one["object_name"], one["changes"]) for one in reversed(found)]
    started = told[-1][1]["started"]
    assert told == [
        ("clean_up", {"paused": [False, True]}),
        ("clean_up", {"paused": [True, False]}),
        ("clean_up", {"cron": [settings.SCHEDULES["clean_up"][1], "5 3 * * *"]}),
        ("reap_sessions", {"started": [None, started[1]]}),
    ]
    searched = admin.get(PATH, {"search": "clean_up"}).json()["data"]["total"]
    assert searched == 3


def test_restoring_what_is_not_in_the_bin_changes_nothing(admin: APIClient) -> None:
    there = InstanceFactory()
    written()

    answer = admin.post(f"/api/v1/instances/{there.pk}/actions/restore")

    assert (answer.status_code, written()) == (200, [])


def test_decision_about_a_held_reading(operator: APIClient) -> None:
    held = HeldReading.objects.create(record=SyncRecordFactory(), reading={}, summary={})
    path = f"/api/v1/held-readings/{held.pk}/actions/reject"
    operator.post(path)
    operator.post(path)

    assert entries_of(operator, "heldreading") == [
        ("update", {"decision": ["pending", "rejected"]})
    ]


def test_console_tells_who_changed_a_user_and_which_groups(client: Client) -> None:
    root = UserFactory(username="root", is_superuser=True)
    user = UserFactory(username="ada")
    client.force_login(root)
    LogEntry.objects.all().delete()
    password = {"password1": "quite-a-l0ng-one", "password2": "quite-a-l0ng-one"}
    client.post(f"/admin/users/user/{user.pk}/password/", password)

    assert written() == [
        ("root", "console", "update", "user", {"password": ["[hidden]", "[hidden]"]})
    ]
    user.refresh_from_db()
    assert user.check_password("quite-a-l0ng-one")


def test_command_tells_who_of_the_machine_ran_it(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "dba")
    file = tmp_path / "servers.csv"
    file.write_text("name,engine,host,username,password\nshop,toy,h,u,p-word\n")
    call_command("import_instances", str(file))

    origins = [entry.additional_data for entry in LogEntry.objects.all()]
    ours = {"source": "command", "command": "import_instances", "system_user": "dba"}
    assert origins == [ours, ours]


def test_entry_outlives_its_actor(admin: APIClient) -> None:
    person = person_behind(admin)
    name = person.get_username()
    admin.post("/api/v1/tags", {"name": "a"})
    User.objects.filter(pk=person.pk).delete()
    reader = UserFactory(is_superuser=True)
    admin.force_authenticate(reader)

    [entry] = admin.get(f"{PATH}?object_type=tag").json()["data"]["items"]
    assert (entry["actor"], entry["origin"]) == (name, {"source": "api", "user": name})


# --- reading ------------------------------------------------------------------------------------


@pytest.fixture
def entries(admin: APIClient) -> APIClient:
    LogEntry.objects.all().delete()
    admin.post("/api/v1/tags", {"name": "first"}, headers={"X-Request-ID": "abc"})
    Tag.objects.get().delete()
    return admin


def test_log_is_filtered_searched_and_found_by_request(entries: APIClient) -> None:
    def found(query: str) -> list[tuple[str, str | None]]:
        response = entries.get(f"{PATH}?{query}")
        assert response.status_code == 200
        items = response.json()["data"]["items"]
        return [(one["action"], one["actor"]) for one in items]

    name = person_behind(entries).get_username()
    created, deleted = ("create", name), ("delete", None)
    assert found("") == [deleted, created]
    assert found("sort=timestamp") == [created, deleted]
    assert found("action=delete") == [deleted]
    assert found(f"actor={name}") == [created]
    assert found("source=worker") == [deleted]
    assert found("request_id=abc") == [created]
    assert found("object_type=tag&search=first") == [deleted, created]
    assert found("search=elsewhere") == found("since=2999-01-01T00:00:00Z") == []
    assert entries.get(f"{PATH}?actoor=x").status_code == 400


def test_log_is_exported_with_its_filters(entries: APIClient) -> None:
    response: Any = entries.get(f"{PATH}/exports?action=create")
    lines = b"".join(response.streaming_content).decode().splitlines()
    assert len(lines) == 2
    assert lines[1].split(",")[1:3] == [person_behind(entries).get_username(), "api"]


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_only_admins_read_it(client_of: Any, entries: APIClient, role: str) -> None:
    client = client_of(role)
    for path in (PATH, f"{PATH}/exports", f"{PATH}/{LogEntry.objects.first().pk}"):
        assert (client.get(path).status_code, client.get(path).json()) == (
            403,
            failure("PERMISSION_REQUIRED"),
        )


def test_nobody_writes_it_by_the_api_or_the_console(entries: APIClient, client: Client) -> None:
    before = list(LogEntry.objects.order_by("pk").values())
    key = before[0]["id"]
    client.force_login(UserFactory(is_superuser=True))
    LogEntry.objects.exclude(pk__in=[one["id"] for one in before]).delete()
    for path in (PATH, f"{PATH}/{key}", f"{PATH}/exports"):
        for method in ("post", "put", "patch", "delete"):
            assert getattr(entries, method)(path, {"changes": {}}).status_code == 405
    page = "/admin/auditlog/logentry/"
    assert client.get(f"{page}add/").status_code == 403
    for path in (f"{page}add/", f"{page}{key}/delete/"):
        assert client.post(path, {"post": "yes"}).status_code == 403
    client.post(f"{page}{key}/change/", {"object_repr": "other"})
    chosen = {"action": "delete_selected", "_selected_action": [key], "post": "yes"}
    client.post(page, chosen)
    assert list(LogEntry.objects.order_by("pk").values()) == before


def test_list_takes_the_same_queries_for_any_number(
    entries: APIClient, django_assert_num_queries: Any
) -> None:
    for _ in range(2):
        with django_assert_num_queries(2):
            assert entries.get(PATH).status_code == 200
        TagFactory.create_batch(20)


@pytest.mark.parametrize("label", TRACKED)
def test_every_field_is_tracked_or_left_out_on_purpose(label: str) -> None:
    tracked, meta = TRACKED[label], apps.get_model(label)._meta
    named = [*tracked.fields, *tracked.secrets, *tracked.untold, *tracked.many]
    fields = [*meta.concrete_fields, *meta.many_to_many]
    assert sorted(named) == sorted(field.name for field in fields)


@pytest.mark.parametrize(
    ("hops", "header", "expected"),
    [
        (0, "203.0.113.7", "127.0.0.1"),
        (1, "1.1.1.1, 203.0.113.7", "203.0.113.7"),
        (1, "2001:db8::7", "2001:db8::7"),
        (1, "unknown", None),
    ],
)
def test_address_is_the_one_that_believed_proxies_tell(
    settings: Any, hops: int, header: str, expected: str | None
) -> None:
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": hops}
    client = APIClient()
    client.force_authenticate(UserFactory(is_superuser=True))

    made = client.post("/api/v1/tags", {"name": "far"}, headers={"X-Forwarded-For": header})

    assert made.status_code == 201
    entry = LogEntry.objects.get(content_type__model="tag")
    assert entry.remote_addr == expected
