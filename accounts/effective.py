"""All that one account may do in the end, now or at a past moment, and by which ways."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from accounts.models import Account
from accounts.privileges import ORDER, Privileges, direct_privileges
from accounts.worlds import rules_of, world_of, worlds_around
from instances.engines.effective import Effective, Thing, Way

Held = tuple[str, Thing, bool, bool]
"""A privilege on a thing, whether it is denied, and whether it is an ownership."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One privilege with every way to it. ``holder`` is whose it is once a role is taken."""

    privilege: str
    thing: Thing
    ways: list[Way]
    holder: int
    is_denied: bool = False
    is_owner: bool = False
    is_by_set_role: bool = False


def effective_privileges(account: Account, *, at: datetime | None = None) -> Privileges:
    """What ``account`` may do by its own edges, its roles, ownership, PUBLIC and its powers.

    The privileges are as ``direct_privileges`` gives them, with ``set_role`` (whether it has to
    take a role by SET ROLE first), ``ways`` (see ``way_document``), the shortest that is certain
    first, and ``via`` and ``condition`` of that one.
    Raises PrivilegesNeverRead, HistoryForgotten, and RulesMissing.
    """
    effective = effective_of(account, at=at)
    # After the world: it finds out whether all of it is still kept.
    direct = direct_privileges(account, at=at)
    documents = [entry_document(effective, entry) for entry in entries(effective, account.pk)]
    documents.sort(key=lambda one: ([one[name] for name in ORDER], one["set_role"], one["denied"]))
    return replace(direct, privileges=documents)


def effective_of(account: Account, *, at: datetime | None = None) -> Effective:
    """What decides what ``account`` may do, now or at ``at``. Raises RulesMissing."""
    rules = rules_of(account.instance)
    if at is None and rules.adds_up:
        return rules(worlds_around([account.instance], [account.pk])[account.instance_id])
    return rules(world_of(account.instance, at=at))


def entries(effective: Effective, account: int) -> Iterator[Entry]:
    """Nothing for an account that was not there."""
    if account not in effective.world.principals:
        return
    own = gathered(effective.everything(account))
    for (privilege, thing, denied, owner), ways in own.items():
        yield Entry(privilege, thing, ways, account, denied, owner)
    taken: dict[tuple[int, Held], list[Way]] = {}
    told: dict[Held, int] = {}
    for holder, privilege, thing, way in effective.everything_by_set_role(account):
        held = held_by(privilege, thing, way)
        if held in own and (way.condition or not own[held][0].condition):
            continue
        taken.setdefault((told.setdefault(held, holder), held), []).append(way)
    for (holder, (privilege, thing, denied, owner)), ways in taken.items():
        yield Entry(privilege, thing, distinct(ways), holder, denied, owner, is_by_set_role=True)


def gathered(everything: Iterable[tuple[str, Thing, Way]]) -> dict[Held, list[Way]]:
    found: dict[Held, list[Way]] = {}
    for privilege, thing, way in everything:
        found.setdefault(held_by(privilege, thing, way), []).append(way)
    return {held: shortest_first(ways) for held, ways in found.items()}


def held_by(privilege: str, thing: Thing, way: Way) -> Held:
    right = way.right
    return privilege, thing, bool(right and right.is_denied), bool(right and right.is_owner)


def distinct(ways: Iterable[Way]) -> list[Way]:
    """Without those that differ only in how many of their roles are taken by SET ROLE."""
    found = {(way.route, way.right, way.power, way.condition): way for way in ways}
    return shortest_first(found.values())


def shortest_first(ways: Iterable[Way]) -> list[Way]:
    """Those that are open in any case come before those with a condition."""
    return sorted(ways, key=lambda way: (way.condition != "", len(way.route), way.route))


def is_grantable(ways: Iterable[Way]) -> bool:
    """By one of the ways that are as certain as the first."""
    ways = list(ways)
    is_certain = not ways[0].condition
    return any(way.grantable for way in ways if not is_certain or not way.condition)


def entry_document(effective: Effective, entry: Entry) -> dict[str, Any]:
    thing = entry.thing
    return {
        "privilege": entry.privilege,
        "scope": thing.scope,
        "database": thing.database,
        "schema": thing.schema,
        "object": thing.name,
        "column": thing.column,
        "grantable": is_grantable(entry.ways),
        "denied": entry.is_denied,
        "owner": entry.is_owner,
        "reachable": effective.reaches(entry.holder, thing),
        "via": way_document(effective, entry.ways[0])["via"],
        "set_role": entry.is_by_set_role,
        "condition": entry.ways[0].condition,
        "ways": [way_document(effective, way) for way in entry.ways],
    }


def way_document(effective: Effective, way: Way) -> dict[str, Any]:
    """``via``: role names, nearest first, of which the first ``set_role`` need SET ROLE; ``power``:
    the server's word that gives it without a grant; ``to``: who was given it, or None then;
    ``condition``: what else it hangs on, in the server's words, '' for what is so in any case.
    """
    people = effective.world.principals
    return {
        "via": [people[role].name for role in way.route],
        "set_role": way.set_role,
        "power": way.power,
        "to": people[way.right.holder].name if way.right else None,
        "grantable": way.grantable,
        "condition": way.condition,
    }
