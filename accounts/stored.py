"""What the mirror holds of one instance, read as far as a comparison needs it."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from accounts.facts import FACTS_VERSION
from accounts.models import Account, Grant, Membership
from accounts.querysets import batches
from instances.engines.base import GrantRecord, MembershipRecord, Scope
from instances.models import Instance, Section
from sync_sessions.models import SyncSession

PART_FIELDS = ("database", "schema", "name", "column")
EDGE_FIELDS = ("privilege", "grantable", "is_denied", "is_owner")
GRANT_FIELDS = PART_FIELDS + EDGE_FIELDS
GRANT_COLUMNS = (
    *("pk", "account", "grantor", "securable__scope"),
    *(f"securable__{part}" for part in PART_FIELDS),
    *EDGE_FIELDS,
)
# Above this many accounts, reading every edge of the instance is quicker than asking for some.
MANY = 200


@dataclass(frozen=True, slots=True)
class StoredGrant:
    """An open grant: its key, whose it is, who gave it, and what it says in stored names."""

    pk: int
    account: int
    grantor: int | None
    record: GrantRecord

    @property
    def ends(self) -> set[int]:
        """The accounts without which it can't hold."""
        return {self.account, self.grantor or self.account}


@dataclass(frozen=True, slots=True)
class StoredMembership:
    """An open membership: its key, its ends and grantor as keys, and its options."""

    pk: int
    member: int
    role: int
    grantor: int | None
    record: MembershipRecord

    @property
    def ends(self) -> set[int]:
        return {self.member, self.role, self.grantor or self.member}


class Stored:
    """The mirror of one instance, as of now. Queries run on first use."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance

    @cached_property
    def accounts(self) -> list[Account]:
        return list(Account.objects.present().filter(instance=self.instance).order_by("pk"))

    def fingerprints(self) -> dict[str, str]:
        """The fingerprint of every present account by name; only where its facts are up to date."""
        rows = Account.objects.present().filter(instance=self.instance, facts_version=FACTS_VERSION)
        return dict(rows.order_by().values_list("name", "fingerprint"))

    def named(self, names: Collection[str]) -> list[Account]:
        """The present accounts of these names, with what is known of their logins."""
        # Facts are refreshed by their version: left out, it would be asked for row by row.
        fields = ("name", "last_login_at", "facts_version")
        rows = Account.objects.present().filter(instance=self.instance).only(*fields)
        return [row for batch in batches(names) for row in rows.filter(name__in=batch)]

    @cached_property
    def names(self) -> dict[int, str]:
        return {account.pk: account.name for account in self.accounts}

    @cached_property
    def sections(self) -> dict[tuple[str, str], Section]:
        rows = Section.objects.filter(
            instance=self.instance, category=SyncSession.Category.ACCOUNTS
        )
        return {(row.name, row.database): row for row in rows}

    @property
    def was_ever_read(self) -> bool:
        accounts = self.sections.get(("accounts", ""))
        return accounts is not None and accounts.read_at is not None

    def removed(self, names: Collection[str], native_ids: Collection[str]) -> list[Account]:
        """Removed accounts of these names or native ids, the oldest first."""
        rows = Account.objects.filter(instance=self.instance, removed_at__isnull=False)
        found: dict[int, Account] = {}
        for batch in batches(names):
            found.update((row.pk, row) for row in rows.filter(name__in=batch))
        for batch in batches(native_ids):
            found.update((row.pk, row) for row in rows.filter(native_id__in=batch))
        return sorted(found.values(), key=lambda row: row.removed_at.timestamp())  # type: ignore[union-attr]

    def grants(self, accounts: Collection[int] | None = None) -> list[StoredGrant]:
        """Open grants of ``accounts``, or of all."""
        rows = Grant.objects.open().filter(account__instance=self.instance)
        return [self._grant(*row) for row in _of(rows, "account", accounts, GRANT_COLUMNS)]

    def _grant(self, pk: int, account: int, grantor: int | None, *parts: Any) -> StoredGrant:
        scope, *rest = parts
        fields = dict(zip(GRANT_FIELDS, rest, strict=True))
        record = GrantRecord(
            account=self.names[account], grantor=self._name(grantor), scope=Scope(scope), **fields
        )
        return StoredGrant(pk, account, grantor, record)

    def memberships(self, accounts: Collection[int] | None = None) -> list[StoredMembership]:
        """Open memberships whose member is one of ``accounts``, or all."""
        rows = Membership.objects.open().filter(member__instance=self.instance)
        options = ("admin_option", "inherits", "can_set", "is_default")
        return [
            StoredMembership(
                pk,
                member,
                role,
                grantor,
                MembershipRecord(
                    self.names[member],
                    self._name(role) or "",
                    self._name(grantor),
                    *flags,
                ),
            )
            for pk, member, role, grantor, *flags in _of(
                rows, "member", accounts, ("pk", "member", "role", "grantor", *options)
            )
        ]

    def _name(self, account: int | None) -> str | None:
        return None if account is None else self.names.get(account)

    def open_edges(self) -> int:
        """How many grants and memberships hold."""
        return (
            Grant.objects.open().filter(account__instance=self.instance).count()
            + Membership.objects.open().filter(member__instance=self.instance).count()
        )


def _of(
    rows: Any, field: str, accounts: Collection[int] | None, columns: tuple[str, ...]
) -> list[tuple[Any, ...]]:
    """``columns`` of ``rows`` whose ``field`` is one of ``accounts`` (None: of all rows)."""
    if accounts is None:
        return list(rows.values_list(*columns))
    if len(accounts) > MANY:
        position = columns.index(field)
        return [row for row in rows.values_list(*columns) if row[position] in accounts]
    return list(rows.filter(**{f"{field}__in": accounts}).values_list(*columns))
