"""Every shipped rule with accounts that it finds, and such as just miss it."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from accounts.classify import classify_now
from accounts.facts import FACTS_VERSION
from accounts.models import Account, Assignment, Classification, ClassificationRule
from accounts.rules import check_expression, retire_rule, revise_rule
from accounts.system_rules import DORMANT_DAYS, SHIPPED, ship
from instances.models import Instance
from tests.factories import (
    AccountFactory,
    ClassificationRuleFactory,
    GrantFactory,
    InstanceFactory,
    RoleClosureFactory,
    SectionFactory,
    SecurableFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture(autouse=True)
def _shipped(db: None) -> None:
    """The flush after the test before took them away."""
    ship()


NOW = timezone.now()
MANY, FEW = timedelta(days=DORMANT_DAYS, hours=1), timedelta(days=DORMANT_DAYS - 1)


def told(**values: Any) -> dict[str, Any]:
    return {name: {"value": value, "reasons": []} for name, value in values.items()}


def at(engine: str) -> Instance:
    found = Instance.objects.filter(engine=engine).first()
    if found is None:
        found = InstanceFactory(engine=engine)
        SectionFactory(instance=found, name="memberships")
    return found


def planted(name: str, engine: str = "postgresql", **fields: Any) -> Account:
    fields = {"facts_version": FACTS_VERSION, "facts": {}, **fields}
    made: Account = AccountFactory(instance=at(engine), name=name, **fields)
    return made


def with_role(name: str, role: str, *, inherits: bool = True) -> None:
    found = Account.objects.filter(name=role).first() or planted(role, is_system=True, kind="role")
    RoleClosureFactory(account=planted(name), role=found, inherits=inherits)


def with_privileges(
    name: str, *privileges: str, scope: str = "server", denied: bool = False
) -> Account:
    one = planted(name, "mysql")
    for privilege in privileges:
        hold(one, privilege, scope)
    if denied:
        hold(one, privileges[0], "database", is_denied=True)
    return one


def hold(one: Account, privilege: str, scope: str, **fields: Any) -> None:
    thing = one.instance.securables.filter(scope=scope).first()
    if thing is None:
        place = {"database": "", "schema": "", "name": ""} if scope == "server" else {"name": ""}
        thing = SecurableFactory(instance=one.instance, scope=scope, **place)
    GrantFactory(account=one, securable=thing, privilege=privilege, **fields)


def plant_superuser() -> None:
    planted("yes", facts=told(superuser=True))
    planted("no", facts=told(superuser=False))
    planted("unknown", facts=told(superuser=None))
    planted("old", facts=told(superuser=True), facts_version=FACTS_VERSION - 1)


def plant_can_grant() -> None:
    planted("yes", facts=told(can_grant=True, superuser=False))
    planted("no", facts=told(can_grant=False, superuser=False))


def plant_writes_everywhere() -> None:
    planted("yes super", facts=told(superuser=True))
    with_role("yes role", "pg_write_all_data")
    with_role("no set role only", "pg_write_all_data", inherits=False)
    with_role("no reads", "pg_read_all_data")
    all_of_it = ("INSERT", "UPDATE", "DELETE")
    role = with_privileges("yes inherited", *all_of_it)
    RoleClosureFactory(account=planted("yes through", "mysql"), role=role)
    RoleClosureFactory(account=planted("no set only", "mysql"), role=role, inherits=False)
    with_privileges("no two", "INSERT", "UPDATE")
    with_privileges("no database", *all_of_it, scope="database")
    with_privileges("no restricted", *all_of_it, denied=True)
    planted("no mysql super", "mysql", facts=told(superuser=True))


def plant_reads_everything() -> None:
    planted("yes super", facts=told(superuser=True))
    with_role("yes role", "pg_read_all_data")
    with_role("no stats", "pg_read_all_stats")
    with_privileges("yes select", "SELECT")
    with_privileges("no database", "SELECT", scope="database")
    with_privileges("no restricted", "SELECT", denied=True)
    with_privileges("no insert", "INSERT")


def plant_dormant() -> None:
    planted("yes", "toy", last_login_at=NOW - MANY)
    planted("no recent", "toy", last_login_at=NOW - FEW)
    planted("no unknown", "toy", last_login_at=None)
    planted("no login", "toy", last_login_at=NOW - MANY, can_login=False)
    for engine in ("postgresql", "mysql"):  # they keep no logins: it may have been there since
        planted("no, only met long ago", engine, last_login_at=NOW - MANY)


def plant_password_expired() -> None:
    past, future = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
    planted("yes date", password_expires_at=past)
    planted("yes fact", facts=told(password_expired=True), password_expires_at=future)
    planted("no date", facts=told(password_expired=False), password_expires_at=future)
    planted("no login", password_expires_at=past, can_login=False)
    planted("no unknown")


def plant_password_never_expires() -> None:
    planted("yes", facts=told(password_never_expires=True))
    planted("no", facts=told(password_never_expires=False))
    planted("no date", facts=told(password_never_expires=True), password_expires_at=NOW)
    planted("no unknown", facts=told(password_never_expires=None))
    planted("no login", facts=told(password_never_expires=True), can_login=False)


def plant_wildcard_host() -> None:
    planted("yes@%", "mysql")
    planted("yes@10.0.%", "mysql")
    planted("yes@10.0.0._", "mysql")
    planted("yes@10.0.0.0/255.255.255.0", "mysql")
    planted("yes@", "mysql")
    planted("no%@10.0.0.1", "mysql")
    planted("no role@%", "mysql", kind="role")
    planted("no@%", "postgresql")


def plant_locked() -> None:
    planted("yes", is_locked=True)
    planted("no", is_locked=False)
    planted("no unknown", is_locked=None)


def plant_role() -> None:
    planted("yes role", kind="role")
    planted("yes group", kind="group")
    planted("no user")
    planted("no public", kind="public")


def plant_service_account() -> None:
    for name in ("svc_yes", "app-yes", "service_yes", "yes-svc", "yes_app", "yes-service"):
        planted(name)
    planted("yes_app@10.0.0.1", "mysql")
    for name in ("no", "apple", "svcno", "no_application", "snapp", "Svc_no"):
        planted(name)
    planted("no@app_host", "mysql")
    planted("svc_no", "mysql", kind="role")


def plant_personal_account() -> None:
    planted("yes.person")
    planted("yes@example")
    planted("yes.person@10.0.0.1", "mysql")
    for name in ("no", ".no", "no.", "svc_no.thing"):
        planted(name)
    planted("no@10.0.0.1", "mysql")
    planted("no.role", kind="role")


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda one: one.code)
def test_it_finds_what_was_planted_and_nothing_else(shipped: Any) -> None:
    globals()[f"plant_{shipped.code.replace('-', '_')}"]()

    assert classify_now(trigger="command").status == "completed"

    rows = Assignment.objects.open().filter(classification__code=shipped.code)
    found = {(one.account.pk, one.account.name) for one in rows}
    everybody = Account.objects.filter(is_system=False).values_list("pk", "name")
    assert found == {(pk, name) for pk, name in everybody if "yes" in name}


def test_every_shipped_expression_is_valid() -> None:
    for rule in ClassificationRule.objects.select_related("classification"):
        code = rule.classification.code
        assert check_expression(rule.expression, code=code) == rule.expression
    shipped = {(one.code, engine) for one in SHIPPED for engine in one.rules}
    rows = ClassificationRule.objects.values_list("classification__code", "engine")
    assert set(rows) == shipped


# --- putting them in place --------------------------------------------------------------------


def rows() -> list[Any]:
    return [
        *Classification.objects.order_by("pk").values(),
        *ClassificationRule.objects.order_by("pk").values(),
    ]


def rule_of(code: str) -> ClassificationRule:
    found: ClassificationRule = ClassificationRule.objects.current().get(classification__code=code)
    return found


def migrate() -> None:
    call_command("migrate", verbosity=0)


def test_again_changes_nothing() -> None:
    before = rows()

    migrate()

    assert rows() == before


@transaction.atomic
def by_an_operator() -> None:
    other = {"version": 5, "match": {"locked": False}}
    revise_rule(rule_of("locked"), by=None, expression=other, name="Ours")
    revise_rule(rule_of("role"), by=None, is_active=False)
    retire_rule(rule_of("dormant"))
    Classification.objects.filter(code="superuser").update(name="Root", risk_level=1)


def test_what_an_operator_changed_stays() -> None:
    by_an_operator()
    before = rows()

    migrate()

    assert rows() == before


def test_a_new_release_brings_a_new_version(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = rule_of("role")
    with transaction.atomic():
        revise_rule(rule, by=None, is_active=False)
    older = {"version": 5, "match": {"kind": ["role"]}}
    ClassificationRule.objects.filter(pk=rule.pk).update(expression=older)

    migrate()

    newest = rule_of("role")
    assert (newest.version, newest.expression, newest.is_active, newest.is_system) == (
        *(2, rule.expression),
        *(False, True),
    )


def test_a_name_that_is_taken_is_not_taken_away() -> None:
    Classification.objects.filter(code="locked").delete()
    ClassificationRuleFactory(name="Locked")

    migrate()

    assert rule_of("locked").name == "Locked (Whalefall)"
