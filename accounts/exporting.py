"""Accounts as a file. Of what nobody knows it says so; an empty cell means "none"."""

from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet

from accounts.facts import password_state
from accounts.models import Account, Assignment
from instances.coverage import NEVER_READ, coverage_by_instance
from whalefall.core.exports import UNKNOWN, Columns, line_of


def with_classes(accounts: "QuerySet[Account]") -> "QuerySet[Account]":
    """With the classifications of each, in ``open_assignments``."""
    open_ones = Assignment.objects.open().select_related("classification")
    return accounts.prefetch_related(
        Prefetch("assignments", open_ones, to_attr="open_assignments")
    ).defer("attributes")


def known(value: Any) -> Any:
    return UNKNOWN if value is None else value


def classes_of(account: Any) -> str:
    return line_of(sorted({one.classification.code for one in account.open_assignments}))


def account_columns(now: datetime) -> Columns:
    """The columns, with coverage as it is now: one query for all rows."""
    coverage = coverage_by_instance()

    def coverage_of(account: Account) -> str:
        found = coverage.get(account.instance_id, NEVER_READ)
        return f"{found.known} of {found.total}" if found.was_read else "never read"

    def password(account: Account) -> str:
        state = password_state(account.facts, account.password_expires_at, now=now)
        return state or UNKNOWN

    return {
        "instance": lambda one: one.instance.name,
        "engine": lambda one: one.instance.engine,
        "name": lambda one: one.name,
        "kind": lambda one: one.kind,
        "is_system": lambda one: one.is_system,
        "can_login": lambda one: known(one.can_login),
        "is_superuser": lambda one: known(one.is_superuser),
        "is_locked": lambda one: known(one.is_locked),
        "password_state": password,
        "password_changed_at": lambda one: known(one.password_changed_at),
        "last_login_at": lambda one: known(one.last_login_at),
        "classifications": classes_of,
        "first_seen_at": lambda one: one.first_seen_at,
        "removed_at": lambda one: one.removed_at,
        "sections_known": coverage_of,
    }
