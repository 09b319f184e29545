"""Many at once: instances from a file or a document, and into the bin."""

from collections.abc import Sequence
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from instances import bulk
from instances.models import Credential, Instance
from tags.models import Tag
from tests.api.envelopes import invalid, success
from tests.factories import CredentialFactory, InstanceFactory

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db]

CREATE = "/api/v1/instances/actions/batch-create"
DELETE = "/api/v1/instances/actions/batch-delete"
NONE = {"created": 0, "unchanged": 0, "valid": 0, "withheld": 0, "invalid": 0}
HEAD = "name,engine,host,username,password,tags\n"
FILE = HEAD + 'shop,toy,shop.org,app,s3cret-1,"web,""a, b"""\ncrm,toy,crm.org,app,s3cret-2,web\n'


def send(client: APIClient, text: str | bytes, query: str = "") -> Any:
    data = text.encode() if isinstance(text, str) else text
    return client.post(f"{CREATE}{query}", data=data, content_type="text/csv")


def row(line: int, name: str, status: str, **fields: Any) -> dict[str, Any]:
    return {
        "line": line,
        "name": name,
        "status": status,
        "instance_id": None,
        "errors": {},
        **fields,
    }


def everything() -> tuple[int, ...]:
    """How many rows there are of all that an import writes."""
    models: tuple[Any, ...] = (Instance, Credential, Tag, Instance.tags.through, LogEntry)
    return tuple(model.objects.count() for model in models)


def stored() -> set[tuple[Any, ...]]:
    return {
        (
            *(one.name, one.host, one.port, one.credential.name, one.credential.username),
            *(one.credential.reveal(), frozenset(tag.name for tag in one.tags.all())),
        )
        for one in Instance.objects.with_parts()
    }


def test_good_rows_of_a_file_are_imported_as_a_whole(admin: APIClient) -> None:
    response = send(admin, FILE)

    keys = dict(Instance.objects.values_list("name", "pk"))
    assert response.status_code == 200
    assert response.json() == success(
        {
            "counts": {**NONE, "total": 2, "created": 2},
            "rows": [
                row(2, "shop", "created", instance_id=keys["shop"]),
                row(3, "crm", "created", instance_id=keys["crm"]),
            ],
        }
    )
    assert stored() == {
        ("shop", "shop.org", 1, "shop", "app", "s3cret-1", frozenset({"web", "a, b"})),
        ("crm", "crm.org", 1, "crm", "app", "s3cret-2", frozenset({"web"})),
    }


def test_json_and_a_form_import_the_same_as_a_file(admin: APIClient) -> None:
    send(admin, FILE)
    from_file = stored()
    Instance.objects.all().forget()
    facts = {"engine": "toy", "username": "app"}
    document: list[dict[str, Any]] = [
        {**facts, "name": "shop", "host": "shop.org", "password": "s3cret-1"},
        {**facts, "name": "crm", "host": "crm.org", "password": "s3cret-2", "tags": ["web"]},
    ]
    document[0]["tags"] = ["web", "a, b"]
    assert admin.post(CREATE, {"instances": document}).status_code == 200
    assert stored() == from_file
    Instance.objects.all().forget()

    file = SimpleUploadedFile("servers.csv", FILE.encode())
    assert admin.post(CREATE, {"file": file}, format="multipart").status_code == 200
    assert stored() == from_file


def test_dry_run_says_the_same_and_changes_nothing(admin: APIClient) -> None:
    text = FILE + "bad,none,,u,p,\n"
    before = everything()
    dry = send(admin, text, "?dry_run=true")

    assert (dry.status_code, everything()) == (200, before)
    assert dry.json()["data"]["counts"] == {**NONE, "total": 3, "valid": 2, "invalid": 1}
    real = send(admin, text).json()["data"]["rows"]
    forgotten = {"created": "valid", "invalid": "invalid"}
    assert dry.json()["data"]["rows"] == [
        {**one, "status": forgotten[one["status"]], "instance_id": None} for one in real
    ]


