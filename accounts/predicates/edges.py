"""Of which accounts it is true that they have a role, or were granted a privilege."""

from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import Account, Grant, Membership, RoleClosure
from accounts.predicates.granted import such_grants
from accounts.predicates.truth import NOBODY, Truth
from instances.engines import ENGINES
from instances.models import Section


def sections_are_known() -> Q:
    """That an account lacks something is known where everything was read."""
    sections = Section.objects.of_privileges().filter(instance=OuterRef("instance"))
    return Q(Exists(sections), ~Exists(sections.unknown()))


def memberships_are_known() -> Q:
    sections = Section.objects.filter(category="accounts", name="memberships", state="complete")
    return Q(Exists(sections.filter(instance=OuterRef("instance"))))


def has_role(named: Q, reach: str, *, may_be_owner: bool) -> Truth:
    """``named``: which roles; ``reach``: ``direct``, ``inherited`` or ``any``.

    ``may_be_owner``: whether one of ``database_owner_names`` is among them.
    """
    roles = Account.objects.present().filter(named)
    if reach == "direct":
        direct = Membership.objects.open().filter(member=OuterRef("pk"), role__in=roles)
        return Truth(Q(Exists(direct)), ~Q(Exists(direct)) & memberships_are_known())
    ways = RoleClosure.objects.filter(account=OuterRef("pk"))
    if reach == "inherited":
        ways = ways.filter(inherits=True)
    has = Q(Exists(ways.filter(role__in=roles)))
    # What everybody has, the role itself would have, too.
    public = Account.objects.present().filter(kind=Account.Kind.PUBLIC)
    shared = RoleClosure.objects.filter(account__in=public, inherits=True, role__in=roles)
    has |= Q(instance__in=shared.values("account__instance")) & ~Q(pk__in=shared.values("role"))
    if not may_be_owner:
        return Truth(has, ~has & memberships_are_known())
    owned = roles.filter(database_owner_roles()).values("instance")
    owners = owners_of_databases().filter(account__instance__in=owned)
    may_have = has | have(owners, ways)
    has |= have(owners if reach == "any" else owners.filter(PASSES_ON), ways)
    knows_owners = ~Q(instance__in=owned) | sections_are_known()
    return Truth(has, ~may_have & memberships_are_known() & knows_owners)


def holds_privilege(wanted: dict[str, Any]) -> Truth:
    surely, maybe = such_grants(wanted)
    held, perhaps = Grant.objects.open().filter(surely), Grant.objects.open().filter(maybe)
    if not wanted.get("effective", True):
        has, may_have = (Q(Exists(one.filter(account=OuterRef("pk")))) for one in (held, perhaps))
    else:
        has, may_have = holders(held, PASSES_ON), holders(perhaps, Q())
    return Truth(has, ~may_have & sections_are_known())


def holders(held: QuerySet[Grant], owners: Q) -> Q:
    """Who was granted one of ``held``, by its roles and as everybody is, too.

    ``owners``: which owners of a database have what its owner was granted there.
    """
    own = Exists(held.filter(account=OuterRef("pk")))
    of_role = Exists(held.filter(account=OuterRef("role")))
    to_owner = held.filter(
        account__in=Account.objects.present().filter(database_owner_roles()),
        account__instance=OuterRef("account__instance"),
        securable__database=OuterRef("securable__database"),
    )
    owning = owners_of_databases().filter(owners, Exists(to_owner)).values("account")
    inherited = RoleClosure.objects.filter(account=OuterRef("pk"), inherits=True)
    public = Account.objects.present().filter(kind=Account.Kind.PUBLIC)
    shared = public.filter(own | Exists(inherited.filter(of_role)))
    through = inherited.filter(of_role | Q(role__in=owning))
    has_own = Q(own) | Q(pk__in=owning)
    return has_own | Q(Exists(through)) | Q(instance__in=shared.values("instance"))


def have(owners: QuerySet[Grant], ways: QuerySet[RoleClosure]) -> Q:
    """Who owns one of the databases, or has by ``ways`` who does."""
    owning = owners.values("account")
    return Q(pk__in=owning) | Q(Exists(ways.filter(role__in=owning)))


def owners_of_databases() -> QuerySet[Grant]:
    return Grant.objects.open().filter(is_owner=True, securable__scope="database")


def database_owner_names() -> dict[str, str]:
    """By engine: the role that nobody is given, and that the owner of a database has there."""
    rules = {name: engine.effective for name, engine in ENGINES.items()}
    return {name: one.database_owner for name, one in rules.items() if one and one.database_owner}


def database_owner_roles() -> Q:
    named = (Q(instance__engine=one, name=name) for one, name in database_owner_names().items())
    return reduce(or_, named, NOBODY)


# Whether an owner that does not inherit has that role hangs on the server's version.
PASSES_ON = Q(account__attributes__inherit=True)
