"""100,000 accounts with 2,000,000 open grants, made by the server itself.

100 PostgreSQL instances of 1,000 accounts each: 50 groups nested up to ten deep, the rest logins in
one group each, of which one in ten inherits nothing. Every table has an owner, a group that may
read and write, and five logins that may read. A twentieth as many grants have ended, one account in
a hundred changed since, one in fifty was dropped, and three instances have a part that was never
read. Half of the instances have a tag; every account is in one of four classes.
"""

import json
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from accounts.closure import reached_roles
from accounts.facts import FACTS_VERSION
from accounts.models import Membership, RoleClosure
from accounts.worlds import links
from instances.models import Credential, Instance, Section
from sync_sessions.models import SyncRecord, SyncSession
from tags.models import Tag

INSTANCES, ACCOUNTS, TABLES, DATABASES, GROUPS = 100, 1000, 2000, 10, 50
FIRST_LOGIN = GROUPS + 4

ATTRIBUTES = json.dumps(
    {"inherit": True, "createdb": False, "createrole": False, "bypassrls": False, "connlimit": -1}
)
FACTS = json.dumps(
    {
        name: {"value": False, "reasons": ["as the catalog says"]}
        for name in (
            *("superuser", "locked", "can_grant", "password_absent", "password_expired"),
            *("password_never_expires", "can_become_superuser", "inherited_roles"),
        )
    }
)
PARTS = 'scope, database, schema, name, "column"'
PEOPLE = f"""
INSERT INTO accounts_account (instance_id, name, kind, is_system, can_login, is_superuser,
    is_locked, attributes, facts, facts_version, fingerprint, first_seen_at, removed_at)
SELECT instance.id, CASE WHEN n = 0 THEN 'public' WHEN n = 1 THEN 'pg_read_all_data'
        WHEN n = 2 THEN 'pg_database_owner' WHEN n = 3 THEN 'postgres'
        WHEN n < {FIRST_LOGIN} THEN 'group_' || n - 4 ELSE 'login_' || n END,
    CASE WHEN n = 0 THEN 'public' WHEN n < {FIRST_LOGIN} THEN 'role' ELSE 'user' END,
    n < 3, n >= {FIRST_LOGIN}, n = 3, n % 7 = 0, '{ATTRIBUTES}', '{FACTS}',
    {FACTS_VERSION}, '', now() - interval '60 days',
    CASE WHEN n >= {ACCOUNTS} THEN now() - interval '5 days' END
FROM instances_instance instance, generate_series(0, {ACCOUNTS} * 102 / 100 - 1) n
ORDER BY instance.id, n;
CREATE TEMPORARY TABLE person AS
SELECT id, instance_id, row_number() OVER (PARTITION BY instance_id ORDER BY id) - 1 AS n
FROM accounts_account;
CREATE INDEX ON person (n, instance_id);
INSERT INTO accounts_membership (member_id, role_id, admin_option, inherits, can_set, is_default,
    valid_from, valid_to)
SELECT one.id, other.id, false, one.n % 10 <> 0, true, false, now() - interval '60 days',
    CASE WHEN one.n >= {ACCOUNTS} THEN now() - interval '5 days' END
FROM person one JOIN person other ON other.instance_id = one.instance_id AND (
    (one.n >= {FIRST_LOGIN} AND other.n = one.n % {GROUPS} + 4)
    OR (one.n BETWEEN 4 AND {GROUPS} + 3 AND one.n % 10 <> 3 AND other.n = one.n + 1)
    OR (one.n = {GROUPS} + 5 AND other.n = 1))
WHERE one.n > 3 AND other.n < {FIRST_LOGIN};
INSERT INTO accounts_accountchange (account_id, kind, diff, cause, occurred_at)
SELECT id, 'attributes', '{{"attributes": {{"is_superuser": [true, false]}}}}'::jsonb, 'observed',
    now() - interval '3 days'
FROM person WHERE n % 100 = 77 AND n < {ACCOUNTS}
UNION ALL SELECT id, 'removed', '{{}}', 'observed', now() - interval '5 days'
FROM person WHERE n >= {ACCOUNTS};
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
        UNION ALL SELECT {FIRST_LOGIN} + (t * 5 + k) % ({ACCOUNTS} - {FIRST_LOGIN}), 'SELECT'
            FROM generate_series(1, 5) k WHERE scope IN ('table', 'column')
        UNION ALL SELECT {FIRST_LOGIN} + t % 900, 'TRUNCATE' WHERE scope = 'table' AND t % 50 = 7
        UNION ALL SELECT 0, 'SELECT' WHERE scope = 'table' AND t = 2
        UNION ALL SELECT 0, 'CONNECT' WHERE scope = 'database'
        UNION ALL SELECT 4 + k, 'CREATE' FROM generate_series(0, 9) k WHERE scope = 'database'
        UNION ALL SELECT 4 + k, 'USAGE' FROM generate_series(0, {GROUPS} - 1) k
            WHERE scope = 'schema'
    ) AS given(n, privilege);
ANALYZE given;
INSERT INTO accounts_grant (account_id, securable_id, privilege, grantable, is_denied, is_owner,
    valid_from)
SELECT person.id, securable_id, privilege, false, false, privilege = 'OWNER',
    now() - interval '60 days'
FROM given JOIN person USING (instance_id, n)
ORDER BY instance_id, securable_id;
INSERT INTO accounts_grant (account_id, securable_id, privilege, grantable, is_denied, is_owner,
    valid_from, valid_to)
SELECT person.id, securable_id, 'UPDATE', false, false, false,
    now() - interval '60 days', now() - interval '1 day' * (1 + securable_id % 40)
FROM given JOIN person ON person.instance_id = given.instance_id
    AND person.n = {FIRST_LOGIN} + securable_id % 900
WHERE given.privilege = 'INSERT' AND securable_id % 2 = 0;
"""
# By hand: no rule is needed for the lists to have what they filter by.
CLASSES = """
WITH class AS (
    INSERT INTO accounts_classification (code, name, description, risk_level, colour, priority,
        is_system)
    SELECT 'class-' || n, 'Class ' || n, '', 3, '', 100, false FROM generate_series(0, 3) n
    RETURNING id, code
)
INSERT INTO accounts_assignment (account_id, classification_id, is_manual, assigned_at)
SELECT account.id, class.id, true, now()
FROM accounts_account account JOIN class ON class.code = 'class-' || account.id % 4
WHERE removed_at IS NULL
"""


