"""What a change did: who may do what since then and could not before, and the other way round.

The effect of an entry is effective(after) minus effective(before). Entries of one sync have one
moment, so they are taken in the order of the log: *before* an entry is the world before the sync
with the entries above it. Thus the effects of a sync add up to what it changed.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from django.db.models import TextChoices
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.effective import Entry, entries, is_grantable
from accounts.models import AccountChange
from accounts.moments import Beside, beside
from accounts.objects import object_text
from accounts.worlds import rules_of
from instances.engines.effective import WHOLE_SERVER, Effective, Thing, families
from sync_sessions.models import SyncRecord
from whalefall.core.errors import WhalefallError

MOST_COMPARED = 5_000
"""Of more accounts than this, the others are not looked at, and the effect says so."""

Key = tuple[str, Thing]
Places = Mapping[Thing, tuple[Thing, Collection[str]]]
"""The things to ask about, with what to call each, and the privileges to ask for."""

RIGHT = attrgetter("thing", "holder", "privilege", "grantable", "is_denied")
LINK = attrgetter("role", "member", "admin_option", "inherits", "can_set", "is_default")


class How(TextChoices):
    HOLDS = "holds", _("without doing anything first")
    BY_SET_ROLE = "set_role", _("only after SET ROLE")
    PASSES_ON = "passes_on", _("may pass it on")


@dataclass(frozen=True, slots=True)
class Difference:
    """One privilege on one thing that ``account`` gained or lost."""

    account: str
    privilege: str
    thing: Thing
    how: How

    @property
    def place(self) -> str:
        """The name of the thing as ``parse_object`` reads it."""
        parts = (self.thing.database, self.thing.schema, self.thing.name, self.thing.column)
        return object_text(part for part in parts if part)

    @property
    def kind(self) -> tuple[str, str, How]:
        return self.privilege, self.thing.scope, self.how


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change gained and lost.

    ``is_told`` is False where nobody can say; ``reasons`` says why, or why there may be more.
    ``depends`` counts what changed only for some clients, or by rows of which no client can rely
    on one.
    """

    gained: Sequence[Difference] = ()
    lost: Sequence[Difference] = ()
    depends: int = 0
    is_told: bool = True
    reasons: Sequence[str] = ()

    @property
    def is_complete(self) -> bool:
        return self.is_told and not self.reasons


def effect_of(change: AccountChange) -> Effect:
    """What ``change`` did to whoever it concerns. Takes the same number of queries for any."""
    if change.cause == AccountChange.Cause.FIRST_SEEN:
        return untold(gettext("Nobody had read the server before, so nobody knows what was new."))
    if change.cause == AccountChange.Cause.VISIBILITY:
        return untold(
            gettext("Our login sees more or less than before; the server may be as it was.")
        )
    try:
        rules = rules_of(change.account.instance)
        found = beside(change)
    except WhalefallError as error:
        return untold(str(error))
    near = concerned(rules, found, change.account_id)
    return compared(rules, found, sorted(near), tuple(unread(change, len(near))))


def untold(reason: str) -> Effect:
    return Effect(is_told=False, reasons=(reason,))


def unread(change: AccountChange, concerned: int) -> Iterator[str]:
    """Why the effect may be other than what we can say."""
    record = SyncRecord.objects.filter(
        session=change.session_id, instance=change.account.instance_id
    ).first()
    if record is None or record.coverage is None:
        yield gettext("How much that reading knew is no longer kept.")
    elif record.coverage < 1:
        yield gettext(
            "That reading did not know everything: what our login could not read may give or take "
            "the same."
        )
    if concerned > MOST_COMPARED:
        yield gettext("Only {compared} of {concerned} accounts were compared.").format(
            compared=MOST_COMPARED, concerned=concerned
        )


def concerned(rules: type[Effective], found: Beside, account: int) -> set[int]:
    """Whose privileges the change may have changed: the account, its kin, who has one as a role."""
    people = {**found.before.principals, **found.after.principals}
    if account not in people or people[account].name in rules.powers():
        return set(people)
    kin = families(rules, people)
    members: dict[int, set[int]] = defaultdict(set)
    for link in (*found.before.links, *found.after.links):
        members[link.role].add(link.member)
    reached, waiting = {account}, [account]
    while waiting:
        one = waiting.pop()
        word = rules.kin(people[one])
        if word == "":
            return set(people)
        new = (members[one] | set(kin.get(word, ()))) & people.keys() - reached
        reached |= new
        waiting += new
    return reached


def compared(
    rules: type[Effective], found: Beside, accounts: Sequence[int], reasons: Sequence[str]
) -> Effect:
    before, after = rules(found.before), rules(found.after)
    gained: list[Difference] = []
    lost: list[Difference] = []
    depends = 0
    people = {**found.before.principals, **found.after.principals}
    places = {} if rules.adds_up else decided_anew(before, after)
    for account in accounts[:MOST_COMPARED]:
        was, now = Held(before, account, places), Held(after, account, places)
        name = people[account].name
        gained += [Difference(name, *one) for one in now.gains_from(was)]
        lost += [Difference(name, *one) for one in was.gains_from(now)]
        depends += len(was.uncertain ^ now.uncertain)
    return Effect(in_order(gained), in_order(lost), depends, reasons=reasons)


