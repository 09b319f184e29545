"""How long "who can" takes over a fleet of 100,000 accounts with 2,000,000 open grants.

    .venv/bin/python -m benchmarks.who_can [times]

Builds 100 instances of 1,000 accounts and some 20,000 grants each in a throwaway PostgreSQL, with
groups nested ten deep, and asks each question 30 times: the whole answer counted, and its first 50
holders with their ways. Limit of the 95th percentile: 300 ms. Questions about the past walk the
memberships of that moment in Python: they are printed without a limit. Also how long the closure of
10,000 roles, ten deep, takes.
"""

import os
import sys
import time
from collections.abc import Callable
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
from django.utils import timezone  # noqa: E402

from accounts.closure import reached_roles  # noqa: E402
from accounts.effective import effective_privileges  # noqa: E402
from accounts.facts import FACTS_VERSION  # noqa: E402
from accounts.models import Account, Membership, RoleClosure  # noqa: E402
from accounts.objects import parse_object  # noqa: E402
from accounts.who_can import holder_documents, who_can  # noqa: E402
from accounts.worlds import links  # noqa: E402
from instances.engines.effective import Link  # noqa: E402
from instances.models import Instance  # noqa: E402

INSTANCES, ACCOUNTS, TABLES, DATABASES, GROUPS = 100, 1000, 2000, 10, 50
LIMIT_MILLISECONDS = 300
PAGE = 50

PARTS = 'scope, database, schema, name, "column"'
PEOPLE = f"""
INSERT INTO instances_credential (name, username, password, description, is_active)
VALUES ('benchmark', 'whalefall', '', '', true);
INSERT INTO instances_instance (name, engine, host, port, service_name, credential_id, tls_mode,
    tls_ca, environment, version, is_active, last_error)
SELECT 'server-' || n, 'postgresql', 'server-' || n, 5432, '', credential.id, 'prefer', '', '',
    '18.1', true, ''
FROM generate_series(1, {INSTANCES}) n, instances_credential credential;
INSERT INTO instances_section (instance_id, category, name, database, state, reason, needed_grant,
    read_at)
SELECT id, 'accounts', section, '', 'complete', '', '', now()
FROM instances_instance, unnest(ARRAY['accounts', 'memberships', 'server']) section;
INSERT INTO accounts_account (instance_id, name, kind, is_system, can_login, is_superuser,
    is_locked, attributes, facts, facts_version, fingerprint, first_seen_at)
SELECT instance.id, CASE WHEN n = 0 THEN 'public' WHEN n = 1 THEN 'pg_read_all_data'
        WHEN n = 2 THEN 'pg_database_owner' WHEN n = 3 THEN 'postgres'
        WHEN n < {GROUPS} + 4 THEN 'group_' || n - 4 ELSE 'login_' || n END,
    CASE WHEN n = 0 THEN 'public' WHEN n < {GROUPS} + 4 THEN 'role' ELSE 'user' END,
    n < 3, n >= {GROUPS} + 4, n = 3, false, '{{}}', '{{}}', {FACTS_VERSION}, '', now()
FROM instances_instance instance, generate_series(0, {ACCOUNTS} - 1) n
ORDER BY instance.id, n;
CREATE TEMPORARY TABLE person AS
SELECT id, instance_id, row_number() OVER (PARTITION BY instance_id ORDER BY id) - 1 AS n
FROM accounts_account;
CREATE INDEX ON person (n, instance_id);
INSERT INTO accounts_membership (member_id, role_id, admin_option, inherits, can_set, is_default,
    valid_from)
SELECT one.id, other.id, false, one.n % 10 <> 0, true, false, now()
FROM person one JOIN person other ON other.instance_id = one.instance_id AND (
    (one.n >= {GROUPS} + 4 AND other.n = one.n % {GROUPS} + 4)
    OR (one.n BETWEEN 4 AND {GROUPS} + 3 AND one.n % 10 <> 3 AND other.n = one.n + 1)
    OR (one.n = {GROUPS} + 5 AND other.n = 1))
WHERE one.n > 3 AND other.n < {GROUPS} + 4;
"""
THINGS = f"""
CREATE TEMPORARY TABLE thing AS
SELECT instance.id AS instance_id, place.*
FROM instances_instance instance, (
    SELECT n AS t, 'table' AS scope, 'db_' || n % {DATABASES} AS database, 'sales' AS schema,
        'table_' || n AS name, '' AS "column" FROM generate_series(0, {TABLES} - 1) n
    UNION ALL SELECT n, 'database', 'db_' || n, '', '', '' FROM generate_series(0, 9) n
    UNION ALL SELECT n, 'schema', 'db_' || n, 'sales', '', '' FROM generate_series(0, 9) n
    UNION ALL SELECT 1, 'column', 'db_1', 'sales', 'table_1', 'id'
) AS place(t, {PARTS});
INSERT INTO accounts_securable (instance_id, {PARTS}, digest)
SELECT instance_id, {PARTS},
    encode(sha256(convert_to(json_build_array({PARTS})::text, 'UTF8')), 'hex')
FROM thing;
ANALYZE;
CREATE TEMPORARY TABLE given AS
SELECT thing.instance_id, securable.id AS securable_id, given.*
FROM thing JOIN accounts_securable securable USING (instance_id, {PARTS}),
    LATERAL (
        SELECT {GROUPS} / 2 + 4, 'OWNER' WHERE scope <> 'column'
        UNION ALL SELECT t % {GROUPS} + 4, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE'])
            WHERE scope = 'table'
        UNION ALL SELECT {GROUPS} + 4 + (t * 5 + k) % ({ACCOUNTS} - {GROUPS} - 4), 'SELECT'
            FROM generate_series(1, 5) k WHERE scope IN ('table', 'column')
        UNION ALL SELECT 0, 'SELECT' WHERE scope = 'table' AND t = 2
        UNION ALL SELECT 0, 'CONNECT' WHERE scope = 'database'
        UNION ALL SELECT 4 + k, 'CREATE' FROM generate_series(0, 9) k WHERE scope = 'database'
        UNION ALL SELECT 4 + k, 'USAGE' FROM generate_series(0, {GROUPS} - 1) k
            WHERE scope = 'schema'
    ) AS given(n, privilege);
ANALYZE given;
INSERT INTO accounts_grant (account_id, securable_id, privilege, grantable, is_denied, is_owner,
    valid_from)
SELECT person.id, securable_id, privilege, false, false, privilege = 'OWNER', now()
FROM given JOIN person USING (instance_id, n)
ORDER BY instance_id, securable_id;
"""
QUESTIONS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a table on one instance": ("SELECT", "db_7.sales.table_7", {"instance": True}),
    "a table of that name on all": ("SELECT", "db_7.sales.table_7", {}),
    "the same, by SET ROLE too": ("SELECT", "db_7.sales.table_7", {"set_role": True}),
    "a table that PUBLIC may read": ("SELECT", "db_2.sales.table_2", {}),
    "a database, for some": ("CREATE", "db_3", {}),
    "a database, for PUBLIC": ("CONNECT", "db_3", {}),
    "a schema": ("USAGE", "db_3.sales", {}),
    "a column": ("SELECT", "db_1.sales.table_1.id", {}),
    "the whole server": ("SELECT", "*", {}),
}


