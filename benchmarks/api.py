"""How long the ten most used endpoints take, at 1,000 instances and 100,000 accounts.

    .venv/bin/python -m benchmarks.api [requests]

Builds 1,000 instances × 100 accounts × 5 grants, 30 days of sizes and 200 sessions with a record
per instance in a throwaway PostgreSQL, asks each address 50 times through the whole stack but the
network, signed in by a JSON web token, and prints the median, the 95th percentile and the number
of SQL statements. Limit of the 95th percentile: 300 ms, but for what machines ask once a minute.
"""

import os
import sys
import time
from statistics import quantiles

import django

os.environ["OWN_DATABASE"] = "postgresql"
os.environ.setdefault("LOG_LEVEL", "ERROR")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.core.management import call_command  # noqa: E402 -- Django must be set up first
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from accounts.facts import FACTS_VERSION  # noqa: E402
from sync_sessions.schedules import setup_schedules  # noqa: E402
from whalefall.users.models import User  # noqa: E402
from whalefall.users.tokens import RefreshToken  # noqa: E402

INSTANCES, ACCOUNTS, GRANTS, DAYS, SESSIONS = 1000, 100, 5, 30, 200
LIMIT_MILLISECONDS = 300
SESSION = "00000000-0000-0000-0000-000000000001"

BUILD = f"""
INSERT INTO instances_credential (name, username, password, description, is_active)
VALUES ('benchmark', 'whalefall', '', '', true);
INSERT INTO instances_instance (name, engine, host, port, service_name, credential_id, tls_mode,
    tls_ca, environment, version, is_active, last_error, last_reached_at, server_settings)
SELECT 'server-' || n, 'postgresql', 'server-' || n, 5432, '', credential.id, 'prefer', '', 'prod',
    '17.2', true, CASE WHEN n % 50 = 0 THEN 'refused' ELSE '' END, now(), '{{}}'
FROM generate_series(1, {INSTANCES}) n, instances_credential credential;
INSERT INTO instances_section (instance_id, category, name, database, state, reason, needed_grant,
    read_at)
SELECT instance.id, 'accounts', 'part-' || n, '', CASE WHEN n = 9 AND instance.id % 7 = 0
    THEN 'unknown' ELSE 'complete' END, '', '', now()
FROM instances_instance instance, generate_series(1, 9) n;
INSERT INTO accounts_account (instance_id, name, native_id, kind, is_system, can_login,
    is_superuser, is_locked, attributes, facts, facts_version, fingerprint, first_seen_at)
SELECT instance.id, 'account-' || n, n::text, CASE WHEN n % 10 = 0 THEN 'role' ELSE 'user' END,
    false, n % 10 <> 0, n % 97 = 0, n % 53 = 0, '{{}}', '{{}}', {FACTS_VERSION}, '',
    now() - interval '90 days'
FROM instances_instance instance, generate_series(1, {ACCOUNTS}) n;
INSERT INTO accounts_securable (instance_id, scope, database, schema, name, "column", digest)
SELECT instance.id, 'table', 'shop', 'public', 'table-' || n, '', md5('t' || n)
FROM instances_instance instance, generate_series(1, {GRANTS}) n;
INSERT INTO accounts_grant (account_id, securable_id, privilege, grantable, is_denied,
    is_owner, valid_from)
SELECT account.id, securable.id, 'SELECT', false, false, false, now() - interval '90 days'
FROM accounts_account account
JOIN accounts_securable securable ON securable.instance_id = account.instance_id;
INSERT INTO accounts_accountchange (account_id, kind, diff, cause, occurred_at)
SELECT id, 'added', '{{}}', 'observed', first_seen_at + id * interval '1 second'
FROM accounts_account;
INSERT INTO capacity_instancesize (instance_id, measured_on, measured_at, total_bytes,
    database_count, unmeasured_count, is_suspect)
SELECT instance.id, current_date - day, now() - day * interval '1 day', 1000000 * (100 - day), 3, 0,
    false
FROM instances_instance instance, generate_series(0, {DAYS}) day;
INSERT INTO capacity_instanceaggregate (instance_id, period, period_start, period_end, avg_bytes,
    min_bytes, max_bytes, first_bytes, last_bytes, samples, expected_samples, is_partial,
    computed_at)
SELECT instance_id, 'daily', measured_on, measured_on, total_bytes, total_bytes, total_bytes,
    total_bytes, total_bytes, 1, 1, false, now()
FROM capacity_instancesize;
INSERT INTO sync_sessions_syncsession (id, category, task, trigger, status, schedule, created_at,
    started_at, finished_at)
SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'accounts', 'task', 'schedule',
    'partial', 'sync_accounts', now() - n * interval '1 hour', now(), now()
FROM generate_series(1, {SESSIONS}) n;
INSERT INTO sync_sessions_syncrecord (session_id, instance_id, category, status, attempt, counts,
    error_code, error_message, timings, coverage)
SELECT session.id, instance.id, 'accounts', CASE WHEN instance.id % 50 = 0 THEN 'failed'
    ELSE 'completed' END, 1, '{{}}', '', '', '{{"read": 0.1, "write": 0.2, "total": 0.3}}', 1
FROM sync_sessions_syncsession session, instances_instance instance;
VACUUM ANALYZE
"""

