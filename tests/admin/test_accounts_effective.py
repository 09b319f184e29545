"""What may this account do: the page tells what the API tells, as trees."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings

from accounts.effective import effective_privileges
from accounts.effective_pages import ROWS
from accounts.models import Account, Grant, Securable
from accounts.objects import parse_object
from accounts.store import digest
from instances.engines.base import AccountsReading, MembershipRecord
from instances.engines.postgresql.effective import PostgreSQLEffective
from instances.models import Instance
from tests.accounts.worlds import readings
from tests.admin.trees import expected_path, trees
from tests.factories import InstanceFactory, SectionFactory, UserFactory, sync
from tests.toy_engine import TOY_SERVERS, Toy, ToyServer, reading, role, select_on, user

ORDERS = "shop.sales.orders"
few = settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(autouse=True)
def _toy_decides_as_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Toy, "effective", PostgreSQLEffective)


@pytest.fixture
def viewer(client_as: Callable[[str], Client]) -> Client:
    return client_as("viewer")


@pytest.fixture
def ada(instance: Instance, server_has: Any) -> Account:
    """Reads the orders three roles away, and may write them after SET ROLE."""
    accounts = [user("ada"), *map(role, ("team", "readers", "analysts", "writers"))]
    links = [
        MembershipRecord("ada", "team"),
        MembershipRecord("team", "readers"),
        MembershipRecord("readers", "analysts"),
        MembershipRecord("ada", "writers", inherits=False),
    ]
    grants = [
        select_on(ORDERS, "analysts"),
        select_on(ORDERS, "writers", privilege="INSERT"),
        select_on("shop.sales.items", "ada"),
    ]
    server_has(instance, reading(accounts, links, grants, version="18.1"))
    sync(instance)
    found: Account = Account.objects.get(name="ada")
    return found


def path(account: Account) -> str:
    return f"/admin/accounts/account/{account.pk}/effective/"


def told(client: Client, account: Account, **query: str) -> Any:
    response = client.get(path(account), query)
    assert response.status_code == 200
    return response


def shown(response: Any) -> Counter[tuple[str, str, bool]]:
    return Counter(
        (one.privilege, row.place, one.is_by_set_role)
        for row in response.context["rows"]
        for one in row.entries
    )


@given(readings())
@few
@pytest.mark.django_db
def test_every_way_of_the_api_is_a_path_of_the_tree(
    client_as: Callable[[str], Client], answer: AccountsReading
) -> None:
    instance = InstanceFactory()
    TOY_SERVERS[instance.host] = ToyServer(answer)
    sync(instance)
    members = {(one.member, one.role) for one in answer.memberships}
    client = Client()
    client.force_login(UserFactory(is_superuser=True))
    for account in Account.objects.filter(instance=instance):
        found: Counter[tuple[str, str, bool]] = Counter()
        documents = {
            (one["privilege"], place(one), one["set_role"], one["owner"]): one
            for one in effective_privileges(account).privileges
        }
        response = told(client, account)
        rows, drawn = response.context["rows"], trees(response.content.decode())
        assert len(rows) == len(drawn)
        for row, paths in zip(rows, drawn, strict=True):
            for one in row.entries:
                names = tuple(parse_object(row.place)) if row.place != "*" else ()
                about = (row.thing.scope, *names)
                document = documents[one.privilege, about, one.is_by_set_role, one.is_owner]
                if not one.is_owner:
                    ways = document["ways"]
                    assert paths == {expected_path(account.name, way, members) for way in ways}
                assert row.reach.is_open == document["reachable"]
                assert bool(row.reach.closed) == (document["reachable"] is not True)
                found[one.privilege, str(about), one.is_by_set_role] += 1
        assert found.total() == len(documents)


def place(document: dict[str, Any]) -> tuple[str, ...]:
    parts = (document[part] for part in ("database", "schema", "object", "column"))
    return (document["scope"], *(part for part in parts if part))


def test_a_path_of_three_roles_and_one_by_set_role(viewer: Client, ada: Account) -> None:
    response = told(viewer, ada)
    assert shown(response) == {
        ("SELECT", "shop.sales.items", False): 1,
        ("SELECT", ORDERS, False): 1,
        ("INSERT", ORDERS, True): 1,
    }
    assert trees(response.content.decode()) == [
        {("ada", "granted")},
        {("ada", "role team", "role readers", "role analysts", "granted")},
        {("ada", "SET ROLE writers", "granted")},
    ]


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ({"privilege": "ins"}, {("INSERT", ORDERS, True)}),
        ({"object": "SALES.items"}, {("SELECT", "shop.sales.items", False)}),
        ({"scope": "database"}, set()),
        (
            {"privilege": "select", "object": "orders", "scope": "table"},
            {("SELECT", ORDERS, False)},
        ),
    ],
)
def test_filters(viewer: Client, ada: Account, query: dict[str, str], left: set[Any]) -> None:
    response = told(viewer, ada, **query)
    assert set(shown(response)) == left
    assert f"{len(left)} of 3" in " ".join(response.content.decode().split())


@pytest.mark.both_databases
def test_a_past_moment_shows_what_was_so_then(viewer: Client, ada: Account) -> None:
    before = timezone.now()
    Grant.objects.filter(account=ada).update(valid_to=timezone.now())
    now, then = told(viewer, ada), told(viewer, ada, at=before.isoformat())
    items = ("SELECT", "shop.sales.items", False)
    assert shown(then) - shown(now) == {items: 1}
    assert "As of" in then.content.decode()
    assert all(not word.query for row in then.context["rows"] for word in row.words)
    assert all(word.query for row in now.context["rows"] for word in row.words)


def test_what_is_not_known_is_said_with_its_statement(viewer: Client, ada: Account) -> None:
    SectionFactory(
        instance=ada.instance,
        name="grants",
        database="web",
        state="unknown",
        reason="may not connect",
        needed_grant="GRANT CONNECT ON DATABASE web",
    )
    page = " ".join(told(viewer, ada).content.decode().split())
    for text in ("may not connect", "GRANT CONNECT ON DATABASE web", "known"):
        assert text in page
    assert "<p>Nothing.</p>" not in page


def problem(response: Any) -> str:
    assert "rows" not in response.context
    return str(response.context["problem"])


def test_what_could_not_be_told_is_said(
    viewer: Client, ada: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "was first read on" in problem(told(viewer, ada, at="2001-01-01T00:00"))
    stranger = Account.objects.create(
        instance=InstanceFactory(),
        name="eve",
        kind="user",
        first_seen_at=timezone.now(),
        facts_version=ada.facts_version,
    )
    assert "have never been read" in problem(told(viewer, stranger))
    Account.objects.filter(pk=ada.pk).update(facts_version=0)
    assert "facts of ada are missing" in problem(told(viewer, ada))
    Account.objects.filter(pk=ada.pk).update(facts_version=stranger.facts_version)
    monkeypatch.setattr(Toy, "effective", None)
    assert "Toy has no rules" in problem(told(viewer, ada))


@pytest.mark.parametrize("at", ["2999-01-01T00:00", "soon"])
def test_a_moment_that_is_none_is_refused(viewer: Client, ada: Account, at: str) -> None:
    response = told(viewer, ada, at=at)
    assert list(response.context["form"].errors) == ["at"]
    assert "rows" not in response.context


def test_a_removed_account_may_do_nothing_and_says_why(viewer: Client, ada: Account) -> None:
    Account.objects.filter(pk=ada.pk).update(removed_at=timezone.now())
    assert "The account is gone" in told(viewer, ada).content.decode()


def statements(client: Client, account: Account, **query: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        told(client, account, **query)
    return len(queries)


def test_ten_thousand_rights_are_paged_in_as_many_statements(viewer: Client, ada: Account) -> None:
    SectionFactory(instance=ada.instance, name="other")
    few_rows = statements(viewer, ada)
    things = Securable.objects.bulk_create(
        Securable(
            instance=ada.instance,
            scope="table",
            database="shop",
            schema="many",
            name=f"t{number:05}",
            digest=digest(("table", "shop", "many", f"t{number:05}", "")),
        )
        for number in range(10_000)
    )
    holder = Account.objects.get(name="analysts")
    Grant.objects.bulk_create(
        Grant(account=holder, securable=one, privilege="SELECT", valid_from=timezone.now())
        for one in things
    )
    assert statements(viewer, ada) == few_rows
    last = told(viewer, ada, privileges=str(10_003 // ROWS + 1))
    assert len(shown(last)) == 10_003 % ROWS
    assert last.context["page"].paginator.count == last.context["matching"] == 10_003


@pytest.mark.parametrize(("who", "status"), [("viewer", 200), ("operator", 200), ("nobody", 403)])
def test_every_role_may_ask_and_nobody_else(
    client: Client, client_as: Callable[[str], Client], ada: Account, who: str, status: int
) -> None:
    assert client.get(path(ada)).status_code == 302
    if who == "nobody":
        client.force_login(UserFactory())
    else:
        client = client_as(who)
    for address in (path(ada), "/admin/accounts/who-can/"):
        assert client.get(address).status_code == status
