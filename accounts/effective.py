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
    take a role by SET ROLE first) and ``ways`` (see ``way_document``); ``via`` is the shortest.
    Raises PrivilegesNeverRead, HistoryForgotten, and RulesMissing.
    """
    rules = rules_of(account.instance)
    direct = direct_privileges(account, at=at)
    if at is None and rules.adds_up:
        world = worlds_around([account.instance], [account.pk])[account.instance_id]
    else:
        world = world_of(account.instance, at=at)
    effective = rules(world)
    documents = [
        entry_document(effective, entry)
        for entry in (entries(effective, account.pk) if account.pk in world.principals else ())
    ]
    documents.sort(key=lambda one: ([one[name] for name in ORDER], one["set_role"], one["denied"]))
    return replace(direct, privileges=documents)


def entries(effective: Effective, account: int) -> Iterator[Entry]:
    own = gathered(effective.everything(account))
    for (privilege, thing, denied, owner), ways in own.items():
        yield Entry(privilege, thing, ways, account, denied, owner)
    taken: dict[tuple[int, Held], list[Way]] = {}
    told: dict[Held, int] = {}
    routes = effective.world.routes(account, "can_set")
    for role, ways_there in sorted(routes.items(), key=lambda item: len(item[1][0])):
        if role == account:
            continue
        for held, ways in gathered(effective.everything(role)).items():
            if held in own:
                continue
            holder = told.setdefault(held, role)
            taken.setdefault((holder, held), []).extend(
                replace(way, route=(*ways_there[0], *way.route), set_role=len(ways_there[0]))
                for way in ways
            )
    for (holder, (privilege, thing, denied, owner)), ways in taken.items():
        yield Entry(privilege, thing, distinct(ways), holder, denied, owner, is_by_set_role=True)


def gathered(everything: Iterable[tuple[str, Thing, Way]]) -> dict[Held, list[Way]]:
    found: dict[Held, list[Way]] = {}
    for privilege, thing, way in everything:
        denied = way.right is not None and way.right.is_denied
        owner = way.right is not None and way.right.is_owner
        found.setdefault((privilege, thing, denied, owner), []).append(way)
    return {held: shortest_first(ways) for held, ways in found.items()}


def distinct(ways: Iterable[Way]) -> list[Way]:
    """Without those that differ only in how many of their roles are taken by SET ROLE."""
    return shortest_first({(way.route, way.right, way.power): way for way in ways}.values())


def shortest_first(ways: Iterable[Way]) -> list[Way]:
    return sorted(ways, key=lambda way: (len(way.route), way.route))


def entry_document(effective: Effective, entry: Entry) -> dict[str, Any]:
    thing = entry.thing
    return {
        "privilege": entry.privilege,
        "scope": thing.scope,
        "database": thing.database,
        "schema": thing.schema,
        "object": thing.name,
        "column": thing.column,
        "grantable": any(way.grantable for way in entry.ways),
        "denied": entry.is_denied,
        "owner": entry.is_owner,
        "reachable": effective.reaches(entry.holder, thing),
        "via": way_document(effective, entry.ways[0])["via"],
        "set_role": entry.is_by_set_role,
        "ways": [way_document(effective, way) for way in entry.ways],
    }


def way_document(effective: Effective, way: Way) -> dict[str, Any]:
    """``via``: role names, nearest first, of which the first ``set_role`` need SET ROLE; ``power``:
    the server's word that gives it without a grant; ``to``: who was given it, or None then.
    """
    people = effective.world.principals
    return {
        "via": [people[role].name for role in way.route],
        "set_role": way.set_role,
        "power": way.power,
        "to": people[way.right.holder].name if way.right else None,
        "grantable": way.grantable,
    }
