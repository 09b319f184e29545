"""Where rights add up: from whom a privilege comes, and who has it from them, as conditions in SQL.

A present answer is one condition on accounts: those from whom the privilege comes, and by
``RoleClosure`` those who inherit one of them. No account is looked at for itself.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Count, Q

from accounts.closure import depths
from accounts.models import Account, Grant, Membership, RoleClosure, Securable
from accounts.worlds import EVERYBODY, identity, people, rules_of, split
from instances.engines.effective import Right, Thing
from instances.models import Instance

PLACE_COLUMNS = ("pk", "instance", "digest")
RIGHT_COLUMNS = ("pk", "account", "privilege", "securable", "is_owner")


@dataclass(frozen=True, slots=True)
class Givers:
    """Keys of the accounts of one instance from whom a privilege comes; see ``Roots``."""

    alone: Collection[int]
    passed_on: Collection[int]
    taken: Collection[int]
    is_for_everybody: bool


def givers(privilege: str, thing: Thing, instances: Collection[Instance]) -> dict[int, Givers]:
    """By instance, from the rights on ``thing`` and the accounts that count for what they are:
    owners, superusers, and the server's own.
    """
    rules = rules_of(next(iter(instances)))
    # A gate that is what was asked for gives it, too.
    pairs = [
        (word, one)
        for word, one in rules.sources(privilege, thing)
        if one == thing or (word, one) not in rules.gates(thing)
    ]
    held = rights_among(pairs, instances)
    owners = {right.holder for _, right in held if right.is_owner}
    present = Account.objects.present().filter(instance__in=instances)
    there = {
        *people(present.filter(pk__among=owners)),
        *people(present.filter(name__in={EVERYBODY, *rules.powers()})),
        *people(present.filter(is_superuser=True)),
    }
    known = {one.key for _, one in there}
    # An owner that went while we asked is not among them.
    rights = [(home, one) for home, one in held if not one.is_owner or one.holder in known]
    found = {}
    for instance, world in split(instances, there, [], rights).items():
        roots = rules(world).roots(privilege, thing)
        is_for_everybody = world.everybody in roots.passed_on
        found[instance] = Givers(roots.alone, roots.passed_on, roots.taken, is_for_everybody)
    return found


def rights_among(
    pairs: Collection[tuple[str, Thing]], instances: Iterable[Instance]
) -> list[tuple[int, Right]]:
    """The open rights that are among ``pairs``, each with the key of its instance.

    Only whose they are, and whether they are an ownership: there can be very many.
    """
    things = {identity(one): one for _, one in pairs}
    rows = Securable.objects.filter(instance__in=instances, digest__in=things)
    places = {pk: (home, things[one]) for pk, home, one in rows.values_list(*PLACE_COLUMNS)}
    if not places:
        return []
    about = Q()
    for word in {word for word, _ in pairs}:
        keys = [pk for pk, (_, one) in places.items() if (word, one) in pairs]
        about |= Q(privilege=word, securable__among=keys)
    found = []
    for pk, account, word, place, is_owner in (
        Grant.objects.open().filter(about).values_list(*RIGHT_COLUMNS)
    ):
        home, thing = places[place]
        found.append((home, Right(pk, account, word, thing, is_owner=is_owner)))
    return found


def condition(found: Mapping[int, Givers], *, set_role: bool) -> Q:
    """What an account of the instances of ``found`` must be to hold the privilege."""
    alone, passed_on = everybody_of(found.values(), set_role=set_role)
    reached = RoleClosure.objects.reached(set_role=set_role).filter(role__among=passed_on)
    open_to_all = [key for key, one in found.items() if one.is_for_everybody]
    holds = Q(pk__among=alone | passed_on) | Q(pk__in=reached.values("account"))
    # The cheapest first: it settles most, where it is.
    return Q(instance__in=open_to_all) | holds if open_to_all else holds


def counted(found: Mapping[int, Givers], *, set_role: bool) -> dict[int, int]:
    """How many accounts of each instance hold the privilege; as many as meet ``condition``.

    Whoever inherits a giver that inherits another inherits both, so that only the outermost givers
    have to be looked up.
    """
    open_to_all = [key for key, one in found.items() if one.is_for_everybody]
    closed = [one for one in found.values() if not one.is_for_everybody]
    alone, passed_on = everybody_of(closed, set_role=set_role)
    own = RoleClosure.objects.reached(set_role=set_role).filter(account__among=alone | passed_on)
    links = list(own.values_list("account", "role", "inherits"))
    outer = outermost(passed_on, {(one, other) for one, other, inherits in links if inherits})
    rows = Account.objects.order_by().values_list("instance")
    # What the closure tells of is present, and on the instance of its role.
    ways = [True, False] if set_role else [True]
    reached = rows.filter(pk__among=outer, reached_by__inherits__in=ways)
    reached = reached.annotate(Count("reached_by__account", distinct=True))
    rest = (alone | passed_on) - {account for account, role, _ in links if role in outer}
    present = Account.objects.present().order_by().values_list("instance")
    others = present.filter(Q(pk__among=rest) | Q(instance__in=open_to_all))
    totals: dict[int, int] = defaultdict(int)
    for instance, number in (*reached, *others.annotate(Count("pk"))):
        totals[instance] += number
    return totals


def everybody_of(found: Iterable[Givers], *, set_role: bool) -> tuple[set[int], set[int]]:
    """Who holds it alone, and who passes it on."""
    found = list(found)
    alone, passed_on, taken = (
        {key for one in found for key in getattr(one, part)}
        for part in ("alone", "passed_on", "taken")
    )
    return (takers(alone | taken) if set_role else alone), passed_on


def outermost(roles: Iterable[int], inherits: Collection[tuple[int, int]]) -> set[int]:
    """Of ``roles``, those that inherit none of the others; of a circle, one.

    ``inherits``: every (role, role that it inherits), over any number of steps.
    """
    roles = set(roles)
    return roles - {
        one
        for one, other in inherits
        if one in roles and other in roles and (other < one or (other, one) not in inherits)
    }


def takers(superusers: Collection[int]) -> set[int]:
    """Who could become one of ``superusers`` by SET ROLE: that takes no inheriting on the way."""
    reached = RoleClosure.objects.filter(role__among=superusers)
    near = set(reached.values_list("account", flat=True))
    members: dict[int, set[int]] = defaultdict(set)
    edges = Membership.objects.open().filter(can_set=True, member__among=near)
    for member, role in edges.values_list("member", "role"):
        members[role].add(member)
    return set(depths(members, dict.fromkeys(superusers, 0)))
