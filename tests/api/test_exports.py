"""Files out, and in again: formulas, hostile CSV, streaming, and what nobody knows."""

import csv
import io
import tracemalloc
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.test import APIClient

from instances.bulk_rows import COLUMNS, TOLD
from instances.models import Credential, Instance
from tags.models import Tag
from tests.api.envelopes import failure, invalid
from tests.factories import (
    AccountFactory,
    AssignmentFactory,
    CredentialFactory,
    InstanceFactory,
    SectionFactory,
    TagFactory,
)
from whalefall.core.errors import InvalidRequest
from whalefall.core.exports import cell, csv_lines, line_of, read_csv, restored, texts_of

EXPORT = "/api/v1/instances/exports"
CREATE = "/api/v1/instances/actions/batch-create"
TEMPLATE = "/api/v1/instances/imports/template"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


def raw(client: APIClient, path: str) -> bytes:
    response: Any = client.get(path)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    return b"".join(response.streaming_content)


def download(client: APIClient, path: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(raw(client, path).decode(), newline="")))


FILES = [EXPORT, "/api/v1/accounts/ledgers/exports", "/api/v1/audit-logs/exports", TEMPLATE]


@pytest.mark.django_db
@pytest.mark.parametrize("path", FILES)
def test_a_file_is_csv_or_refused(admin: APIClient, path: str) -> None:
    text = "This is a CSV file, and there is no other format."

    refused = admin.get(path, {"format": "json"})

    assert (refused.status_code, refused.json()) == (400, invalid(format=text))
    assert admin.get(path, {"format": "api"}).status_code == 400
    assert admin.get(path, {"format": "xlsx"}).json() == failure("RESOURCE_NOT_FOUND")
    assert list(admin.get(path, {"fromat": "csv"}).json()["extra"]["fields"]) == ["fromat"]
    assert raw(admin, f"{path}?format=csv") == raw(admin, path)


# --- the file itself ----------------------------------------------------------------------------


@given(TEXTS)
def test_every_text_comes_back_and_none_is_a_formula(text: str) -> None:
    written = cell(text)

    assert restored(written) == text
    assert not written.startswith(("=", "+", "-", "@", "\t", "\r"))


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1))
def test_every_file_that_is_written_is_read_again(rows: list[tuple[str, str]]) -> None:
    columns = {"a": lambda row: row[0], "b": lambda row: row[1]}

    read = read_csv("".join(csv_lines(columns, rows)).encode(), ["a", "b"], [])

    assert [tuple(map(restored, row.cells.values())) for row in read] == [
        row for row in rows if any(row)
    ]
    assert not any(row.problem for row in read)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1)))
def test_several_texts_in_one_cell_come_back(texts: list[str]) -> None:
    assert texts_of(line_of(texts)) == texts