def build() -> None:
    with connection.cursor() as cursor:
        for statement in (PEOPLE + THINGS).split(";"):
            if statement.strip():
                cursor.execute(statement)
    for instance in Instance.objects.all():
        memberships = Membership.objects.open().filter(member__instance=instance)
        RoleClosure.objects.settle(instance, reached_roles(links(memberships)))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def measured(work: Callable[[], object], times: int) -> tuple[float, float]:
    """The median and the 95th percentile, in milliseconds."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1000)
    parts = quantiles(took, n=20, method="inclusive")
    return parts[9], parts[18]


def ask(privilege: str, text: str, **options: Any) -> int:
    """How many hold it; the first page with its ways."""
    answer = who_can(privilege, parse_object(text), **options)
    holder_documents(answer[:PAGE], answer.question)
    return len(answer)


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


def main(times: int) -> int:
    seconds, rows = deep_closure()
    print(f"closure of 10,000 roles: {rows} rows in {seconds:.1f} s")
    call_command("migrate", verbosity=0)
    began = time.perf_counter()
    build()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM accounts_grant")
        grants = cursor.fetchone()[0]
    print(
        f"{Account.objects.count()} accounts, {grants} grants, {RoleClosure.objects.count()} rows "
        f"of closure, built in {time.perf_counter() - began:.0f} s"
    )
    slow, one = 0, Instance.objects.get(name="server-7")
    print(f"{'p50':>8}{'p95':>8}{'holders':>9}  ms, limit {LIMIT_MILLISECONDS}")
    for title, (privilege, text, given) in QUESTIONS.items():
        options = given | ({"instance": one} if "instance" in given else {})
        total = ask(privilege, text, **options)
        median, most = measured(lambda: ask(privilege, text, **options), times)  # noqa: B023
        is_slow = most > LIMIT_MILLISECONDS
        slow += is_slow
        note = "  TOO SLOW" if is_slow else ""
        print(f"{median:8.0f}{most:8.0f}{total:9}  {title}{note}", flush=True)
    now = timezone.now() + timedelta(seconds=1)
    login = Account.objects.get(instance=one, name="login_77")
    others = {
        "a table on one instance, then": lambda: ask(
            "SELECT", "db_7.sales.table_7", instance=one, at=now
        ),
        "all that one account may do": lambda: effective_privileges(login),
    }
    for title, work in others.items():
        median, most = measured(work, 5)
        print(f"{median:8.0f}{most:8.0f}{'':9}  {title} (no limit)", flush=True)
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 30))
