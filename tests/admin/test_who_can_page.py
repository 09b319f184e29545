"""Who can…? in the console: the page tells what the API tells, as trees."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Account, Grant
from accounts.objects import parse_object
from accounts.who_can import holder_documents, who_can
from accounts.who_can_pages import ROWS
from instances.engines.base import AccountKind, AccountRecord, GrantRecord, MembershipRecord, Scope
from instances.engines.postgresql.effective import PostgreSQLEffective
from instances.models import Instance
from tests.admin.trees import expected_path, trees
from tests.factories import (
    AssignmentFactory,
    DatabaseFactory,
    InstanceFactory,
    SectionFactory,
    sync,
)
from tests.toy_engine import TOY_SERVERS, Toy, ToyServer, reading, role, select_on, user

PATH = "/admin/accounts/who-can/"
ORDERS = "shop.sales.orders"
ACCOUNTS = [
    *(user("ada"), user("eve"), user("root", is_superuser=True)),
    *map(role, ("team", "readers", "analysts")),
    AccountRecord("public", AccountKind.PUBLIC),
]
LINKS = [
    MembershipRecord("ada", "team"),
    MembershipRecord("team", "readers"),
    MembershipRecord("readers", "analysts"),
    MembershipRecord("eve", "readers", inherits=False),
]
GRANTS = [
    select_on(ORDERS, "analysts", grantable=True),
    select_on(ORDERS, "team", privilege="INSERT"),
    select_on("shop.sales.it", "public"),
    GrantRecord("team", "CONNECT", Scope.DATABASE, database="shop"),
    GrantRecord("team", "USAGE", Scope.SCHEMA, database="shop", schema="sales"),
    *(
        GrantRecord("root", "OWNER", Scope.TABLE, "shop", "sales", one, is_owner=True)
        for one in ("orders", "it")
    ),
]


@pytest.fixture
def viewer(client_as: Callable[[str], Client]) -> Client:
    return client_as("viewer")


@pytest.fixture
def fleet(db: None, monkeypatch: pytest.MonkeyPatch) -> list[Instance]:
    """Two servers alike."""
    monkeypatch.setattr(Toy, "effective", PostgreSQLEffective)
    found: list[Instance] = [InstanceFactory(name=name) for name in ("one", "two")]
    for one in found:
        TOY_SERVERS[one.host] = ToyServer(reading(ACCOUNTS, LINKS, GRANTS, version="18.1"))
        sync(one)
    return found


def asked(client: Client, privilege: str = "SELECT", text: str = ORDERS, **query: str) -> Any:
    response = client.get(PATH, {"privilege": privilege, "object": text, **query})
    assert response.status_code == 200
    return response


def words(response: Any) -> str:
    return " ".join(response.content.decode().split())


@pytest.mark.parametrize("query", [{}, {"set_role": "on"}])
@pytest.mark.parametrize("text", [ORDERS, "shop.sales.it", "*"])
def test_the_page_shows_every_holder_of_the_api_with_every_way(
    viewer: Client, fleet: list[Instance], text: str, query: dict[str, str]
) -> None:
    answer = who_can("SELECT", parse_object(text), set_role=bool(query))
    documents = holder_documents(answer[0 : len(answer)], answer.question)
    response = asked(viewer, text=text, **query)
    shown = response.context["holders"]
    assert [
        (one.found.instance.name, one.name, one.grantable, one.found.is_by_set_role)
        for one in shown
    ] == [(one["instance"], one["account"], one["grantable"], one["set_role"]) for one in documents]
    assert [one.reach.is_open for one in shown] == [one["reachable"] for one in documents]
    members = {(one.member, one.role) for one in LINKS}
    assert trees(response.content.decode()) == [
        {expected_path(one["account"], way, members, f" on table {text}") for way in one["ways"]}
        for one in documents
    ]


def test_holders_are_counted_and_what_is_not_known_stands_apart(
    viewer: Client, fleet: list[Instance]
) -> None:
    never = InstanceFactory(name="never")
    SectionFactory(instance=fleet[1], name="types", database="shop", state="unknown", reason="no")
    response = asked(viewer)
    assert "<strong>10</strong> accounts hold it on the table, on 2 instances." in words(response)
    assert "There may be more: of 2 instances" in words(response)
    assert [(one.instance, one.reason) for one in response.context["answer"].untold] == [
        (never, "Its privileges have never been read."),
        (fleet[1], "no"),
    ]


def test_one_instance_at_a_past_moment(viewer: Client, fleet: list[Instance]) -> None:
    before = timezone.now()
    Grant.objects.filter(account__name="analysts").update(valid_to=timezone.now())
    query = {"instance": str(fleet[0].pk)}
    now, then = asked(viewer, **query), asked(viewer, **query, at=before.isoformat())
    names = [[one.name for one in response.context["holders"]] for response in (now, then)]
    assert names == [["root"], ["ada", "analysts", "readers", "root", "team"]]
    assert f"effective/?at={before:%Y-%m-%dT%H}%3A" in then.content.decode()


def test_classes_and_what_an_account_is_stand_beside_it(
    viewer: Client, fleet: list[Instance]
) -> None:
    ada = Account.objects.get(name="ada", instance=fleet[0])
    AssignmentFactory(account=ada, classification__name="Personal")
    AssignmentFactory(account=ada, classification__name="Old", revoked_at=timezone.now())
    Account.objects.filter(pk=ada.pk).update(is_locked=True)
    response = asked(viewer, instance=str(fleet[0].pk))
    holder = next(one for one in response.context["holders"] if one.account == ada)
    assert [one.name for one in holder.classes] == ["Personal"]
    assert "user, locked" in words(response)


@pytest.mark.parametrize(
    ("query", "field", "says"),
    [
        ({"object": ORDERS}, "privilege", "Write a privilege, for example SELECT."),
        ({"privilege": "SELECT"}, "object", "Write an object, for example shop.sales.orders"),
        ({"privilege": "SELECT", "object": "a..b"}, "object", "at character 3"),
        ({"privilege": "SELECT", "object": ORDERS, "at": "2999-01-01"}, "at", "future"),
        ({"privilege": "SELECT", "object": ORDERS, "instance": "0"}, "instance", "valid choice"),
    ],
)
def test_wrong_input_says_what_to_write(
    viewer: Client, fleet: list[Instance], query: dict[str, str], field: str, says: str
) -> None:
    response = viewer.get(PATH, query)
    assert list(response.context["form"].errors) == [field]
    assert says in words(response)
    assert "answer" not in response.context


@pytest.mark.parametrize(
    ("privilege", "text", "says"),
    [
        ("FLY", ORDERS, "FLY is nothing that can be granted on an object of 3 names."),
        ("SELECT", "shop.sales.none", "Write it as the server spells it"),
    ],
)
def test_what_there_is_not_is_said(
    viewer: Client, fleet: list[Instance], privilege: str, text: str, says: str
) -> None:
    response = asked(viewer, privilege, text)
    assert says in words(response)
    assert "answer" not in response.context


def test_nobody_is_said_only_when_everything_is_known(
    viewer: Client, fleet: list[Instance]
) -> None:
    Account.objects.filter(name="root").update(is_superuser=False)
    Grant.objects.filter(privilege="SELECT").delete()
    assert "<p>Nobody.</p>" in words(asked(viewer))
    InstanceFactory()
    assert "Nobody that is known of; not everything could be read." in words(asked(viewer))


@pytest.mark.both_databases
def test_a_question_is_picked_from_what_is_known(viewer: Client, fleet: list[Instance]) -> None:
    DatabaseFactory(instance=fleet[0], name="shop")
    DatabaseFactory(name="else.where")
    everywhere = viewer.get(PATH).context
    assert [text for _, text in everywhere["databases"]] == ['"else.where"', "shop"]
    assert ("SELECT", "Toy") in everywhere["privileges"]
    query = {"instance": str(fleet[0].pk), "database": "shop", "privilege": "select"}
    picks = viewer.get(PATH, query).context["picks"]
    assert [one.text for one in picks] == ["shop", "shop.sales", "shop.sales.it", ORDERS]
    picked = viewer.get(f"{PATH}?{picks[-1].query}")
    assert [one.name for one in picked.context["holders"]] == [
        *("ada", "analysts", "readers", "root", "team")
    ]


def test_an_empty_fleet_says_how_to_add_a_server(viewer: Client, db: None) -> None:
    assert "No server yet" in words(viewer.get(PATH))


def test_many_holders_are_paged_in_as_many_statements(
    viewer: Client, fleet: list[Instance]
) -> None:
    def statements(**query: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            asked(viewer, **query)
        return len(queries)

    few = statements()
    like = Account.objects.get(name="ada", instance=fleet[0])
    people = Account.objects.bulk_create(
        Account(
            instance=fleet[0],
            name=f"person-{number:05}",
            kind="user",
            is_superuser=True,
            first_seen_at=like.first_seen_at,
            facts_version=like.facts_version,
        )
        for number in range(10_000)
    )
    assert statements() == few
    response = asked(viewer, holders="2")
    assert response.context["page"].paginator.count == len(people) + 10
    assert len(response.context["holders"]) == ROWS
