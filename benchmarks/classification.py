"""How long a classification of a big fleet takes, on our own database.

    OWN_DATABASE=postgresql .venv/bin/python -m benchmarks.classification [ACCOUNTS]

100,000 accounts on 100 instances with 5 grants and 2 reached roles each, 50 rules of every kind:
the first run, which assigns everything; one that changes nothing; one after a tenth of the facts
have changed; and a preview. The aim is 60 s on PostgreSQL.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from random import Random

import django

FOLDER = tempfile.TemporaryDirectory(prefix="whalefall-benchmark-")
os.environ["DATABASE_URL"] = f"sqlite:///{Path(FOLDER.name) / 'own.sqlite3'}"
os.environ.setdefault("LOG_LEVEL", "ERROR")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.core.management import call_command  # noqa: E402 -- Django must be set up first
from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts.classify import classify_now  # noqa: E402
from accounts.facts import FACTS_VERSION  # noqa: E402
from accounts.models import (  # noqa: E402
    Account,
    Assignment,
    Classification,
    ClassificationRule,
    Grant,
    RoleClosure,
    Securable,
)
from accounts.querysets.mirror import insert  # noqa: E402
from accounts.rules import preview  # noqa: E402
from instances.models import Credential, Instance, Section  # noqa: E402

ACCOUNTS = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
INSTANCES, GRANTS, ROLES, RULES, LIMIT = 100, 5, 2, 50, 60.0
PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "USAGE", "EXECUTE")


@contextmanager
def timed(what: str, limit: float | None = None) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds = time.perf_counter() - started
    beside = "" if limit is None else f"   limit {limit:.0f} s"
    print(f"{what:<44}{seconds:8.2f} s{beside}", flush=True)


def fill() -> None:
    random, now = Random(1), timezone.now()
    credential = Credential.objects.create(name="c", username="u", password="p")
    instances = Instance.objects.bulk_create(
        Instance(
            name=f"i{n}",
            engine=("mysql", "postgresql")[n % 2],
            host=f"h{n}",
            port=1,
            environment=("live", "test")[n % 3 == 0],
            credential=credential,
        )
        for n in range(INSTANCES)
    )
    Section.objects.bulk_create(
        Section(instance=one, category="accounts", name=name, state="complete", read_at=now)
        for one in instances
        for name in ("accounts", "memberships", "grants")
    )
    things = Securable.objects.bulk_create(
        Securable(
            instance=one,
            scope="table" if n else "server",
            database=f"d{n % 9}" if n else "",
            schema="public" if n else "",
            name=f"t{n}" if n else "",
            digest=f"{n}",
        )
        for one in instances
        for n in range(200)
    )
    accounts = [
        Account(
            instance=(server := instances[n % INSTANCES]),
            name=f"{('app_', 'ann.', 'x')[n % 3]}{n}" + ("@%" if server.engine == "mysql" else ""),
            kind="role" if n // INSTANCES < 20 else "user",
            can_login=True,
            is_superuser=n % 500 == 0,
            is_locked=random.choice((True, False, False, None)),
            facts={
                "superuser": {"value": n % 500 == 0, "reasons": []},
                "can_grant": {"value": n % 50 == 0, "reasons": []},
                "password_never_expires": {"value": n % 3 == 0, "reasons": []},
                "password_expired": {"value": n % 11 == 0, "reasons": []},
            },
            facts_version=FACTS_VERSION,
            last_login_at=now - timedelta(days=random.randrange(400)),
            password_changed_at=now - timedelta(days=random.randrange(900)),
            first_seen_at=now,
        )
        for n in range(ACCOUNTS)
    ]
    Account.objects.create_all(accounts)
    insert(
        RoleClosure,
        [
            {"account_id": one.pk, "role_id": role.pk, "inherits": k % 2 == 0, "depth": 1}
            for n, one in enumerate(accounts)
            if n // INSTANCES >= 20
            for k in range(ROLES)
            for role in (accounts[n % INSTANCES + INSTANCES * ((n // INSTANCES + k) % 20)],)
        ],
    )
    insert(
        Grant,
        [
            {
                "account_id": one.pk,
                "securable_id": things[(n % INSTANCES) * 200 + random.randrange(200)].pk,
                "privilege": PRIVILEGES[(n + k) % len(PRIVILEGES)],
                "grantor_id": None,
                "grantable": random.random() < 0.02,
                "is_denied": False,
                "is_owner": False,
                "valid_from": now,
                "valid_to": None,
            }
            for n, one in enumerate(accounts)
            for k in range(GRANTS)
        ],
    )
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def rules() -> None:
    """Those that ship, and more of each kind until there are ``RULES``."""
    shipped = ClassificationRule.objects.in_force().count()
    kinds = (
        lambda n: {"privilege": {"name": ["SELECT"], "object": [f"t{n}*"]}},
        lambda n: {"not": {"privilege": {"name": [PRIVILEGES[n % 4]], "database": [f"d{n % 9}"]}}},
        lambda n: {"role": {"name": [f"*{n}*"], "reach": "any"}},
        lambda n: {"all": [{"name": [f"*{n}*"]}, {"not": {"locked": True}}]},
        lambda n: {"any": [{"superuser": True}, {"privilege": {"grantable": True}}]},
        lambda n: {"all": [{"environment": ["live"]}, {"password_age_days": {"min": 10 * n}}]},
        lambda n: {"all": [{"classification": ["can-grant"]}, {"last_seen_days": {"max": n}}]},
    )
    for n in range(RULES - shipped):
        ClassificationRule.objects.add(
            at=timezone.now(),
            classification=Classification.objects.create(code=f"c{n}", name=f"c{n}"),
            name=f"r{n}",
            expression={"version": 5, "match": kinds[n % len(kinds)](n)},
        )


def run() -> None:
    counts = classify_now(trigger="command").records.get().counts
    print(" " * 4 + ", ".join(f"{number:,} {name}" for name, number in counts.items()))


def main() -> None:
    call_command("migrate", verbosity=0)
    print(f"{connection.vendor}: {ACCOUNTS:,} accounts, {RULES} rules")
    with timed("fill"):
        fill()
        rules()
    with timed("first run", LIMIT):
        run()
    with timed("run that changes nothing", LIMIT):
        run()
    changed = Account.objects.filter(pk__in=Account.objects.filter(name__contains="7").values("pk"))
    changed.update(is_locked=True, last_login_at=timezone.now())
    with timed("run after many facts have changed", LIMIT):
        run()
    with timed("preview of one rule"):
        found = preview({"version": 5, "match": {"not": {"privilege": {"name": ["SELECT"]}}}})
        print(f"    {found.gained.count():,} gained, {found.undecided.count():,} undecided")
    print(f"    {Assignment.objects.open().count():,} open assignments")


if __name__ == "__main__":
    main()
