"""The reading that comes out of the grant tables."""

from collections.abc import Iterable, Sequence

from instances.engines.base import (
    AccountKind,
    AccountRecord,
    AccountsReading,
    GrantRecord,
    MembershipRecord,
    Section,
)
from instances.engines.mysql.catalogue import Catalogue
from instances.engines.mysql.flavours import Flavour
from instances.engines.mysql.grants import shared_grants, visible_grants
from instances.engines.mysql.names import PUBLIC

HIDDEN_PARTS = frozenset(
    {"global_grants", "dynamic_grants", "database_grants", "table_grants", "column_grants"}
)
"""The sections of which information_schema may show something to a login that can't read them."""

SETTINGS = (
    *("lower_case_table_names", "partial_revokes"),
    *("activate_all_roles_on_login", "mandatory_roles"),
)
"""What the names of databases in grants mean depends on these, and which roles can be revoked."""


def unknown_names(sections: Iterable[Section]) -> set[str]:
    return {section.name for section in sections if not section.is_complete}


def hides_grants(sections: Iterable[Section]) -> bool:
    return bool(unknown_names(sections) & HIDDEN_PARTS)


def assemble(
    version: str, flavour: Flavour, catalogue: Catalogue, sections: Sequence[Section]
) -> AccountsReading:
    grants = [
        *flavour.own_grants(catalogue),
        *shared_grants(catalogue, flavour.name),
        *visible_grants(catalogue, flavour.name, unknown_names(sections)),
    ]
    memberships = flavour.memberships(catalogue)
    accounts = flavour.accounts(catalogue)
    if "accounts" in unknown_names(sections):
        others = seen_accounts(grants, memberships, accounts, catalogue.current_user)
    else:
        others = missing_accounts(grants, memberships, accounts)
    settings = {name: catalogue.variables[name] for name in SETTINGS if name in catalogue.variables}
    return AccountsReading(
        version, sections, [*accounts, *others], memberships, grants, settings=settings
    )


def unlisted(
    grants: Iterable[GrantRecord],
    memberships: Iterable[MembershipRecord],
    accounts: Iterable[AccountRecord],
) -> list[str]:
    """The names that rows are about, but no account has, in a stable order."""
    names = {grant.account for grant in grants}
    for membership in memberships:
        names.update((membership.member, membership.role))
    return sorted(names - {account.name for account in accounts})


def seen_accounts(
    grants: Iterable[GrantRecord],
    memberships: Iterable[MembershipRecord],
    accounts: Sequence[AccountRecord],
    current_user: str,
) -> list[AccountRecord]:
    """Where we may not list the accounts: those that something else told of, and ourselves."""
    names = {*unlisted(grants, memberships, accounts), current_user}
    names -= {account.name for account in accounts}
    return [bare_account(name) for name in sorted(names)]


def missing_accounts(
    grants: Iterable[GrantRecord],
    memberships: Iterable[MembershipRecord],
    accounts: Sequence[AccountRecord],
) -> list[AccountRecord]:
    """Rows may be about accounts that do not exist, and are rights all the same.

    ``u@localhost`` uses the database rows of ``u@%`` whether there is such an account or not.
    """
    names = unlisted(grants, memberships, accounts)
    return [bare_account(name, is_missing=True) for name in names]


def bare_account(name: str, *, is_missing: bool = False) -> AccountRecord:
    kind = AccountKind.USER if "@" in name else AccountKind.ROLE
    if name == PUBLIC:
        kind = AccountKind.PUBLIC
    if is_missing:
        return AccountRecord(name, kind, can_login=False, attributes={"is_missing": True})
    return AccountRecord(name, kind)
