"""The least that is valid; related times derive from one another."""

from datetime import datetime, time

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from accounts.models import (
    Account,
    AccountChange,
    Assignment,
    Classification,
    ClassificationRule,
    Grant,
    Membership,
    RoleClosure,
    Securable,
)
from accounts.store import digest
from accounts.sync import sync_accounts_now
from capacity.models import (
    DatabaseAggregate,
    DatabaseSize,
    Forecast,
    InstanceAggregate,
    InstanceSize,
    TableSize,
)
from instances.models import Credential, Database, Instance, Section
from sync_sessions.models import SyncRecord, SyncSession
from tags.models import Tag
from whalefall.users.models import User


class UserFactory(DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"user-{n}")
    password = factory.django.Password("let-me-in")
    is_staff = True


class TagFactory(DjangoModelFactory):
    class Meta:
        model = Tag

    name = factory.Sequence(lambda n: f"tag-{n}")


class CredentialFactory(DjangoModelFactory):
    class Meta:
        model = Credential

    name = factory.Sequence(lambda n: f"credential-{n}")
    username = "whalefall"
    password = "hush-hush"


class InstanceFactory(DjangoModelFactory):
    class Meta:
        model = Instance

    name = factory.Sequence(lambda n: f"db-{n}")
    engine = "toy"
    host = factory.LazyAttribute(lambda o: f"{o.name}.example.org")
    port = 5432
    credential = factory.SubFactory(CredentialFactory)


class SectionFactory(DjangoModelFactory):
    class Meta:
        model = Section

    instance = factory.SubFactory(InstanceFactory)
    category = "accounts"
    name = "accounts"
    state = "complete"
    read_at = factory.LazyFunction(timezone.now)


class AccountFactory(DjangoModelFactory):
    class Meta:
        model = Account

    class Params:
        removed = factory.Trait(removed_at=factory.SelfAttribute("first_seen_at"))

    instance = factory.SubFactory(InstanceFactory)
    name = factory.Sequence(lambda n: f"account-{n}")
    kind = "user"
    can_login = True
    is_superuser = False
    is_locked = False
    first_seen_at = factory.LazyFunction(timezone.now)


class SecurableFactory(DjangoModelFactory):
    class Meta:
        model = Securable

    instance = factory.SubFactory(InstanceFactory)
    scope = "table"
    database = "shop"
    schema = "public"
    name = factory.Sequence(lambda n: f"table-{n}")
    digest = factory.LazyAttribute(
        lambda o: digest((o.scope, o.database, o.schema, o.name, o.column))
    )
    column = ""


class GrantFactory(DjangoModelFactory):
    class Meta:
        model = Grant

    account = factory.SubFactory(AccountFactory)
    securable = factory.SubFactory(
        SecurableFactory, instance=factory.SelfAttribute("..account.instance")
    )
    privilege = "SELECT"
    valid_from = factory.SelfAttribute("account.first_seen_at")


class MembershipFactory(DjangoModelFactory):
    class Meta:
        model = Membership

    member = factory.SubFactory(AccountFactory)
    role = factory.SubFactory(
        AccountFactory,
        instance=factory.SelfAttribute("..member.instance"),
        kind="role",
        can_login=False,
    )
    valid_from = factory.SelfAttribute("member.first_seen_at")


class RoleClosureFactory(DjangoModelFactory):
    class Meta:
        model = RoleClosure

    account = factory.SubFactory(AccountFactory)
    role = factory.SubFactory(
        AccountFactory,
        instance=factory.SelfAttribute("..account.instance"),
        kind="role",
        can_login=False,
    )
    inherits = True
    depth = 1


class ClassificationFactory(DjangoModelFactory):
    class Meta:
        model = Classification

    code = factory.Sequence(lambda n: f"class-{n}")
    name = factory.SelfAttribute("code")


class ClassificationRuleFactory(DjangoModelFactory):
    """As it is stored: nothing is checked."""

    class Meta:
        model = ClassificationRule

    classification = factory.SubFactory(ClassificationFactory)
    name = factory.Sequence(lambda n: f"rule-{n}")
    expression = factory.LazyFunction(lambda: {"version": 5, "match": {"all": []}})
    created_at = factory.LazyFunction(timezone.now)


