"""What needs a DBA's attention now: the overview, in a number of queries that nothing adds to.

A number from a mirror that is only partly known says so; it is never just smaller.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import Account, AccountChange, HeldReading
from accounts.standouts import StandOut, standouts
from instances.coverage import NEVER_READ, Coverage, coverage_by_instance
from instances.models import Instance
from sync_sessions.models import SyncSession

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

SHOWN = 8
STALE = timedelta(days=2)
RECENT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Some:
    """The first rows of a list, and how many there are in all."""

    rows: Sequence[Any]
    total: int

    @property
    def more(self) -> int:
        return self.total - len(self.rows)


@dataclass(frozen=True, slots=True)
class Number:
    """A count of accounts, and for how many nobody can say."""

    code: str
    title: "StrPromise | str"
    yes: int
    unknown: int
    is_certain: bool
    """Every server is fully read, and the answer is known for each account."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """The active instances, and how much is known of them."""

    instances: Sequence[Instance]
    coverage: dict[int, Coverage]
    now: datetime

    def coverage_of(self, instance: Instance) -> Coverage:
        return self.coverage.get(instance.pk, NEVER_READ)

    @property
    def total(self) -> int:
        return len(self.instances)

    @property
    def fully_read(self) -> int:
        return sum(self.coverage_of(one).is_complete for one in self.instances)

    @property
    def is_fully_read(self) -> bool:
        return self.fully_read == self.total

    def erring(self) -> Some:
        return some([one for one in self.instances if one.last_error])

    def stale(self) -> Some:
        """Without an error, but not reached for long, or never."""
        line = self.now - STALE
        quiet = [one for one in self.instances if not one.last_error]
        return some([o for o in quiet if o.last_reached_at is None or o.last_reached_at < line])

    def partly_known(self) -> Some:
        rows = [(one, self.coverage_of(one)) for one in self.instances]
        return some([row for row in rows if row[1].was_read and not row[1].is_complete])


def some(rows: Sequence[Any]) -> Some:
    return Some(rows[:SHOWN], len(rows))


def some_of(rows: "QuerySet[Any]") -> Some:
    return Some(list(rows[:SHOWN]), rows.count())


def shown_accounts() -> "QuerySet[Account]":
    """What the list of accounts shows by default: present, not the engine's own, server in use."""
    return Account.objects.listed().filter(instance__deleted_at=None)


def numbers(fleet: Fleet) -> tuple[int, list[Number]]:
    """How many accounts there are, and how many of them stand out in which way."""
    questions = standouts(fleet.now)
    counts = {}
    for code, one in questions.items():
        counts[f"{code}_yes"] = Count("pk", filter=one.yes)
        counts[f"{code}_among"] = Count("pk", filter=one.among)
        counts[f"{code}_answered"] = Count("pk", filter=one.answered)
    found = shown_accounts().order_by().aggregate(all=Count("pk"), **counts)
    return found["all"], [number(code, one, found, fleet) for code, one in questions.items()]


def number(code: str, question: StandOut, found: dict[str, int], fleet: Fleet) -> Number:
    unknown = found[f"{code}_among"] - found[f"{code}_answered"]
    is_certain = fleet.is_fully_read and not unknown
    return Number(code, question.title, found[f"{code}_yes"], unknown, is_certain)


def fleet_at(now: datetime) -> Fleet:
    instances = Instance.objects.active().defer("tls_ca").order_by("name")
    return Fleet(list(instances), coverage_by_instance(), now)


def overview(now: datetime) -> dict[str, Any]:
    fleet = fleet_at(now)
    accounts, facts = numbers(fleet)
    troubled = SyncSession.objects.filter(
        Q(status=SyncSession.Status.FAILED) | Q(status=SyncSession.Status.PARTIAL),
        created_at__gte=now - RECENT,
    )
    held = HeldReading.objects.pending().defer("reading")
    changes = AccountChange.objects.defer("diff").select_related("account__instance")
    return {
        "fleet": fleet,
        "accounts": accounts,
        "facts": facts,
        "erring": fleet.erring(),
        "stale": fleet.stale(),
        "partly_known": fleet.partly_known(),
        "held": some_of(held.select_related("record__instance", "record__session")),
        "troubled": some_of(troubled.select_related("requested_by")),
        "changes": list(changes[:SHOWN]),
        "stale_days": STALE.days,
        "recent_days": RECENT.days,
    }


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The context of the console's first page; without the right to look, an empty one."""
    needed = ("accounts.view_account", "instances.view_instance", "sync_sessions.view_syncsession")
    if not request.user.has_perms(needed):
        return context
    return {**context, **overview(timezone.now())}
