"""How long "who can" and the lists of accounts take over the fleet of ``benchmarks.fleet``.

    .venv/bin/python -m benchmarks.who_can [times]

In a throwaway PostgreSQL that may keep 8 MB in its own memory, each question is asked 30 times: the
whole answer counted, and its first 50 holders with their ways; then each address of the API,
through the whole stack but the network. Limit of the 95th percentile: 300 ms. A past moment on the
whole fleet, and all that one account may do, are printed without a limit. Also how long the closure
of 10,000 roles, ten deep, takes.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from statistics import quantiles
from typing import Any

import django

os.environ["OWN_DATABASE"] = "postgresql"
os.environ.setdefault("LOG_LEVEL", "ERROR")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.core.management import call_command  # noqa: E402 -- Django must be set up first
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts.closure import reached_roles  # noqa: E402
from accounts.effective import effective_privileges  # noqa: E402
from accounts.models import Account, Classification, RoleClosure  # noqa: E402
from accounts.objects import parse_object  # noqa: E402
from accounts.who_can import ObjectUnknown, holder_documents, who_can  # noqa: E402
from benchmarks.fleet import build  # noqa: E402
from instances.engines.effective import Link  # noqa: E402
from instances.models import Instance  # noqa: E402
from whalefall.users.models import User  # noqa: E402

LIMIT_MILLISECONDS = 300
PAGE = 50
QUESTIONS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a table on one instance": ("SELECT", "db_7.sales.table_7", {"instance": True}),
    "the same four days ago": ("SELECT", "db_7.sales.table_7", {"instance": True, "at": True}),
    "a table of that name on all": ("SELECT", "db_7.sales.table_7", {}),
    "the same, by SET ROLE too": ("SELECT", "db_7.sales.table_7", {"set_role": True}),
    "the same, a rare privilege": ("TRUNCATE", "db_7.sales.table_7", {}),
    "a table that PUBLIC may read": ("SELECT", "db_2.sales.table_2", {}),
    "a table that nobody has": ("SELECT", "db_2.sales.nothing", {}),
    "a database, for some": ("CREATE", "db_3", {}),
    "a database, for PUBLIC": ("CONNECT", "db_3", {}),
    "a schema, for all groups": ("USAGE", "db_3.sales", {}),
    "the same, by SET ROLE": ("USAGE", "db_3.sales", {"set_role": True}),
    "a column": ("SELECT", "db_1.sales.table_1.id", {}),
    "the whole server": ("SELECT", "*", {}),
}
ADDRESSES = (
    "ledgers",
    "ledgers?limit=200",
    "ledgers?page=1500",
    "ledgers?sort=name",
    "ledgers?instance=7",
    "ledgers?tags=half",
    "ledgers?classification={a_class}",
    "ledgers?classification={a_class}&tags=half&can_login=true",
    "ledgers?is_superuser=true",
    "ledgers?is_locked=true",
    "ledgers?search=login_77",
    "ledgers?search=nobody",
    "ledgers?privilege=SELECT&object=db_7.sales.table_7",
    "ledgers?privilege=TRUNCATE",
    "ledgers?privilege=SELECT",
    "ledgers?object=db_3",
    "who-can?privilege=SELECT&object=db_7.sales.table_7",
    "who-can?privilege=SELECT&object=db_7.sales.table_7&page=50",
    "who-can?privilege=USAGE&object=db_3.sales&page=1000",
    "who-can?privilege=CONNECT&object=db_3&limit=200&page=400",
)


def ask(privilege: str, text: str, **options: Any) -> int:
    """How many hold it; the first page with its ways."""
    try:
        answer = who_can(privilege, parse_object(text), **options)
    except ObjectUnknown:
        return 0
    holder_documents(answer[:PAGE], answer.question)
    return len(answer)


def get(client: Client, address: str) -> int:
    """How many there are on all pages."""
    response = client.get(address)
    assert response.status_code == 200, response.content[:300]
    total: int = response.json()["data"]["total"]
    return total


def measured(work: Callable[[], int], times: int) -> tuple[int, list[float]]:
    """What it answers; the least, the median and the 95th percentile, in milliseconds."""
    total, took = work(), []
    for _ in range(times):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1000)
    parts = quantiles(took, n=20, method="inclusive")
    return total, [min(took), parts[9], parts[18]]


def measure(works: Mapping[str, Callable[[], int]], times: int) -> int:
    """How many of ``works`` were too slow; a line for each."""
    slow = 0
    for title, work in works.items():
        total, figures = measured(work, times)
        is_slow = figures[-1] > LIMIT_MILLISECONDS
        slow += is_slow
        print(
            *(f"{figure:8.0f}" for figure in figures),
            f"{LIMIT_MILLISECONDS:8}{total:9}  {title}{'  TOO SLOW' if is_slow else ''}",
            sep="",
            flush=True,
        )
    return slow


def questions() -> dict[str, Callable[[], int]]:
    given = {
        "instance": Instance.objects.get(name="server-7"),
        "at": timezone.now() - timedelta(days=4),
    }

    def asking(privilege: str, text: str, options: Mapping[str, Any]) -> Callable[[], int]:
        filled = {name: given.get(name, value) for name, value in options.items()}
        return lambda: ask(privilege, text, **filled)

    return {
        f"{word} {text}, {title}": asking(word, text, options)
        for title, (word, text, options) in QUESTIONS.items()
    }


def lists() -> dict[str, Callable[[], int]]:
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.create(username="benchmark", is_superuser=True, is_staff=True))
    a_class = Classification.objects.get(code="class-1").pk
    addresses = [f"/api/v1/accounts/{one.format(a_class=a_class)}" for one in ADDRESSES]

    def getting(address: str) -> Callable[[], int]:
        return lambda: get(client, address)

    return {address: getting(address) for address in addresses}


def deep_closure() -> tuple[float, int]:
    """Seconds for 10,000 roles in chains ten deep, each in two of the next layer."""
    roles = [
        Link(0, layer * 1000 + n, (layer + 1) * 1000 + (n + step) % 1000)
        for layer in range(9)
        for n in range(1000)
        for step in (0, 7)
    ]
    began = time.perf_counter()
    reached = reached_roles(roles)
    return time.perf_counter() - began, len(reached)


def without_limit() -> None:
    login = Account.objects.get(instance__name="server-7", name="login_77")
    then = timezone.now() - timedelta(days=4)
    others: dict[str, Callable[[], object]] = {
        "a table on all instances, four days ago": lambda: ask(
            "SELECT", "db_7.sales.table_7", at=then
        ),
        "all that one account may do": lambda: effective_privileges(login),
    }
    for title, work in others.items():
        began = time.perf_counter()
        work()
        print(f"{(time.perf_counter() - began) * 1000:8.0f} ms, once, no limit: {title}")


def main(times: int) -> int:
    seconds, rows = deep_closure()
    print(f"closure of 10,000 roles: {rows} rows in {seconds:.1f} s")
    call_command("migrate", verbosity=0)
    began = time.perf_counter()
    build()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM accounts_grant WHERE valid_to IS NULL")
        grants = cursor.fetchone()[0]
    print(
        f"{Account.objects.present().count()} accounts, {grants} open grants, "
        f"{RoleClosure.objects.count()} rows of closure, "
        f"built in {time.perf_counter() - began:.0f} s"
    )
    print(f"{'best':>8}{'p50':>8}{'p95':>8}{'limit':>8}{'total':>9}  ms")
    slow = measure(questions() | lists(), times)
    without_limit()
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 30))