def build() -> None:
    """Into an empty database. The numbers of the instances begin at 1, as their names do."""
    fill_instances()
    with connection.cursor() as cursor:
        for statement in (PEOPLE + THINGS).split(";"):
            if statement.strip():
                cursor.execute(statement)
    for instance in Instance.objects.all():
        memberships = Membership.objects.open().filter(member__instance=instance)
        RoleClosure.objects.settle(instance, reached_roles(links(memberships)))
    with connection.cursor() as cursor:
        cursor.execute(CLASSES)
        cursor.execute("VACUUM ANALYZE")


def fill_instances() -> None:
    now = timezone.now()
    credential = Credential.objects.create(name="benchmark", username="whalefall", password="")
    instances = Instance.objects.bulk_create(
        Instance(
            name=f"server-{n}",
            engine="postgresql",
            host=f"server-{n}",
            port=5432,
            credential=credential,
            version="18.1" if n % 10 else "15.3",
        )
        for n in range(1, INSTANCES + 1)
    )
    Tag.objects.create(name="half").instances.set(instances[: INSTANCES // 2])
    Section.objects.bulk_create(
        Section(instance=one, category="accounts", name=name, state="complete", read_at=now)
        for one in instances
        for name in ("accounts", "memberships", "server")
    )
    Section.objects.bulk_create(
        Section(
            instance=one,
            category="accounts",
            name="grants",
            database="db_7",
            state="unknown",
            reason="We may not connect.",
        )
        for one in instances[:3]
    )
    session = SyncSession.objects.create(category="accounts", created_at=now)
    SyncRecord.objects.bulk_create(
        SyncRecord(
            session=session,
            instance=one,
            category="accounts",
            status="completed",
            finished_at=now - timedelta(days=59),
            coverage=1,
        )
        for one in instances
    )
