"""What the page *What may this account do?* shows, read for a person."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.paginator import Page
from django.http import HttpRequest
from django.utils.http import urlencode

from accounts.effective import Entry, effective_of, entries
from accounts.effective_forms import EffectiveForm
from accounts.ledgers import check_seen, facts
from accounts.models import Account
from accounts.privileges import Privileges, direct_privileges
from accounts.trees import Drawing, date_and_sign, drawing, place_of, shape
from accounts.who_can import reasons_then
from instances.engines.effective import Effective, Thing
from whalefall.core.display import page_of
from whalefall.core.errors import WhalefallError

ROWS = 50


@dataclass(frozen=True, slots=True)
class Told:
    """All that an account may do, with what decides it and what is known beside."""

    effective: Effective
    entries: list[Entry]
    direct: Privileges
    doubt_then: str


@dataclass(eq=False, slots=True)
class Row:
    """Privileges on one thing that are come by in the same ways."""

    thing: Thing
    place: str
    entries: Sequence[Entry]
    drawing: Drawing
    reach: "Reach"
    words: "list[Word]"

    @property
    def first(self) -> Entry:
        return self.entries[0]


@dataclass(frozen=True, slots=True)
class Word:
    """One privilege, and how to ask for what takes it away and who else has it; '' for neither."""

    privilege: str
    query: str


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether the way to a thing is open (None: unknown), and the gates that are closed."""

    is_open: bool | None
    closed: list[tuple[str, str, str]]


def effective_page(request: HttpRequest, account: Account) -> dict[str, Any]:
    """In a constant number of queries."""
    form = EffectiveForm(request.GET)
    context: dict[str, Any] = {"account": account, "form": form}
    if not form.is_valid():
        return context
    wanted = form.cleaned_data
    try:
        told = told_of(account, wanted["at"])
    except WhalefallError as error:
        return {**context, "problem": error}
    matching = [one for one in told.entries if matches(one, **wanted)]
    page = page_of(request, groups(matching), "privileges", ROWS)
    return {
        **context,
        "told": told,
        "scopes": sorted({one.thing.scope for one in told.entries}),
        "matching": len(matching),
        "page": page,
        "rows": rows(account, told.effective, page, is_now=wanted["at"] is None),
    }


def told_of(account: Account, at: datetime | None) -> Told:
    """Raises PrivilegesNeverRead, HistoryForgotten, FactsMissing, and RulesMissing."""
    check_seen(account, at)
    if at is None:
        facts(account)  # the roles that it reaches are computed with them
    effective = effective_of(account, at=at)
    found = sorted(entries(effective, account.pk), key=order)
    # After the world: it finds out whether all of it is still kept.
    direct = direct_privileges(account, at=at)
    doubts = reasons_then([account.instance], at) if at else {}
    return Told(effective, found, direct, doubts.get(account.instance_id, ""))


def order(entry: Entry) -> Any:
    thing = entry.thing
    parts = (thing.database, thing.schema, thing.name, thing.column, thing.scope)
    # The whole server comes first: it covers all that follows.
    return parts, entry.is_by_set_role, entry.is_denied, not entry.is_owner, entry.privilege


def matches(entry: Entry, *, privilege: str, object: str, scope: str, **_: Any) -> bool:
    thing = entry.thing
    plain = ".".join(
        part for part in (thing.database, thing.schema, thing.name, thing.column) if part
    )
    names = (plain.lower(), place_of(thing).lower())
    return (
        privilege.lower() in entry.privilege.lower()
        and (not object or any(object.lower() in name for name in names))
        and scope in ("", thing.scope)
    )


def groups(found: Iterable[Entry]) -> list[list[Entry]]:
    """``found`` with those side by side that are about one thing and come by alike."""
    alike: dict[Hashable, list[Entry]] = {}
    for one in found:
        ways = frozenset(map(shape, one.ways))
        alike.setdefault((one.thing, one.holder, one.is_by_set_role, ways), []).append(one)
    return list(alike.values())


def rows(account: Account, effective: Effective, page: "Page[Any]", *, is_now: bool) -> list[Row]:
    found = [row(account, effective, some, is_now=is_now) for some in page]
    date_and_sign(one.drawing for one in found)
    return found


def row(account: Account, effective: Effective, some: list[Entry], *, is_now: bool) -> Row:
    first = some[0]
    known = effective.privileges(first.thing.scope, effective.world.version)
    return Row(
        first.thing,
        place_of(first.thing),
        some,
        drawing(effective.world, account.pk, [one.ways for one in some], first.thing),
        reach(effective, first.holder, first.thing),
        [word(one, is_asked_for=is_now and one.privilege in known) for one in some],
    )


def word(entry: Entry, *, is_asked_for: bool) -> Word:
    """What can't be granted can't be asked for; and only what is so now can be taken away."""
    if not is_asked_for or entry.is_denied:
        return Word(entry.privilege, "")
    option = {"set_role": "on"} if entry.is_by_set_role else {}
    about = {"privilege": entry.privilege, "object": place_of(entry.thing), **option}
    return Word(entry.privilege, urlencode(about))


def reach(effective: Effective, holder: int, thing: Thing) -> Reach:
    """Of ``holder``, once it is that."""
    closed = [
        (privilege, gate.scope, place_of(gate))
        for privilege, gate in effective.gates(thing)
        if not any(effective.ways(holder, privilege, gate))
    ]
    return Reach(effective.reaches(holder, thing), closed)