def test_good_rows_of_a_bad_file_are_not_lost(admin: APIClient) -> None:
    response = send(admin, FILE + "bad,none,,u,p,\n")

    assert response.status_code == 200
    assert response.json()["data"]["counts"] == {**NONE, "total": 3, "created": 2, "invalid": 1}
    assert response.json()["data"]["rows"][2] == row(
        4,
        "bad",
        "invalid",
        errors={"engine": ['"none" is not a valid choice.'], "host": ["This field is required."]},
    )
    assert set(Instance.objects.values_list("name", flat=True)) == {"shop", "crm"}
    assert not Credential.objects.filter(name="bad").exists()


def test_all_or_nothing_writes_nothing_for_one_bad_row(admin: APIClient) -> None:
    before = everything()

    response = send(admin, FILE + "bad,none,x,u,p,\n", "?all_or_nothing=true")

    assert (response.status_code, everything()) == (400, before)
    assert response.json()["message"] == "1 of 3 rows are wrong, so nothing was changed."
    assert response.json()["extra"]["result"]["counts"] == {
        **NONE,
        "total": 3,
        "withheld": 2,
        "invalid": 1,
    }
    assert send(admin, FILE, "?all_or_nothing=true").status_code == 200


def test_the_mended_file_can_be_sent_again_as_a_whole(admin: APIClient) -> None:
    send(admin, FILE)
    before = everything()

    again = send(admin, FILE)

    assert (again.status_code, everything()) == (200, before)
    assert again.json()["data"]["counts"] == {**NONE, "total": 2, "unchanged": 2}


@pytest.mark.parametrize(
    ("line", "errors"),
    [
        ("shop,toy,shop.org,app,other,web", {"name": ["credential", "tags"]}),
        ("shop,toy,other.org,app,s3cret-1,", {"name": ["host", "tags"]}),
        ("new,toy,shop.org,app,x,", {"host": "shop is at that address already."}),
    ],
)
def test_what_is_taken_is_refused_and_stays_as_it_is(
    admin: APIClient, line: str, errors: dict[str, Any]
) -> None:
    send(admin, FILE)
    before = stored()

    [one] = send(admin, f"{HEAD}{line}\n").json()["data"]["rows"]

    taken = "There is an instance of this name already, with another {}."
    expected = {
        part: [taken.format(", ".join(why)) if isinstance(why, list) else why]
        for part, why in errors.items()
    }
    assert (one["status"], one["errors"], stored()) == ("invalid", expected, before)


def test_of_two_rows_with_a_name_or_an_address_neither_counts(admin: APIClient) -> None:
    text = HEAD + "a,toy,one,u,p,\nb,toy,two,u,p,\na,toy,three,u,p,\nc,toy,two,u,p,\nd,toy,x,u,p,"

    rows = send(admin, text).json()["data"]["rows"]

    assert [(one["name"], one["status"], one["errors"]) for one in rows] == [
        ("a", "invalid", {"name": ["Also in line 4."]}),
        ("b", "invalid", {"host": ["Also in line 5."]}),
        ("a", "invalid", {"name": ["Also in line 2."]}),
        ("c", "invalid", {"host": ["Also in line 3."]}),
        ("d", "created", {}),
    ]


def test_of_many_rows_with_a_name_each_looks_at_few_others(
    admin: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"same,toy,host-{n},u,p," for n in range(30)]
    looked_at: list[int] = []
    tell = bulk.shortened

    def shortened(texts: Sequence[str]) -> str:
        looked_at.append(len(texts))
        return tell(texts)

    monkeypatch.setattr(bulk, "shortened", shortened)

    found = send(admin, HEAD + "\n".join(rows)).json()["data"]["rows"]

    told = {one["line"]: one["errors"] for one in found}
    first, later = "3, 4, 5, 6, 7, …", "2, 3, 4, 5, 6, …"
    expected = {2: first, 7: "2, 3, 4, 5, 6, …", 8: later, 31: later}
    assert {line: told[line] for line in expected} == {
        line: {"name": [f"Also in line {others}."]} for line, others in expected.items()
    }
    assert (len(looked_at), max(looked_at) < 10) == (30, True)


