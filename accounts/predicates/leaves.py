"""One predicate each: from its value in the expression to whom it is true and false of."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, F, OuterRef, Q

from accounts.facts import FACTS_VERSION
from accounts.predicates.edges import database_owner_names, has_role, holds_privilege
from accounts.predicates.patterns import HostPart, UserPart, fits, matches
from accounts.predicates.schema import ATTRIBUTES, COLUMNS
from accounts.predicates.truth import EVERYBODY, Truth, certain, every, some
from instances.engines import ENGINES
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


def role(wanted: dict[str, Any], now: datetime) -> Truth:
    patterns = wanted["name"]
    may_be_owner = any(
        fits(one, role) for one in patterns for role in database_owner_names().values()
    )
    reach = wanted.get("reach", "inherited")
    return has_role(name(patterns, now).yes, reach, may_be_owner=may_be_owner)


def privilege(wanted: dict[str, Any], _now: datetime) -> Truth:
    return holds_privilege(wanted)


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
