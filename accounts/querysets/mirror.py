"""Which accounts, edges and changes; and every write of the mirror's tables."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Self, TypeAlias, TypeVar

from django.apps import apps
from django.db import connection, models
from django.db.models import Count, Exists, OuterRef, Q

if TYPE_CHECKING:
    from accounts.models import (
        Account,
        AccountChange,  # noqa: F401 -- named in a quoted base class
        Grant,  # noqa: F401
        HeldReading,
        Membership,  # noqa: F401
        RoleClosure,  # noqa: F401
        Securable,
    )
    from instances.models import Instance
    from sync_sessions.models import SyncRecord

# SQLite takes some 32,000 parameters in one statement; far fewer are as quick.
BATCH = 2000
PARAMETERS = 30_000

T = TypeVar("T")
AnyEdge = TypeVar("AnyEdge", bound=models.Model)
AnyField: TypeAlias = "models.Field[Any, Any]"


def batches(items: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def insert(model: type[models.Model], rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Insert ``rows``, each the columns of a new row by attribute name; their keys, in order.

    What ``bulk_create`` does, but a first load has thousands of rows, and it spends most of its
    time on making objects and on asking each field of each how to store what is stored as it is.
    Like it, we rely on RETURNING to keep the order. Call inside a transaction.
    """
    quote = connection.ops.quote_name
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    names = ", ".join(quote(str(field.column)) for field in fields)
    into = f"INSERT INTO {quote(model._meta.db_table)} ({names})"
    keys: list[int] = []
    with connection.cursor() as cursor:
        for batch in batches(rows, PARAMETERS // len(fields)):
            columns = [
                stored_values([row[field.attname] for row in batch], field) for field in fields
            ]
            source, parameters = as_rows(columns, fields)
            cursor.execute(f"{into} {source} RETURNING id", parameters)
            keys += [key for (key,) in cursor.fetchall()]
    return keys


def stored_values(values: list[Any], field: AnyField) -> list[Any]:
    """``values`` as the database takes them; each is converted once, however often it comes.

    Integers, and so keys, are taken as they are.
    """
    if isinstance(getattr(field, "target_field", field), models.IntegerField):
        return values
    # A document has no hash, but those that are alike are often one object.
    names = [*map(id, values)] if isinstance(field, models.JSONField) else values
    different = dict(zip(names, values, strict=True))
    stored = {name: field.get_db_prep_save(value, connection) for name, value in different.items()}
    return [stored[name] for name in names]


def as_rows(columns: list[list[Any]], fields: Sequence[AnyField]) -> tuple[str, list[Any]]:
    """SQL for the rows of ``columns``, and its parameters.

    PostgreSQL takes a column as one array, which is quicker for it to read than many values.
    """
    if connection.vendor == "postgresql":
        arrays = ", ".join(f"%s::{field.db_type(connection)}[]" for field in fields)
        return f"SELECT * FROM UNNEST({arrays})", list(columns)  # noqa: S608 -- types of our own
    place = f"({', '.join(['%s'] * len(columns))})"
    places = ", ".join([place] * len(columns[0]))
    return f"VALUES {places}", list(chain.from_iterable(zip(*columns, strict=True)))


class AccountQuerySet(models.QuerySet["Account"]):
    def present(self) -> Self:
        return self.filter(removed_at=None)

    def listed(self) -> Self:
        """Those that lists and counts show by default: present, and not the engine's own."""
        return self.present().filter(is_system=False)

    def superusers(self) -> Self:
        return self.present().filter(is_superuser=True)

    def forgettable(self, *, before: datetime) -> Self:
        """Those removed before that moment of which no edge or change is left."""
        grant, membership, change = (
            apps.get_model("accounts", name).objects  # our own models import this module
            for name in ("Grant", "Membership", "AccountChange")
        )
        account = OuterRef("pk")
        ends = Q(member=account) | Q(role=account) | Q(grantor=account)
        # Grants have no index by grantor, so those are listed once.
        grantors = grant.filter(grantor__isnull=False).values("grantor")
        return self.filter(
            ~Exists(grant.filter(account=account)),
            ~Q(pk__in=grantors),
            ~Exists(membership.filter(ends)),
            ~Exists(change.filter(account=account)),
            removed_at__lt=before,
        )

    def mark_removed(self, accounts: Iterable["Account"], *, at: datetime) -> None:
        for batch in batches(account.pk for account in accounts):
            self.filter(pk__in=batch).update(removed_at=at)

    def create_all(self, accounts: Sequence["Account"]) -> None:
        """Insert ``accounts`` and give each its key."""
        for account, key in zip(accounts, insert(self.model, [*map(vars, accounts)]), strict=True):
            account.pk, account._state.adding = key, False

    def rewrite(self, accounts: Sequence["Account"], fields: Collection[str]) -> None:
        """Store ``fields`` of ``accounts``, of which some may have swapped their names."""
        if "name" in fields:
            # Out of the unique index first: a swap would meet itself half-way.
            for batch in batches(account.pk for account in accounts):
                self.filter(pk__in=batch).update(removed_at=models.F("first_seen_at"))
        self.bulk_update(accounts, fields, batch_size=200)

    def saw_logins(self, logins: Iterable["Account"]) -> None:
        """Store ``last_login_at``. It is evidence, not a change: it has no part in fingerprints."""
        self.bulk_update(logins, ["last_login_at"], batch_size=200)


class SecurableQuerySet(models.QuerySet["Securable"]):
    def unused(self) -> Self:
        """Those that no grant speaks of, open or closed."""
        grants = apps.get_model("accounts", "Grant").objects
        return self.filter(~Exists(grants.filter(securable=OuterRef("pk"))))

    def ensure(self, instance: "Instance", securables: Sequence["Securable"]) -> dict[str, int]:
        """The keys of ``securables`` by digest; those that are new are inserted."""
        known: dict[str, int] = {}
        ours = self.filter(instance=instance)
        for batch in batches(securable.digest for securable in securables):
            known.update(ours.filter(digest__in=batch).values_list("digest", "pk"))
        new = [securable for securable in securables if securable.digest not in known]
        keys = insert(self.model, [*map(vars, new)])
        return known | {row.digest: key for row, key in zip(new, keys, strict=True)}


class EdgeQuerySet(models.QuerySet[AnyEdge]):
    def open(self) -> Self:
        return self.filter(valid_to=None)

    def at(self, moment: datetime) -> Self:
        """The edges that held at ``moment``."""
        return self.filter(Q(valid_to=None) | Q(valid_to__gt=moment), valid_from__lte=moment)

    def closed(self, *, before: datetime) -> Self:
        return self.filter(valid_to__lt=before)

    def close(self, keys: Iterable[int], *, at: datetime) -> None:
        for batch in batches(keys):
            self.open().filter(pk__in=batch).update(valid_to=at)


class MembershipQuerySet(EdgeQuerySet["Membership"]):
    def open_all(self, memberships: Sequence[Mapping[str, Any]]) -> None:
        """Insert ``memberships``, each all its columns by attribute name."""
        insert(self.model, memberships)


class RoleClosureQuerySet(models.QuerySet["RoleClosure"]):
    def reached(self, *, set_role: bool) -> Self:
        """Those that are inherited; with ``set_role``, also those that it takes SET ROLE for."""
        return self if set_role else self.filter(inherits=True)

    def settle(
        self, instance: "Instance", reached: Mapping[tuple[int, int], tuple[bool, int]]
    ) -> None:
        """Make the rows of ``instance`` equal to ``reached``; what is equal is left alone.

        ``reached``: (account, role) → (inherits, depth).
        """
        columns = ("pk", "account", "role", "inherits", "depth")
        ours = self.filter(account__instance=instance)
        wanted, wrong = dict(reached), []
        for pk, account, role, inherits, depth in ours.values_list(*columns).iterator(BATCH):
            if wanted.get((account, role)) == (inherits, depth):
                del wanted[account, role]
            else:
                wrong.append(pk)
        for batch in batches(wrong):
            self.filter(pk__in=batch).delete()
        insert(
            self.model,
            [
                {"account_id": account, "role_id": role, "inherits": inherits, "depth": depth}
                for (account, role), (inherits, depth) in wanted.items()
            ],
        )


class GrantQuerySet(EdgeQuerySet["Grant"]):
    def counted_by_database(self) -> Iterable[tuple[int, str, int]]:
        """(account, database, number of grants there), in this order."""
        rows = self.values_list("account", "securable__database").annotate(Count("pk"))
        return rows.order_by("account", "securable__database")

    def open_all(self, grants: Sequence[Mapping[str, Any]]) -> None:
        """Insert ``grants``, each all its columns by attribute name."""
        insert(self.model, grants)


class AccountChangeQuerySet(models.QuerySet["AccountChange"]):
    def record(self, changes: Iterable[Mapping[str, Any]]) -> None:
        """Insert ``changes``: columns by attribute name, and the account as a row."""
        insert(self.model, [{**change, "account_id": change["account"].pk} for change in changes])

    def counted(self) -> dict[str, int]:
        """How many there are of each kind."""
        counts = self.order_by().values_list("kind").annotate(Count("pk"))
        return dict(counts)


class HeldReadingQuerySet(models.QuerySet["HeldReading"]):
    def pending(self) -> Self:
        return self.filter(decision="pending")

    def decided(self, *, before: datetime) -> Self:
        return self.filter(decided_at__lt=before).exclude(decision="pending")

    def hold(
        self, record: "SyncRecord", *, reading: dict[str, Any], summary: dict[str, Any]
    ) -> "HeldReading":
        """Keep a reading until somebody decides about it."""
        return self.create(record=record, reading=reading, summary=summary)

    def supersede(self, instance: int, *, at: datetime) -> None:
        """A newer reading of ``instance`` is here; nobody may accept an older one any more."""
        ours = self.filter(record__instance=instance).values("pk")
        self.pending().filter(pk__in=ours).update(decision="superseded", decided_at=at)

    def decide(self, held: "HeldReading", decision: str, *, by: int | None, at: datetime) -> bool:
        """Whether ``held`` was still pending, and is now decided."""
        decided = self.pending().filter(pk=held.pk)
        return bool(decided.update(decision=decision, decided_by=by, decided_at=at))