class AssignmentFactory(DjangoModelFactory):
    """By hand, unless a rule is given."""

    class Meta:
        model = Assignment

    account = factory.SubFactory(AccountFactory)
    classification = factory.SubFactory(ClassificationFactory)
    is_manual = factory.LazyAttribute(lambda o: getattr(o, "rule", None) is None)
    assigned_at = factory.LazyFunction(timezone.now)


class DatabaseFactory(DjangoModelFactory):
    class Meta:
        model = Database

    class Params:
        removed = factory.Trait(removed_at=factory.SelfAttribute("first_seen_at"))

    instance = factory.SubFactory(InstanceFactory)
    name = factory.Sequence(lambda n: f"database-{n}")
    first_seen_at = factory.LazyFunction(timezone.now)


class MeasurementFactory(DjangoModelFactory):
    class Meta:
        abstract = True

    measured_on = factory.LazyFunction(timezone.localdate)
    measured_at = factory.LazyAttribute(
        lambda o: timezone.make_aware(datetime.combine(o.measured_on, time(3)))
    )
    total_bytes = 1000


class DatabaseSizeFactory(MeasurementFactory):
    class Meta:
        model = DatabaseSize

    database = factory.SubFactory(DatabaseFactory)


class InstanceSizeFactory(MeasurementFactory):
    class Meta:
        model = InstanceSize

    instance = factory.SubFactory(InstanceFactory)
    database_count = 1
    unmeasured_count = 0


class TableSizeFactory(DjangoModelFactory):
    class Meta:
        model = TableSize

    database = factory.SubFactory(DatabaseFactory)
    schema = "public"
    name = factory.Sequence(lambda n: f"table-{n}")
    valid_from = factory.LazyFunction(timezone.localdate)
    total_bytes = 1000


class AggregateFactory(DjangoModelFactory):
    """A whole day that was measured once."""

    class Meta:
        abstract = True

    period = "daily"
    period_start = factory.LazyFunction(timezone.localdate)
    period_end = factory.SelfAttribute("period_start")
    avg_bytes = 1000
    min_bytes = factory.SelfAttribute("avg_bytes")
    max_bytes = factory.SelfAttribute("avg_bytes")
    first_bytes = factory.SelfAttribute("avg_bytes")
    last_bytes = factory.SelfAttribute("avg_bytes")
    samples = 1
    expected_samples = factory.SelfAttribute("samples")
    is_partial = False
    computed_at = factory.LazyFunction(timezone.now)


class DatabaseAggregateFactory(AggregateFactory):
    class Meta:
        model = DatabaseAggregate

    database = factory.SubFactory(DatabaseFactory)


class InstanceAggregateFactory(AggregateFactory):
    class Meta:
        model = InstanceAggregate

    instance = factory.SubFactory(InstanceFactory)


class ForecastFactory(DjangoModelFactory):
    """Of an instance as a whole; of a database, and then of its instance, when one is given."""

    class Meta:
        model = Forecast

    database = None
    instance = factory.Maybe(
        "database",
        yes_declaration=factory.SelfAttribute("database.instance"),
        no_declaration=factory.SubFactory(InstanceFactory),
    )
    made_on = factory.LazyFunction(timezone.localdate)
    status = "not_enough_data"
    samples = 0


class SyncSessionFactory(DjangoModelFactory):
    class Meta:
        model = SyncSession

    category = "accounts"
    task = "accounts.tasks.sync_accounts_for_records"
    trigger = "command"
    created_at = factory.LazyFunction(timezone.now)


class SyncRecordFactory(DjangoModelFactory):
    class Meta:
        model = SyncRecord

    session = factory.SubFactory(SyncSessionFactory)
    instance = factory.SubFactory(InstanceFactory)
    category = "accounts"


class AccountChangeFactory(DjangoModelFactory):
    class Meta:
        model = AccountChange

    account = factory.SubFactory(AccountFactory)
    kind = "added"
    cause = "observed"
    occurred_at = factory.LazyFunction(timezone.now)


def sync(instance: Instance) -> SyncRecord:
    """Sync the accounts of ``instance`` now, in this process; the record that says how it went."""
    return sync_accounts_now([instance], trigger="command").records.get()
