"""Who has which role on MySQL, and which of them are active after logging in."""

from collections.abc import Iterable

from instances.engines.base import MembershipRecord
from instances.engines.mysql.catalogue import Catalogue
from instances.engines.mysql.mysql import is_fresh_role, mandatory_roles, roles_of, users_of
from instances.engines.mysql.names import account_name


def memberships(catalogue: Catalogue) -> list[MembershipRecord]:
    """The edges of role_edges, and mandatory roles as an edge of every account that logs in.


    A role is active after login if it is a default role of the account, if all roles are
    (``activate_all_roles_on_login``), or if it is mandatory (``activate_mandatory_roles``, 9.5
    and newer). Only active roles count, so that is what ``inherits`` says of an account; a role
    always inherits its own roles, but nobody can set those. For the anonymous user a mandatory
    role is active, but gives him nothing (tried).
    """
    granted = {
        (account_name(user, host), account_name(role, role_host)): option == "Y"
        for user, host, role, role_host, option in catalogue.of("role_edges")
    }
    mandatory, roles = mandatory_roles(catalogue), roles_of(catalogue) | fresh_roles(catalogue)
    passive = passive_roles(catalogue, roles)
    for account in (account_name(row[1], row[0]) for row in users_of(catalogue)):
        if account not in passive:
            for role in mandatory:
                if role != account:
                    granted.setdefault((account, role), False)
    active = {
        edge for edge in active_edges(granted, mandatory, catalogue) if edge[0] not in passive
    }
    return [
        MembershipRecord(
            member,
            role,
            admin_option=admin_option,
            inherits=((member, role) in active or member in roles) and not member.startswith("@"),
            can_set=member not in passive,
            is_default=(member, role) in active,
        )
        for (member, role), admin_option in granted.items()
    ]


def fresh_roles(catalogue: Catalogue) -> set[str]:
    """Those that nobody has been given yet, or any more."""
    empty = {account_name(user, host) for host, user in catalogue.of("empty_passwords")}
    names = ((row, account_name(row[1], row[0])) for row in users_of(catalogue))
    return {name for row, name in names if is_fresh_role(row, has_no_password=name in empty)}


def passive_roles(catalogue: Catalogue, roles: set[str]) -> set[str]:
    """Those of ``roles`` that cannot log in, so that only those who have them use them."""
    locked = {account_name(row[1], row[0]) for row in users_of(catalogue) if row[3] == "Y"}
    return locked & roles


def active_edges(
    granted: Iterable[tuple[str, str]], mandatory: Iterable[str], catalogue: Catalogue
) -> set[tuple[str, str]]:
    edges = set(granted)
    if catalogue.is_on("activate_all_roles_on_login"):
        return edges
    default = {
        (account_name(user, host), account_name(role, role_host))
        for user, host, role, role_host in catalogue.of("default_roles")
    }
    if catalogue.is_on("activate_mandatory_roles"):
        default |= {(member, role) for member, role in edges if role in set(mandatory)}
    return edges & default
