"""Who may do something to an object, on one instance or all of them, now or at a past moment."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db.models import Exists, Max, Min, OuterRef, Q
from django.utils import timezone

from accounts.effective import is_grantable, way_document
from accounts.facts import FACTS_VERSION
from accounts.history import check_kept
from accounts.holders import Cell, Counted, Found, Question, decide, outdated, page_of
from accounts.models import Account, Grant, HeldReading, Securable
from accounts.worlds import identity, rules_of
from instances.engines.effective import Thing
from instances.models import Database, Instance, Section
from sync_sessions.models import SyncRecord, SyncSession
from whalefall.core.errors import InvalidRequest, WhalefallError


class ObjectUnknown(WhalefallError):
    """No instance that was asked has such an object."""

    code = "RESOURCE_NOT_FOUND"
    http_status = 404
    category = "not_found"
    suggestions = ("Write it as the server spells it: db.schema.table, case and all.",)
    recoverable = False


@dataclass(frozen=True, slots=True)
class Untold:
    """An instance of which the answer may lack somebody, and why."""

    instance: Instance
    reason: str


@dataclass
class Answer:
    """Everybody who holds it, in the order of instances and names, read page by page.

    ``len`` is how many; a slice gives ``Found``. ``untold`` are the instances whose part of the
    answer is not known, or not as a whole.
    """

    question: Question
    cells: list[Cell]
    untold: list[Untold]
    counted: dict[tuple[int, Thing], Counted] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(cell.total for cell in self.cells)

    def __getitem__(self, wanted: slice) -> list[Found]:
        start, stop, _ = wanted.indices(len(self))
        found: list[Found] = []
        for counted, cells in groupby(self.parts(start, stop), key=lambda part: part[0]):
            parts = [part[1:] for part in cells]
            first, last = parts[0][1], parts[-1][2]
            if counted is None:
                for cell, begin, end in parts:
                    found += page_of(cell, self.question, begin, end)
            else:
                before = sum(cell.total for cell, _, _ in parts[:-1])
                found += counted.page([cell for cell, _, _ in parts], first, before + last)
        return found

    def parts(self, start: int, stop: int) -> Iterable[tuple[Counted | None, Cell, int, int]]:
        """The cells that a page touches, and from where to where in each."""
        offset = 0
        for cell in self.cells:
            begin, end = max(start - offset, 0), min(stop - offset, cell.total)
            offset += cell.total
            if begin < end:
                yield self.counted.get((cell.instance.pk, cell.thing)), cell, begin, end


def who_can(
    privilege: str,
    parts: Sequence[str],
    *,
    instance: Instance | None = None,
    at: datetime | None = None,
    set_role: bool = False,
) -> Answer:
    """Everybody who holds ``privilege`` on what is called ``parts`` (see ``parse_object``).

    Raises InvalidRequest for a privilege that no such object knows, ObjectUnknown, and
    HistoryForgotten.
    """
    question = Question(privilege.upper(), at, set_role)
    asked = [instance] if instance else list(Instance.objects.living().order_by("name", "pk"))
    untold = find_untold(asked, parts, at)
    knowing = [one for one in asked if one.engine_class.effective]
    possible = possible_things(question.privilege, parts, knowing)
    found = existing(possible, instance, at)
    if not any(found.values()) and not untold:
        raise ObjectUnknown(
            f"No instance that was asked has {'.'.join(parts)}, as a thing that "
            f"{question.privilege} may be granted on."
        )
    answer = answered(question, knowing, found)
    answer.untold = untold
    if at is not None:
        check_kept(at)  # after the reading, or a clean-up could come between
    return answer


def possible_things(
    privilege: str, parts: Sequence[str], instances: Iterable[Instance]
) -> dict[Instance, list[Thing]]:
    """What may be meant on each instance. Raises InvalidRequest where that is nothing at all."""
    found: dict[Instance, list[Thing]] = {}
    for instance in instances:
        rules = rules_of(instance)
        found[instance] = [
            thing
            for thing in rules.things(parts)
            if privilege in rules.privileges(thing.scope, instance.version)
        ]
    if found and not any(found.values()):
        raise InvalidRequest(
            f"{privilege} is nothing that can be granted on an object of {len(parts)} names.",
            extra={"fields": {"privilege": ["No instance knows it for such an object."]}},
        )
    return found


def existing(
    possible: dict[Instance, list[Thing]], chosen: Instance | None, at: datetime | None
) -> dict[Instance, list[Thing]]:
    """Those of the things that their instances have.

    A thing without an anchor is there where its database is, or where the instance was named.
    """
    anchors = {
        identity(anchor)
        for instance, things in possible.items()
        for thing in things
        if (anchor := rules_of(instance).anchor(thing))
    }
    grants = Grant.objects.open() if at is None else Grant.objects.at(at)
    rows = Securable.objects.filter(
        Exists(grants.filter(securable=OuterRef("pk"))),
        instance__in=[one.pk for one in possible],
        digest__in=anchors,
    )
    mirrored = set(rows.values_list("instance", "digest"))
    databases = known_databases(possible)

    def is_there(instance: Instance, thing: Thing) -> bool:
        anchor = rules_of(instance).anchor(thing)
        if anchor is not None:
            return (instance.pk, identity(anchor)) in mirrored
        is_named = instance == chosen or not thing.database
        return is_named or (instance.pk, thing.database) in databases

    return {
        instance: [thing for thing in things if is_there(instance, thing)]
        for instance, things in possible.items()
    }


def known_databases(possible: dict[Instance, list[Thing]]) -> set[tuple[int, str]]:
    """(instance, database) of what is asked about without an anchor, where there is such a one."""
    free = {
        (instance.pk, thing.database)
        for instance, things in possible.items()
        for thing in things
        if thing.database and rules_of(instance).anchor(thing) is None
    }
    if not free:
        return set()
    instances, names = {one for one, _ in free}, {name for _, name in free}
    rows = Database.objects.present().filter(instance__in=instances, name__in=names)
    granted = Grant.objects.open().filter(
        account__instance__in=instances, securable__database__in=names
    )
    return free & {
        *rows.values_list("instance", "name"),
        *granted.values_list("account__instance", "securable__database").distinct(),
    }


def answered(
    question: Question, instances: Sequence[Instance], found: dict[Instance, list[Thing]]
) -> Answer:
    stale = outdated({one.pk: one for one in instances}, FACTS_VERSION)
    cells: list[Cell] = []
    countable: dict[tuple[type, Thing], list[Cell]] = {}
    for instance in instances:
        things, rules = found[instance], rules_of(instance)
        if question.at is None and rules.adds_up and instance.pk not in stale:
            own = [Cell(instance, thing) for thing in things]
            for cell in own:
                countable.setdefault((rules, cell.thing), []).append(cell)
            cells += own
        elif things:
            cells += decide(question, instance, things)
    counted = {
        (cell.instance.pk, thing): one
        for (_, thing), group in countable.items()
        for one in [Counted(question, thing, group)]
        for cell in group
    }
    return Answer(question, cells, [], counted)


def find_untold(
    instances: Iterable[Instance], parts: Sequence[str], at: datetime | None
) -> list[Untold]:
    """Instances of which something that may matter is not known, in the order given."""
    instances = list(instances)
    database = parts[0] if parts else ""
    sections = Section.objects.of_privileges().filter(instance__in=instances)
    granted = sections.filter(read_at__isnull=False).exclude(name__in=["accounts", "memberships"])
    read = dict(granted.order_by().values_list("instance").annotate(Max("read_at")))
    unknown = sections.unknown().filter(Q(database="") | Q(database=database))
    # What is unknown of the database itself says more than what is of its server.
    ordered = unknown.order_by("database", "-pk")
    reasons = reasons_since(instances, read, at)
    reasons |= {section.instance_id: section.reason for section in ordered}
    reasons |= reasons_then(instances, at) if at else {}
    found = []
    for instance in instances:
        if instance.engine_class.effective is None:
            label = instance.engine_class.label
            found.append(Untold(instance, f"Whalefall has no rules for {label} yet."))
        elif instance.pk not in read:
            found.append(Untold(instance, "Its privileges have never been read."))
        elif instance.pk in reasons:
            found.append(Untold(instance, reasons[instance.pk]))
    return found


def reasons_since(
    instances: Iterable[Instance], read: Mapping[int, datetime], at: datetime | None
) -> dict[int, str]:
    """Why an instance may be otherwise by now than its mirror, which the last reading made."""
    later = [one for one in instances if one.pk in read and (at is None or at > read[one.pk])]
    pending = HeldReading.objects.pending().filter(record__instance__in=later)
    held = set(pending.values_list("record__instance", flat=True))
    reasons = {
        one.pk: f"it could not be read: {one.last_error}" for one in later if one.last_error
    } | dict.fromkeys(held, "a later reading, which would remove much, is held back.")
    return {
        key: f"This is of {timezone.localtime(read[key]):%Y-%m-%d %H:%M}; {reason}"
        for key, reason in reasons.items()
        if key is not None
    }


def reasons_then(instances: Sequence[Instance], at: datetime) -> dict[int, str]:
    """Why the mirror may not have known all of an instance at ``at``."""
    first = (
        Account.objects.filter(instance__in=instances)
        .order_by()
        .values_list("instance")
        .annotate(Min("first_seen_at"))
    )
    found = {key: "It was first read later." for key, moment in first if moment > at}
    records = SyncRecord.objects.filter(
        instance__in=instances,
        category=SyncSession.Category.ACCOUNTS,
        status="completed",
        finished_at__lte=at,
    ).order_by("finished_at")
    coverage = dict(records.values_list("instance", "coverage"))
    found |= {
        key: f"Its last reading before knew {share:.0%}."
        for key, share in coverage.items()
        if share is not None and share < 1 and key is not None
    }
    return found


def holder_documents(found: Sequence[Found], question: Question) -> list[dict[str, Any]]:
    """In the words of the contract, with ``ways`` (see ``way_document``) and keys beside names."""
    return [holder_document(one, question) for one in found]


def holder_document(one: Found, question: Question) -> dict[str, Any]:
    ways = [way_document(one.effective, way) for way in one.ways]
    return {
        "instance": one.instance.name,
        "instance_id": one.instance.pk,
        "account": one.effective.world.principals[one.account].name,
        "account_id": one.account,
        "privilege": question.privilege,
        "scope": one.thing.scope,
        "grantable": is_grantable(one.ways),
        "reachable": reachable(one),
        "via": ways[0]["via"],
        "set_role": one.is_by_set_role,
        "condition": ways[0]["condition"],
        "ways": ways,
    }


def reachable(one: Found) -> bool | None:
    """Whether the way to the thing is open; to the role that has to be taken, if any."""
    way = one.ways[0]
    holder = way.route[way.set_role - 1] if way.set_role else one.account
    return one.effective.reaches(holder, one.thing)