def test_a_dry_run_holds_no_transaction(admin: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = []
    depth = len(connection.savepoint_ids)

    def run_import(drafts: Any, **_: bool) -> list[Any]:
        inside.append(len(connection.savepoint_ids) > depth)
        return []

    monkeypatch.setattr("instances.bulk_viewsets.run_import", run_import)

    for query in ("?dry_run=true", ""):
        send(admin, HEAD + "a,toy,one,u,p,", query)

    assert inside == [False, True]


def test_a_stored_credential_is_named_and_a_second_of_its_name_is_not_made(
    admin: APIClient,
) -> None:
    CredentialFactory(name="shared")
    head = "name,engine,host,credential,username,password\n"
    text = f"{head}a,toy,a,shared,,\nb,toy,b,nobody,,\nshared,toy,c,,u,p\n"
    text += "d,toy,d,shared,u,\ne,toy,e,,u,"

    rows = send(admin, text).json()["data"]["rows"]

    assert [one["errors"].get("credential", []) for one in rows] == [
        [],
        ["There is no credential of this name."],
        ["There is a credential named shared already; name it, without user name."],
        ["Name one, or a user name and password."],
        ["Needed, or a user name and password."],
    ]
    assert [one["status"] for one in rows] == ["created", *["invalid"] * 4]


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_an_empty_file_is_no_import(admin: APIClient, content: bytes) -> None:
    assert send(admin, content).json()["message_code"] == "REQUEST_DATA_EMPTY"
    assert admin.post(CREATE, {}).json()["message_code"] == "REQUEST_DATA_EMPTY"


def test_a_misspelt_option_or_field_is_refused(admin: APIClient) -> None:
    assert send(admin, FILE, "?dryrun=true").status_code == 400
    wrong = {"instances": [{"name": "a", "engine": "toy", "host": "h", "pasword": "x"}, 7]}
    rows = admin.post(CREATE, wrong).json()["data"]["rows"]
    assert [one["errors"] for one in rows] == [
        {"pasword": ["There is no such field."]},
        {"row": ["An object with the fields of an instance, please."]},
    ]
    assert not Instance.objects.exists()


def test_a_file_that_is_too_long_is_refused(admin: APIClient, settings: Any) -> None:
    settings.MOST_UPLOAD_BYTES = len(FILE)
    assert send(admin, FILE, "?dry_run=true").status_code == 200
    assert send(admin, FILE + "\n").json()["message_code"] == "VALIDATION_ERROR"


def test_no_password_of_an_import_is_answered_or_logged(
    admin: APIClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    for query in ("?dry_run=true", ""):
        response = send(admin, FILE + "bad,none,x,u,s3cret-3,\n", query)
        assert b"s3cret" not in response.content
    assert "s3cret" not in caplog.text
    changes = [str(entry.changes) for entry in LogEntry.objects.all()]
    assert len(changes) > 4
    assert "s3cret" not in "".join(changes)


# --- into the recycle bin -----------------------------------------------------------------------


def test_batch_delete_moves_all_into_the_bin_or_none(admin: APIClient) -> None:
    one, two = InstanceFactory(), InstanceFactory()
    gone = InstanceFactory(deleted_at=timezone.now())

    wrong = admin.post(DELETE, {"instance_ids": [one.pk, 10**9]})
    assert wrong.json() == invalid(instance_ids="There is none with the id 1000000000.")
    assert Instance.objects.living().count() == 2

    response = admin.post(DELETE, {"instance_ids": [one.pk, two.pk, gone.pk, one.pk]})
    assert response.json() == success({"deleted": 2, "unchanged": 1}, "Moved to the recycle bin.")
    assert not Instance.objects.living().exists()
    assert admin.post(DELETE, {}).json()["message_code"] == "REQUEST_DATA_EMPTY"
