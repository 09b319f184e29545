"""How a privilege is taken away from an account, and restored; nothing is run."""

from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from typing import Any

from accounts.effect_words import effect_words
from accounts.objects import parse_object
from accounts.take_away import Removal, present_account, removal_document, take_away
from instances.engines.statements import Statement
from instances.models import Instance
from whalefall.core.commands import WhalefallCommand


class Command(WhalefallCommand):
    help = "Print what takes PRIVILEGE on OBJECT away from ACCOUNT, and what restores it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("instance")
        parser.add_argument("account")
        parser.add_argument("privilege")
        parser.add_argument("object", help='db.schema.table, with "quotes" as in SQL; or *')
        parser.add_argument("--set-role", action="store_true", help="also where SET ROLE gives it")
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *, instance: str, account: str, as_json: bool, **options: Any) -> None:
        asked = present_account(Instance.objects.named([instance]).get(), account)
        parts = parse_object(options["object"])
        removal = take_away(asked, options["privilege"], parts, set_role=options["set_role"])
        if as_json:
            self.print_json(removal_document(removal))
            return
        for line in lines(removal):
            self.stdout.write(line)


def lines(removal: Removal) -> Iterator[str]:
    """SQL with comments: only the statements are not commented out."""
    for reason in removal.unknown:
        yield f"-- could not be told: {reason}"
    if not removal.is_held:
        known = "" if removal.is_held is False else ", as far as we know"
        yield f"-- {removal.account} does not hold {removal.privilege} there{known}."
        return
    for obstacle in removal.obstacles:
        yield f"-- obstacle: {obstacle}"
    if not removal.statements:
        return
    if not removal.is_least:
        yield "-- A cheaper way may exist: not all of them were tried."
    yield from script("Take away", removal.statements)
    for words in effect_words(removal.effect):
        yield f"-- besides: {words}"
    for line in script("Undo", removal.undo):
        yield f"-- {line.removeprefix('-- ')}"


def script(title: str, statements: Iterable[Statement]) -> Iterator[str]:
    yield f"-- {title}:"
    for one in statements:
        if one.database:
            yield f"-- in the database {one.database}"
        yield from one.sql.splitlines()
