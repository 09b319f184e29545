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


def has_role(named: Q, reach: str) -> Truth:
    """``named``: which roles; ``reach``: ``direct``, ``inherited`` or ``any``."""
    roles = Account.objects.present().filter(named)
    if reach == "direct":
        direct = Membership.objects.open().filter(member=OuterRef("pk"), role__in=roles)
        return Truth(Q(Exists(direct)), ~Q(Exists(direct)) & memberships_are_known())
    ways = RoleClosure.objects.filter(account=OuterRef("pk"))
    if reach == "inherited":
        ways = ways.filter(inherits=True)
    has = Q(Exists(ways.filter(role__in=roles)))
    # What everybody has, the role itself would have, too.
    shared = of_everybody().filter(role__in=roles)
    has |= Q(instance__in=shared.values("account__instance")) & ~Q(pk__in=shared.values("role"))
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
    inherited = RoleClosure.objects.filter(account=OuterRef("pk"), inherits=True)
    of_role = Exists(held.filter(account=OuterRef("role")))
    found = Q(Exists(held.filter(account=OuterRef("pk")))) | Q(Exists(inherited.filter(of_role)))
    public = Account.objects.present().filter(kind=Account.Kind.PUBLIC)
    shared = public.filter(Exists(held.filter(account=OuterRef("pk"))))
    found |= Q(instance__in=shared.values("instance"))
    found |= Q(instance__in=of_everybody().filter(of_role).values("account__instance"))
    to_owner = held.filter(
        account__in=Account.objects.present().filter(database_owner_roles()),
        account__instance=OuterRef("account__instance"),
        securable__database=OuterRef("securable__database"),
    )
    having = owners_of_databases().filter(owners, Exists(to_owner))
    return found | have(having, inherited)


def have(owners: QuerySet[Grant], ways: QuerySet[RoleClosure]) -> Q:
    """Who owns one of the databases, or has by ``ways`` who does."""
    owning = owners.values("account")
    return Q(pk__in=owning) | Q(Exists(ways.filter(role__in=owning)))


def of_everybody() -> QuerySet[RoleClosure]:
    """The roles that everybody has because the pseudo-role was given them."""
    public = Account.objects.present().filter(kind=Account.Kind.PUBLIC)
    return RoleClosure.objects.filter(account__in=public, inherits=True)


def owners_of_databases() -> QuerySet[Grant]:
    return Grant.objects.open().filter(is_owner=True, securable__scope="database")


def database_owner_roles() -> Q:
    """The roles that nobody is given, and that the owner of a database has there."""
    rules = ((name, engine.effective) for name, engine in ENGINES.items())
    named = [
        Q(instance__engine=engine, name=one.database_owner)
        for engine, one in rules
        if one is not None and one.database_owner
    ]
    return reduce(or_, named, NOBODY)


# Whether an owner that does not inherit has that role hangs on the server's version.
PASSES_ON = Q(account__attributes__inherit=True)
