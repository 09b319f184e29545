"""A host is one server, in one spelling."""

import pytest
from django.core.exceptions import ValidationError
from rest_framework.test import APIClient

from instances.hosts import check_host
from instances.models import Instance
from tests.factories import CredentialFactory, InstanceFactory

pytestmark = pytest.mark.django_db

GOOD = (
    *("db", "db.example.org", "db.example.org.", "DB-1.example", "under_score.example"),
    *("xn--bcher-kva.example", "10.0.0.1", "::1", "fe80::1%eth0", "2001:db8::1"),
    *("/run/postgresql", "/var/run/mysqld/mysqld.sock", "a" * 63),
)
BAD = (
    *("a,b", "127.0.0.1,10.0.0.1", "h\nX", "a b", " a", "a ", "h:5432", "http://x", "user@h"),
    *("-h", "h-", "h\u202e", "", ".", "a..b", "[::1]", "/run/a,b", "/run/a b", "run/socket"),
    *("a" * 64, "h\x00", "h=1", "h'", "bücher.example", "h;x", "@abstract", "h/..", "h?x=1"),
)


@pytest.mark.parametrize("host", GOOD)
def test_one_server(host: str) -> None:
    check_host(host)


@pytest.mark.parametrize("host", BAD)
def test_anything_else(host: str) -> None:
    with pytest.raises(ValidationError):
        check_host(host)


def test_edges_refuse_it(admin: APIClient) -> None:
    credential = CredentialFactory()
    row = {"name": "x", "engine": "toy", "host": "a,b", "port": 1, "credential": credential.pk}
    typed = {"engine": "toy", "host": "a,b", "port": 1, "username": "u", "password": "p"}
    batch = {"instances": [{"name": "x", "engine": "toy", "host": "a,b", "username": "u"}]}

    stored = admin.post("/api/v1/instances", row, format="json")
    tested = admin.post("/api/v1/instances/actions/test-connection", typed, format="json")
    many = admin.post("/api/v1/instances/actions/batch-create", batch, format="json")

    assert (stored.status_code, tested.status_code) == (400, 400)
    assert stored.json()["extra"]["fields"].keys() == {"host"}
    assert tested.json()["extra"]["fields"].keys() == {"host"}
    [one] = many.json()["data"]["rows"]
    assert (one["status"], list(one["errors"])) == ("invalid", ["host"])
    assert Instance.objects.count() == 0


def test_capitals_are_no_other_server(admin: APIClient) -> None:
    there = InstanceFactory(engine="toy", host="db.example.org", port=7)
    again = {"name": "x", "engine": "toy", "host": "DB.Example.Org", "port": 7}
    again["credential"] = there.credential_id

    answer = admin.post("/api/v1/instances", again, format="json")
    batch = {"instances": [{**again, "credential": there.credential.name}]}
    many = admin.post("/api/v1/instances/actions/batch-create", batch, format="json")

    assert (answer.status_code, answer.json()["message_code"]) == (409, "CONSTRAINT_VIOLATION")
    assert list(many.json()["data"]["rows"][0]["errors"]) == ["host"]
    made = [InstanceFactory(engine="toy", host=host) for host in ("/run/PG", "New.Example")]
    assert [one.host for one in made] == ["/run/PG", "new.example"]
    assert {"/run/PG", "new.example"} < set(Instance.objects.values_list("host", flat=True))
