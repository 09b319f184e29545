"""How a privilege is taken away from an account: statements to run, what they do, and back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from accounts.cut import Cut, Wanted, least_cut
from accounts.effect_words import effect_document
from accounts.effects import Effect
from accounts.models import Account
from accounts.who_can import ObjectUnknown, existing, find_untold, possible_things
from accounts.worlds import RulesMissing, rules_of, world_of
from instances.engines.effective import Effective
from instances.engines.statements import Statement, Statements
from instances.models import Instance
from whalefall.core.errors import InvalidRequest


class StatementsMissing(RulesMissing):
    """Whalefall does not know yet what to tell this kind of server."""

    suggestions = ("Ask for the ways to the privilege, and take away each by hand.",)


@dataclass(frozen=True, slots=True)
class Removal:
    """The answer to *How do I take it away?*

    ``is_held`` None: not as far as we know, but not everything is known; ``unknown`` says why.
    ``statements`` and ``undo`` are in the order to run them. ``effect`` is what else happens.
    """

    account: Account
    privilege: str
    parts: Sequence[str]
    set_role: bool
    is_held: bool | None
    unknown: Sequence[str]
    statements: Sequence[Statement] = ()
    undo: Sequence[Statement] = ()
    effect: Effect = Effect()  # noqa: RUF009 -- it never changes
    obstacles: Sequence[str] = ()
    is_least: bool = True


def present_account(instance: Instance, name: str) -> Account:
    """Raises InvalidRequest."""
    rows = Account.objects.present().select_related("instance")
    found = rows.filter(instance=instance, name=name).first()
    if found is None:
        raise InvalidRequest(f"The mirror of {instance} has no account {name!r}.")
    return found


def take_away(
    account: Account, privilege: str, parts: Sequence[str], *, set_role: bool = False
) -> Removal:
    """The cheapest way to end ``privilege`` of ``account`` on what is called ``parts``.

    Raises InvalidRequest, ObjectUnknown, RulesMissing, and StatementsMissing.
    """
    instance, privilege = account.instance, privilege.upper()
    rules, kind = rules_of(instance), statements_of(instance)
    unknown = tuple(one.reason for one in find_untold([instance], parts, None))
    things = existing(possible_things(privilege, parts, [instance]), instance, None)[instance]
    if not things and not unknown:
        raise ObjectUnknown(
            f"{instance} has no {'.'.join(parts)}, as a thing that {privilege} may be granted on."
        )
    wanted = Wanted(account.pk, privilege, things, set_role)
    statements = kind(world_of(instance), native_ids(instance))
    if not is_held(rules(statements.world), wanted):
        return Removal(account, privilege, parts, set_role, None if unknown else False, unknown)
    cut = least_cut(rules, statements, wanted, unknown)
    return Removal(account, privilege, parts, set_role, True, unknown, **scripts(statements, cut))


def scripts(statements: Statements, cut: Cut) -> dict[str, Any]:
    return {
        "statements": [statements.take(edge) for edge in cut.edges],
        "undo": statements.undo(cut.edges),
        "effect": cut.effect,
        "obstacles": cut.obstacles,
        "is_least": cut.is_least,
    }


def statements_of(instance: Instance) -> type[Statements]:
    """Raises StatementsMissing."""
    engine = instance.engine_class
    if engine.statements_of is None:
        raise StatementsMissing(
            f"It could not be told: Whalefall does not know yet how to tell {engine.label} to take "
            "a right away."
        )
    return engine.statements_of


def native_ids(instance: Instance) -> dict[int, str | None]:
    rows = Account.objects.present().filter(instance=instance)
    return dict(rows.values_list("pk", "native_id"))


def is_held(effective: Effective, wanted: Wanted) -> bool:
    if wanted.account not in effective.world.principals:
        return False
    asked = (wanted.account, wanted.privilege)
    return any(
        any(effective.ways(*asked, thing))
        or (wanted.set_role and any(effective.ways_by_set_role(*asked, thing)))
        for thing in wanted.things
    )


def removal_document(removal: Removal) -> dict[str, Any]:
    """``held``: None when not known; ``statements`` and ``undo``: ``[{database, sql}]``, '' being
    any database; ``also``: see ``effect_document``.
    """
    return {
        "instance": removal.account.instance.name,
        "instance_id": removal.account.instance_id,
        "account": removal.account.name,
        "account_id": removal.account.pk,
        "privilege": removal.privilege,
        "object": list(removal.parts),
        "set_role": removal.set_role,
        "held": removal.is_held,
        "statements": [*map(statement_document, removal.statements)],
        "undo": [*map(statement_document, removal.undo)],
        "is_least": removal.is_least,
        "also": effect_document(removal.effect),
        "obstacles": list(removal.obstacles),
        "unknown": list(removal.unknown),
    }


def statement_document(one: Statement) -> dict[str, str]:
    return {"database": one.database, "sql": one.sql}
