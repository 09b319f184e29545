"""The effect of a change in numbers and words."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext, ngettext

from accounts.effects import Difference, Effect, How
from instances.engines.effective import Thing

MOST_EXAMPLES = 50


@dataclass(frozen=True, slots=True)
class Count:
    """On how many ``objects`` of a scope how many ``accounts`` gained or lost a privilege.

    The scope ``server`` is one object that stands for everything there.
    """

    privilege: str
    scope: str
    how: How
    accounts: int
    objects: int


def counts(differences: Iterable[Difference]) -> list[Count]:
    """By privilege, scope and how: the widest first."""
    accounts: dict[tuple[str, str, How], set[str]] = defaultdict(set)
    objects: dict[tuple[str, str, How], set[Thing]] = defaultdict(set)
    for one in differences:
        accounts[one.kind].add(one.account)
        objects[one.kind].add(one.thing)
    found = [Count(*kind, len(accounts[kind]), len(objects[kind])) for kind in accounts]
    return sorted(found, key=lambda one: (-one.accounts, -one.objects, one.scope, one.privilege))


def count_words(one: Count, verb: str) -> str:
    """Such as ``3 accounts gained SELECT on 12 objects of the scope table``."""
    place = gettext("everything") if one.scope == "server" else _objects(one)
    words = gettext("{accounts} {verb} {privilege} on {place}").format(
        accounts=ngettext("{n} account", "{n} accounts", one.accounts).format(n=one.accounts),
        verb=verb,
        privilege=one.privilege,
        place=place,
    )
    return words if one.how is How.HOLDS else f"{words} ({one.how.label})"


def _objects(one: Count) -> str:
    words = ngettext(
        "{n} object of the scope {scope}", "{n} objects of the scope {scope}", one.objects
    )
    return words.format(n=one.objects, scope=one.scope)


def effect_lines(effect: Effect) -> list[str]:
    """What was gained and lost, a line each; none where nothing was."""
    gained, lost = gettext("gained"), gettext("lost")
    return [
        *(count_words(one, gained) for one in counts(effect.gained)),
        *(count_words(one, lost) for one in counts(effect.lost)),
    ]


def effect_words(effect: Effect) -> list[str]:
    """A line for everything that was gained, lost, or could not be told."""
    lines = effect_lines(effect)
    if effect.depends:
        lines.append(
            ngettext(
                "{n} more that depends on the client's host",
                "{n} more that depend on the client's host",
                effect.depends,
            ).format(n=effect.depends)
        )
    if effect.is_complete and not lines:
        lines.append(gettext("nobody gained or lost anything"))
    return [*lines, *effect.reasons]


def effect_document(effect: Effect) -> dict[str, Any]:
    """``gained`` and ``lost``: None where nobody can say, else ``[{privilege, scope, how, accounts,
    objects}]``; ``examples``: the first of what they count; ``depends``; ``is_complete``;
    ``reasons``.
    """
    if not effect.is_told:
        gained = lost = None
    else:
        gained, lost = (
            [
                {
                    "privilege": one.privilege,
                    "scope": one.scope,
                    "how": one.how.value,
                    "accounts": one.accounts,
                    "objects": one.objects,
                }
                for one in counts(differences)
            ]
            for differences in (effect.gained, effect.lost)
        )
    return {
        "gained": gained,
        "lost": lost,
        "depends": effect.depends,
        "examples": {
            "gained": [*map(difference_document, effect.gained[:MOST_EXAMPLES])],
            "lost": [*map(difference_document, effect.lost[:MOST_EXAMPLES])],
        },
        "is_complete": effect.is_complete,
        "reasons": list(effect.reasons),
    }


def difference_document(one: Difference) -> dict[str, Any]:
    return {
        "account": one.account,
        "privilege": one.privilege,
        "scope": one.thing.scope,
        "database": one.thing.database,
        "schema": one.thing.schema,
        "object": one.thing.name,
        "column": one.thing.column,
        "how": one.how.value,
    }
