"""Classes, rules and assignments; and the writes of those tables."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID, uuid4

from django.db import connection, models
from django.db.models import Count, Exists, F, OuterRef, Q
from django.db.models.sql.compiler import SQLCompiler

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


class ClassificationQuerySet(models.QuerySet["Classification"]):
    def ship(self, code: str, **fields: Any) -> "Classification":
        """The classification ``code``; made with ``fields`` where there is none yet."""
        shipped, _made = self.get_or_create(code=code, defaults={**fields, "is_system": True})
        return shipped


class ClassificationRuleQuerySet(models.QuerySet["ClassificationRule"]):
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
        """Make ``rule`` have those of ``judged`` that are ``matched``; how many came and went."""
        ours = self.open().filter(rule=rule)
        new = judged.filter(matched).exclude(Exists(ours.filter(account=OuterRef("pk"))))
        gone = 0
        if ours.exists():
            lost = judged.filter(pk=OuterRef("account")).filter(matched)
            gone = ours.filter(account__in=judged).filter(~Exists(lost)).update(revoked_at=at)
        return self._insert(rule, new, at=at), gone

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