@pytest.mark.parametrize(
    "data",
    [
        "\ufeffname,host\r\na,b\r\n".encode(),
        b"name;host\na;b\n",
        b"name\thost\na\tb",
        b'"name","host"\r"a","b"\r',
        b"name,host\n\n,\na,b\n\n",
        b" name , host \na,b\n",
    ],
)
def test_marks_delimiters_and_ends_of_lines_are_understood(data: bytes) -> None:
    [row] = read_csv(data, ["name", "host"], ["name"])
    assert (row.cells, row.problem) == ({"name": "a", "host": "b"}, "")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ("n\xe4me,host\n".encode("latin-1"), "not in UTF-8 (byte 2)"),
        ("name,host\n".encode("utf-16"), "not in UTF-8 (byte 1)"),
        (b"a,b\n1,2\n", "unknown: 'a', 'b'; missing: 'name'"),
        (b"name,hots\na,b\n", "unknown: 'hots'"),
        (b"name,name\na,b\n", "twice: 'name'"),
        (b'"name,host\na,b\n', "The first line is no CSV"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(data: bytes, sentence: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_csv(data, ["name", "host"], ["name"])
    assert sentence in str(caught.value)


def test_ragged_rows_and_broken_quotes_are_told_by_line() -> None:
    data = b'name,host\na,"b\nb"\nc\nd,e,f\ng,h\ni,"j" k\nl,m\n'

    rows = read_csv(data, ["name", "host"], ["name"])

    assert [(row.line, row.cells.get("name"), row.problem) for row in rows] == [
        (2, "a", ""),
        (4, "c", "It has 1 cells, and the first line 2."),
        (5, "d", "It has 3 cells, and the first line 2."),
        (6, "g", ""),
        (7, None, "Its quotes do not fit; nothing from here on could be read."),
    ]


NO_HOST = "This is no name of a server, no IP address and no absolute path of a socket."


@pytest.mark.django_db
def test_a_huge_cell_and_a_null_spoil_their_own_row_only(admin: APIClient) -> None:
    CredentialFactory(name="all")
    head = "name,engine,host,credential\n"
    rows = f"a,toy,/{'x' * 1_000_000},all\nb,toy,b\0b,all\nc,toy,c,all\n"

    response = admin.post(CREATE, data=(head + rows).encode(), content_type="text/csv")

    assert [(one["name"], one["errors"]) for one in response.json()["data"]["rows"]] == [
        ("a", {"host": ["Ensure this field has no more than 255 characters."]}),
        ("b", {"host": [NO_HOST, "Null characters are not allowed."]}),
        ("c", {}),
    ]
    assert [one.name for one in Instance.objects.all()] == ["c"]


# --- instances ----------------------------------------------------------------------------------

EVIL = ("=HYPERLINK(1)", "+1", "-1", "@x", "'=quoted", "''twice", "a,b", 'say "hi"', "two\nlines")


@pytest.mark.django_db
@pytest.mark.both_databases
def test_an_export_is_imported_again_as_it_was(admin: APIClient) -> None:
    for number, text in enumerate(EVIL):
        instance = InstanceFactory(
            name=text,
            host=f"host-{number}",
            environment=text,
            credential=CredentialFactory(name=f"-{text}"),
            storage_limit_bytes=number or None,
            is_active=bool(number % 2),
        )
        instance.tags.add(TagFactory(name=f"={text}"), TagFactory(name=f"{number}, {text}"))
    before = raw(admin, EXPORT)
    Instance.objects.all().delete()
    Tag.objects.all().delete()

    response = admin.post(CREATE, data=before, content_type="text/csv")

    assert response.json()["data"]["counts"]["created"] == len(EVIL)
    assert raw(admin, EXPORT) == before


@pytest.mark.django_db
def test_template_has_the_columns_of_an_import_and_the_export_adds_what_servers_tell(
    viewer: APIClient,
) -> None:
    assert download(viewer, "/api/v1/instances/imports/template") == [list(COLUMNS)]
    own = [one for one in COLUMNS if one not in ("username", "password")]
    assert download(viewer, EXPORT) == [[*own, *TOLD]]


@pytest.mark.django_db
def test_export_has_the_filters_search_and_order_of_the_list_and_no_pages(
    viewer: APIClient,
) -> None:
    for name in ("shop-a", "shop-b", "crm"):
        InstanceFactory(name=name, environment=name[:4])
    InstanceFactory(name="shop-gone", deleted_at=timezone.now())

    def names(query: str) -> list[str]:
        return [row[0] for row in download(viewer, f"{EXPORT}?{query}")[1:]]

    assert names("search=shop&sort=-name") == ["shop-b", "shop-a"]
    assert names("environment=crm") == ["crm"]
    assert names("deleted=true") == ["shop-gone"]
    for wrong in ("enviroment=crm", "page=2", "limit=10"):
        assert viewer.get(f"{EXPORT}?{wrong}").status_code == 400


@pytest.mark.django_db
def test_no_export_has_a_password(admin: APIClient) -> None:
    InstanceFactory(credential=CredentialFactory(password="sooo-secret"))
    for path in (EXPORT, "/api/v1/audit-logs/exports"):
        text = str(download(admin, path))
        assert "sooo-secret" not in text
        for credential in Credential.objects.all():
            assert credential.password.token not in text


# --- accounts -----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_accounts_say_what_is_unknown(viewer: APIClient) -> None:
    instance = SectionFactory(instance__name="shop").instance
    SectionFactory(instance=instance, name="grants", state="unknown")
    account = AccountFactory(
        instance=instance, name="app\n=1", can_login=None, is_superuser=None, is_locked=False
    )
    AssignmentFactory(account=account, classification__code="vip")
    AccountFactory(instance=instance, name="gone", removed=True)

    titles, *rows = download(viewer, "/api/v1/accounts/ledgers/exports")

    [row] = [dict(zip(titles, row, strict=True)) for row in rows]
    assert row == {
        "instance": "shop",
        "engine": "toy",
        "name": "app\n=1",
        "kind": "user",
        "is_system": "false",
        "can_login": "unknown",
        "is_superuser": "unknown",
        "is_locked": "false",
        "password_state": "unknown",
        "password_changed_at": "unknown",
        "last_login_at": "unknown",
        "classifications": "vip",
        "first_seen_at": account.first_seen_at.isoformat(),
        "removed_at": "",
        "sections_known": "1 of 2",
    }
    assert len(download(viewer, "/api/v1/accounts/ledgers/exports?include_removed=true")) == 3


@pytest.mark.django_db
def test_account_statistics_are_those_of_the_lists(viewer: APIClient) -> None:
    instance = SectionFactory().instance
    AccountFactory.create_batch(2, instance=instance, is_superuser=True)
    AccountFactory(instance=instance, is_superuser=None, kind="role")
    AccountFactory(instance=instance, is_system=True)
    AccountFactory(instance=instance, removed=True)

    told = viewer.get("/api/v1/accounts/statistics").json()["data"]

    def listed(query: str = "") -> int:
        found = viewer.get(f"/api/v1/accounts/ledgers?{query}").json()["data"]["total"]
        assert isinstance(found, int)
        return found

    superuser = next(one for one in told.pop("facts") if one["code"] == "superuser")
    assert (superuser["yes"], superuser["unknown"]) == (listed("is_superuser=true"), 1)
    assert superuser["is_certain"] is False
    assert told == {
        "accounts": listed(),
        "kinds": [
            {"kind": "role", "accounts": listed("kind=role")},
            {"kind": "user", "accounts": listed("kind=user")},
        ],
        "engines": [{"engine": "toy", "accounts": listed("engine=toy")}],
        "instances": 1,
        "fully_read": 1,
    }


# --- size ---------------------------------------------------------------------------------------


def test_a_file_of_any_length_takes_the_memory_of_a_row() -> None:
    def peak(rows: int) -> int:
        tracemalloc.start()
        sent = sum(len(line) for line in csv_lines({"a": str}, iter(range(rows))))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert sent > rows
        return found

    assert peak(20_000) < 2 * peak(1000) + 10_000


@pytest.mark.django_db
@pytest.mark.both_databases
def test_an_export_reads_the_database_a_part_at_a_time(
    viewer: APIClient, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    """By the tags, which are fetched once for each part."""
    monkeypatch.setattr("whalefall.core.exports.ROWS_AT_A_TIME", 10)
    credential = CredentialFactory()
    InstanceFactory.create_batch(25, credential=credential)
    response: Any = viewer.get(EXPORT)

    with django_assert_num_queries(1 + 3):
        assert len(list(response.streaming_content)) == 26