def decided_anew(before: Effective, after: Effective) -> Places:
    """Where rights may decide that did not change themselves, and of which privileges they are."""
    worlds = before.world, after.world
    was, now = ({*map(RIGHT, world.rights)} for world in worlds)
    changed = {right[0] for right in was ^ now}
    was, now = ({*map(LINK, world.links)} for world in worlds)
    for role in {link[0] for link in was ^ now}:
        for world in worlds:
            roles = {*world.routes(role, "inherits"), *world.routes(role, "can_set")}
            changed |= {right.thing for one in roles for right in world.rights_of[one]}
    given = {
        (right.privilege, right.thing.database)
        for world in worlds
        for right in world.rights
        if right.thing.scope == "database" and not right.is_denied
    }
    found = {**before.places(changed), **after.places(changed)}
    return {
        place: (name, {word for word, named in given if before.covers(named, place.database)})
        for place, name in found.items()
    }


def in_order(differences: Iterable[Difference]) -> Sequence[Difference]:
    parts = ("scope", "database", "schema", "name", "column")
    order = attrgetter("account", "privilege", *(f"thing.{part}" for part in parts), "how")
    return tuple(sorted(differences, key=order))


class Held:
    """What one account may do in one world, as sets of (privilege, thing)."""

    def __init__(self, effective: Effective, account: int, places: Places) -> None:
        self.effective = effective
        self.account = account
        self.own: set[Key] = set()
        self.at_all: set[Key] = set()
        self.grantable: set[Key] = set()
        self.holes: set[Key] = set()
        self.uncertain: set[tuple[str, Thing, str]] = set()
        self.names = {place: name for place, (name, _) in places.items()}
        for entry in entries(effective, account):
            self.take_up(entry)
        if account in effective.world.principals:
            for place, (_, words) in places.items():
                for word in words:
                    self.ask(word, place)

    def take_up(self, entry: Entry) -> None:
        key = (entry.privilege, entry.thing)
        condition = entry.ways[0].condition
        if condition:
            self.uncertain.add((*key, condition))
        elif entry.is_denied:
            self.holes.add(key)
        else:
            self.at_all.add(key)
            if not entry.is_by_set_role:
                self.own.add(key)
            if is_grantable(entry.ways):
                self.grantable.add(key)

    def ask(self, privilege: str, place: Thing) -> None:
        """Take up what is held on ``place``, whatever decides there."""
        own = [*self.effective.ways(self.account, privilege, place)]
        taken = self.effective.ways_by_set_role(self.account, privilege, place)
        certain = [way for way in own if not way.condition]
        certain_at_all = certain or [way for way in taken if not way.condition]
        key = (privilege, place)
        if certain:
            self.own.add(key)
        if certain_at_all:
            self.at_all.add(key)
        elif own:
            self.uncertain.add((*key, own[0].condition))
        if any(way.grantable for way in certain_at_all):
            self.grantable.add(key)

    def gains_from(self, other: "Held") -> Iterator[tuple[str, Thing, How]]:
        """What this one has and ``other`` has not, neither so nor by something wider."""
        found = {
            (privilege, self.names.get(thing, thing), how)
            for privilege, thing, how in self.beyond(other)
            if not other.covers(privilege, thing, how)
        }
        return (one for one in found if not self.is_told_by_pattern(*one, found))

    def is_told_by_pattern(
        self, privilege: str, thing: Thing, how: How, found: Collection[tuple[str, Thing, How]]
    ) -> bool:
        """Whether ``found`` says the same of a pattern of databases that covers this one."""
        if self.names.get(thing) != thing:
            return False
        others = (
            name
            for word, name, way in found
            if (word, way, name.scope) == (privilege, how, "database") and name != thing
        )
        return any(self.effective.covers(name.database, thing.database) for name in others)

    def beyond(self, other: "Held") -> Iterator[tuple[str, Thing, How]]:
        """What this one has and ``other`` has not. What needs no SET ROLE is not told twice."""
        own = self.own - other.own
        # A hole counts where the right around it stayed: else that is what is told.
        own |= {
            hole
            for hole in other.holes - self.holes
            if (hole[0], WHOLE_SERVER) in self.own & other.own
        }
        yield from ((*key, How.HOLDS) for key in own)
        yield from ((*key, How.BY_SET_ROLE) for key in self.at_all - other.at_all - own)
        yield from ((*key, How.PASSES_ON) for key in self.grantable - other.grantable)

    def covers(self, privilege: str, thing: Thing, how: How) -> bool:
        """Whether something wider gives that, too: a superuser gains nothing by a grant."""
        if self.account not in self.effective.world.principals:
            return False
        places = [place for place, name in self.names.items() if name == thing] or [thing]
        return all(self.holds(privilege, place, how) for place in places)

    def holds(self, privilege: str, thing: Thing, how: How) -> bool:
        ways = [*self.effective.ways(self.account, privilege, thing)]
        if how is not How.HOLDS:
            ways += self.effective.ways_by_set_role(self.account, privilege, thing)
        certain = [way for way in ways if not way.condition]
        return any(way.grantable for way in certain) if how is How.PASSES_ON else bool(certain)
