"""Classes, rules and assignments; and the writes of those tables."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID, uuid4

from django.db import connection, models
from django.db.models import Count, Exists, F, OuterRef, Q
from django.db.models.sql.compiler import SQLCompiler

from accounts.querysets.mirror import batches

if TYPE_CHECKING:
    from accounts.models import (
        Account,
        Assignment,
        Classification,
        ClassificationDay,  # noqa: F401 -- named in a quoted base class
        ClassificationRule,
    )
    from accounts.querysets.mirror import AccountQuerySet

MATTERS = ("engine", "expression", "classification_id")
"""What makes another version of a rule; the rest of it may change in place."""


# Accounts that lists show, of a classification or of what a rule has assigned.
HOLDERS = Count(
    "assignments__account",
    distinct=True,
    filter=Q(
        assignments__revoked_at=None,
        assignments__account__removed_at=None,
        assignments__account__is_system=False,
        assignments__account__instance__deleted_at=None,
    ),
)


class ClassificationQuerySet(models.QuerySet["Classification"]):
    def with_accounts(self) -> Self:
        """Each with ``accounts``, how many have it by a rule or by hand.

        ``is_counted``: a run has looked for it, so that none is known to be none.
        """
        days = self.model._meta.get_field("days").related_model._default_manager
        looked = days.filter(rule=None, classification=OuterRef("pk"))
        return self.annotate(accounts=HOLDERS, is_counted=Exists(looked))

    def ship(self, code: str, **fields: Any) -> "Classification":
        """The classification ``code``; made with ``fields`` where there is none yet."""
        shipped, _made = self.get_or_create(code=code, defaults={**fields, "is_system": True})
        return shipped


class ClassificationRuleQuerySet(models.QuerySet["ClassificationRule"]):
    def with_accounts(self) -> Self:
        """Each with ``accounts``, how many this version has assigned and still holds.

        ``is_counted``: a run has used it, so that none is known to be none.
        """
        days = self.model._meta.get_field("days").related_model._default_manager
        return self.annotate(accounts=HOLDERS, is_counted=Exists(days.filter(rule=OuterRef("pk"))))

    def current(self) -> Self:
        return self.filter(superseded_at=None)

    def in_force(self) -> Self:
        return self.current().filter(is_active=True)

    def lock(self) -> list["ClassificationRule"]:
        """The current rules, kept from other runs and edits until the transaction ends."""
        locked = self.current().select_for_update(of=("self",), no_key=True)
        return list(locked.select_related("classification").order_by("pk"))

    def add(self, *, at: datetime, group: UUID | None = None, **fields: Any) -> Any:
        """The first version of a rule."""
        return self.create(group=group or uuid4(), version=1, created_at=at, **fields)

    def revise(
        self,
        rule: "ClassificationRule",
        changes: Mapping[str, Any],
        *,
        at: datetime,
        by: int | None,
    ) -> "ClassificationRule":
        """``rule`` with ``changes``: a new version, which retires it, where they matter."""
        if all(changes.get(name, getattr(rule, name)) == getattr(rule, name) for name in MATTERS):
            self.filter(pk=rule.pk).update(**changes)
            return self.get(pk=rule.pk)
        kept = ("name", "is_active", "is_policy", *MATTERS)
        fields = {name: getattr(rule, name) for name in kept} | {"is_system": False, **changes}
        self.retire(rule, at=at)
        return self.create(
            group=rule.group,
            version=rule.version + 1,
            created_at=at,
            created_by_id=by,
            **fields,
        )

    def retire(self, rule: "ClassificationRule", *, at: datetime) -> None:
        self.current().filter(pk=rule.pk).update(superseded_at=at)


class AssignmentQuerySet(models.QuerySet["Assignment"]):
    def open(self) -> Self:
        return self.filter(revoked_at=None)

    def of_present(self) -> Self:
        """Open, of accounts that lists show."""
        return self.open().filter(
            account__removed_at=None, account__is_system=False, account__instance__deleted_at=None
        )

    def assign(
        self, account: "Account", classification: "Classification", *, by: int | None, at: datetime
    ) -> "Assignment":
        """By hand. Raises IntegrityError when it is so already."""
        return self.create(
            account=account,
            classification=classification,
            is_manual=True,
            assigned_by_id=by,
            assigned_at=at,
        )

    def revoke(self, *, at: datetime) -> int:
        return self.open().update(revoked_at=at)

    def settle(
        self,
        rule: "ClassificationRule",
        judged: "AccountQuerySet",
        matched: Q,
        *,
        at: datetime,
    ) -> tuple[int, int]:
        """Make ``rule`` have those of ``judged`` that are ``matched``; how many came and went.

        ``matched`` is evaluated once, whatever there is to change.
        """
        ours = self.open().filter(rule=rule)
        if not ours.exists():
            return self._insert(rule, judged.filter(matched), at=at), 0
        here = ours.filter(account__in=judged)
        came, went = _differences(judged.filter(matched).values("pk"), here.values("account"))
        for batch in batches(went):
            ours.filter(account__in=batch).update(revoked_at=at)
        for batch in batches(came):
            self._insert(rule, judged.model._default_manager.filter(pk__in=batch), at=at)
        return len(came), len(went)

    def _insert(self, rule: "ClassificationRule", new: "AccountQuerySet", *, at: datetime) -> int:
        columns = {
            "account_id": F("pk"),
            "classification_id": models.Value(rule.classification_id),
            "rule_id": models.Value(rule.pk),
            "is_manual": models.Value(False),
            "assigned_at": models.Value(at, output_field=models.DateTimeField()),
        }
        names = {f"new_{name}": value for name, value in columns.items()}
        source, parameters = sql_of(new.order_by().annotate(**names).values_list(*names))
        quote = connection.ops.quote_name
        into = ", ".join(quote(name) for name in columns)
        table = quote(self.model._meta.db_table)
        with connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {table} ({into}) {source}", parameters)
            return int(cursor.rowcount)


def sql_of(rows: "models.QuerySet[Any, Any]") -> tuple[str, tuple[Any, ...]]:
    """The statement that reads ``rows``; one that reads nothing where they are known to be none."""
    compiler: SQLCompiler = rows.query.get_compiler(connection=connection, elide_empty=False)
    return compiler.as_sql()


def _differences(
    new: "models.QuerySet[Any, Any]", old: "models.QuerySet[Any, Any]"
) -> tuple[list[int], list[int]]:
    """The keys that only ``new`` has, and those that only ``old`` has."""
    (new_sql, new_given), (old_sql, old_given) = (sql_of(one.order_by()) for one in (new, old))
    with connection.cursor() as cursor:
        cursor.execute(
            # Django has made both statements, and their values come apart from them.
            f"WITH fresh (id) AS MATERIALIZED ({new_sql}), held (id) AS MATERIALIZED ({old_sql}) "  # noqa: S608
            "SELECT id, 1 FROM (SELECT id FROM fresh EXCEPT SELECT id FROM held) AS came "
            "UNION ALL "
            "SELECT id, 0 FROM (SELECT id FROM held EXCEPT SELECT id FROM fresh) AS went",
            (*new_given, *old_given),
        )
        found: tuple[list[int], list[int]] = ([], [])
        for key, is_new in cursor.fetchall():
            found[0 if is_new else 1].append(key)
        return found


class ClassificationDayQuerySet(models.QuerySet["ClassificationDay"]):
    def replace(
        self,
        day: date,
        rules: Sequence["ClassificationRule"],
        classifications: Sequence["Classification"],
        assignments: AssignmentQuerySet,
    ) -> None:
        """Count ``day`` anew: the accounts of each of ``rules`` and of each classification."""
        counted = assignments.order_by()
        by_rule = dict(counted.values_list("rule").annotate(Count("pk")))
        people = Count("account", distinct=True)
        by_class = dict(counted.values_list("classification").annotate(people))
        self.filter(day=day).delete()
        self.bulk_create(
            [
                self.model(
                    classification_id=rule.classification_id,
                    rule=rule,
                    day=day,
                    accounts=by_rule.get(rule.pk, 0),
                )
                for rule in rules
            ]
            + [
                self.model(classification=one, day=day, accounts=by_class.get(one.pk, 0))
                for one in classifications
            ]
        )