ADDRESSES = (
    "/api/v1/instances?limit=50",
    "/api/v1/instances/statistics",
    "/api/v1/accounts/ledgers?limit=50",
    "/api/v1/accounts/ledgers?search=account-77&is_superuser=false",
    "/api/v1/accounts/ledgers/777/permissions",
    "/api/v1/accounts/who-can?privilege=SELECT&object=shop.public.table-1&instance=7",
    "/api/v1/account-change-logs?limit=50",
    "/api/v1/sessions?limit=50",
    f"/api/v1/sessions/{SESSION}/records?limit=200",
    "/api/v1/capacity/instances?sort=-last_bytes",
    "/api/v1/scheduler/jobs",
)
ASKED_BY_MACHINES = ("/api/v1/health/detailed", "/metrics")


def build() -> None:
    with connection.cursor() as cursor:
        for statement in filter(str.strip, BUILD.split(";")):
            cursor.execute(statement)
    setup_schedules()


def measure(client: Client, address: str, times: int) -> tuple[float, float, int]:
    """The median and the 95th percentile in milliseconds, and the number of statements."""
    took = []
    with CaptureQueriesContext(connection) as queries:
        client.get(address)
    statements = len(queries)
    for _ in range(times):
        began = time.perf_counter()
        response = client.get(address)
        took.append((time.perf_counter() - began) * 1000)
        assert response.status_code == 200, response.content[:300]
    parts = quantiles(took, n=20, method="inclusive")
    return parts[9], parts[18], statements


def main(times: int) -> int:
    call_command("migrate", verbosity=0)
    began = time.perf_counter()
    build()
    print(f"{INSTANCES * ACCOUNTS} accounts, built in {time.perf_counter() - began:.0f} s")
    user = User.objects.create(username="benchmark", is_superuser=True)
    token = RefreshToken.for_user(user).access_token
    client = Client(SERVER_NAME="localhost", headers={"Authorization": f"Bearer {token}"})
    metrics = Client(SERVER_NAME="localhost")
    slow = 0
    print(f"{'p50':>8}{'p95':>8}{'SQL':>5}  ms, limit {LIMIT_MILLISECONDS}")
    for address in (*ADDRESSES, *ASKED_BY_MACHINES):
        caller = metrics if address == "/metrics" else client
        median, most, statements = measure(caller, address, times)
        is_slow = most > LIMIT_MILLISECONDS and address in ADDRESSES
        slow += is_slow
        mark = "  TOO SLOW" if is_slow else ""
        print(f"{median:8.1f}{most:8.1f}{statements:5}  {address}{mark}", flush=True)
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 50))
