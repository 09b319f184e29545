"""One predicate each: from its value in the expression to whom it is true and false of."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, F, OuterRef, Q

from accounts.facts import FACTS_VERSION
from accounts.models import Account, Grant, Membership, RoleClosure
from accounts.predicates.patterns import HostPart, UserPart, matches
from accounts.predicates.schema import ATTRIBUTES, COLUMNS
from accounts.predicates.truth import EVERYBODY, Truth, certain, every, some
from instances.engines import ENGINES
from instances.models import Section
from tags.models import Tag

Leaf = Callable[[Any, datetime], Truth]
DAY = timedelta(days=1)


def among(field: str) -> Leaf:
    def leaf(values: Sequence[str], _now: datetime) -> Truth:
        return certain(Q(**{f"{field}__in": values}))

    return leaf


def has_hosts() -> Q:
    """The names of these accounts are made of a user and a host."""
    engines = [name for name, engine in ENGINES.items() if engine.has_hosts]
    return Q(instance__engine__in=engines, name__contains="@")


def name(patterns: Sequence[str], _now: datetime) -> Truth:
    user = has_hosts() & matches(UserPart(F("name")), patterns)
    return certain(user | (~has_hosts() & matches("name", patterns)))


def host(patterns: Sequence[str], _now: datetime) -> Truth:
    return certain(has_hosts() & matches(HostPart(F("name")), patterns))


def tag(names: Sequence[str], _now: datetime) -> Truth:
    tagged = Tag.objects.filter(name__in=names, instances=OuterRef("instance"))
    return certain(Q(Exists(tagged)))


# --- what the server may not have told --------------------------------------------------------


def flag(field: str) -> Truth:
    return Truth(Q(**{field: True}), Q(**{field: False}))


def fact(known: str) -> Truth:
    """Facts of another version say something else."""
    told = Q(facts_version=FACTS_VERSION)
    path = f"facts__{known}__value"
    return Truth(told & Q(**{path: True}), told & Q(**{path: False}))


def as_wanted(truth: Truth, wanted: bool) -> Truth:
    return truth if wanted else ~truth


def superuser(wanted: bool, _now: datetime) -> Truth:
    return as_wanted(fact("superuser"), wanted)


def locked(wanted: bool, _now: datetime) -> Truth:
    return as_wanted(flag("is_locked"), wanted)


def system(wanted: bool, _now: datetime) -> Truth:
    return as_wanted(flag("is_system"), wanted)


def capability(names: Sequence[str], _now: datetime) -> Truth:
    return some(map(one_capability, names))


def one_capability(wanted: str) -> Truth:
    if wanted in COLUMNS:
        return flag(wanted)
    return flag(f"attributes__{wanted}") if wanted in ATTRIBUTES else fact(wanted)


# --- passwords and time -----------------------------------------------------------------------


def password(states: Sequence[str], now: datetime) -> Truth:
    return some(PASSWORDS[state](now) for state in states)


def expired(now: datetime) -> Truth:
    never = fact("password_never_expires").yes
    by_date = Truth(
        Q(password_expires_at__lte=now), Q(password_expires_at__gt=now) | undated(never)
    )
    return fact("password_expired") | by_date


def never_expires(_now: datetime) -> Truth:
    told = fact("password_never_expires")
    return Truth(undated(told.yes), told.no | Q(password_expires_at__isnull=False))


def undated(yes: Q) -> Q:
    """A date is the better evidence."""
    return yes & Q(password_expires_at=None)


def within(field: str, earliest: datetime | None, latest: datetime | None) -> Truth:
    """The moment in ``field`` is not before and not after; None is no limit."""
    parts = []
    if earliest is not None:
        parts.append(Truth(Q(**{f"{field}__gte": earliest}), Q(**{f"{field}__lt": earliest})))
    if latest is not None:
        parts.append(Truth(Q(**{f"{field}__lte": latest}), Q(**{f"{field}__gt": latest})))
    return every(parts)


def moved(now: datetime, days: int | None, direction: int = 1) -> datetime | None:
    return None if days is None else now + direction * days * DAY


def password_age(wanted: dict[str, int], now: datetime) -> Truth:
    earliest, latest = moved(now, wanted.get("max"), -1), moved(now, wanted.get("min"), -1)
    return within("password_changed_at", earliest, latest)


def last_seen(wanted: dict[str, int], now: datetime) -> Truth:
    """Where a server keeps no logins, the account may have been there since it was last met."""
    told = Q(instance__engine__in=[name for name, one in ENGINES.items() if one.keeps_logins])
    parts = []
    if "min" in wanted:
        long_ago = within("last_login_at", None, moved(now, wanted["min"], -1))
        is_sure = told if wanted["min"] else EVERYBODY
        parts.append(Truth(long_ago.yes & is_sure, long_ago.no))
    if "max" in wanted:
        lately = within("last_login_at", moved(now, wanted["max"], -1), None)
        parts.append(Truth(lately.yes, lately.no & told))
    return every(parts)


def expires_in(wanted: dict[str, int], now: datetime) -> Truth:
    dated = within(
        "password_expires_at", moved(now, wanted.get("min")), moved(now, wanted.get("max"))
    )
    return Truth(dated.yes, dated.no | undated(fact("password_never_expires").yes))


# --- edges ------------------------------------------------------------------------------------


def sections_are_known() -> Q:
    """That an account lacks something is known where everything was read."""
    sections = Section.objects.of_privileges().filter(instance=OuterRef("instance"))
    return Q(Exists(sections), ~Exists(sections.unknown()))


def memberships_are_known() -> Q:
    sections = Section.objects.filter(category="accounts", name="memberships", state="complete")
    return Q(Exists(sections.filter(instance=OuterRef("instance"))))


def role(wanted: dict[str, Any], now: datetime) -> Truth:
    roles = Account.objects.present().filter(name(wanted["name"], now).yes)
    reach = wanted.get("reach", "inherited")
    if reach == "direct":
        ways: Any = Membership.objects.open().filter(member=OuterRef("pk"))
    else:
        ways = RoleClosure.objects.filter(account=OuterRef("pk"))
    if reach == "inherited":
        ways = ways.filter(inherits=True)
    has = Exists(ways.filter(role__in=roles))
    return Truth(Q(has), Q(~has) & memberships_are_known())


def privilege(wanted: dict[str, Any], _now: datetime) -> Truth:
    held = Grant.objects.open().filter(such_grants(wanted))
    has = Q(Exists(held.filter(account=OuterRef("pk"))))
    if wanted.get("effective", True):
        inherited = RoleClosure.objects.filter(account=OuterRef("pk"), inherits=True)
        through = inherited.filter(Exists(held.filter(account=OuterRef("role"))))
        everybody = Account.objects.present().filter(kind=Account.Kind.PUBLIC)
        public = everybody.filter(Exists(held.filter(account=OuterRef("pk"))))
        has |= Q(Exists(through)) | Q(instance__in=public.values("instance"))
    return Truth(has, ~has & sections_are_known())


def such_grants(wanted: dict[str, Any]) -> Q:
    found = Q(is_denied=wanted.get("denied", False))
    if "name" in wanted:
        found &= Q(privilege__in=wanted["name"])
    if "scope" in wanted:
        found &= Q(securable__scope__in=wanted["scope"])
    if "grantable" in wanted:
        found &= Q(grantable=wanted["grantable"])
    for part, column in (("database", "database"), ("schema", "schema"), ("object", "name")):
        if part in wanted:
            found &= matches(f"securable__{column}", wanted[part])
    return found


PASSWORDS: dict[str, Callable[[datetime], Truth]] = {
    "absent": lambda _now: fact("password_absent"),
    "expired": expired,
    "never_expires": never_expires,
}
LEAVES: dict[str, Leaf] = {
    "engine": among("instance__engine"),
    "kind": among("kind"),
    "name": name,
    "host": host,
    "tag": tag,
    "environment": among("instance__environment"),
    "superuser": superuser,
    "locked": locked,
    "system": system,
    "capability": capability,
    "role": role,
    "privilege": privilege,
    "password": password,
    "password_age_days": password_age,
    "password_expires_in_days": expires_in,
    "last_seen_days": last_seen,
}
