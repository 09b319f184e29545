"""What a database takes along when it is renamed, and what ends with one that was made anew."""

from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from accounts.changes import entry, words
from accounts.models import Account, AccountChange, Grant
from accounts.store import open_edges
from accounts.stored import Stored, StoredGrant
from instances.inventory import Inventory
from instances.models import Instance


def follow_databases(
    sender: object,
    *,
    instance: Instance,
    inventory: Inventory,
    session: UUID,
    at: datetime,
    **_: Any,
) -> None:
    """A receiver of ``databases_changed``, for grants inside of databases and on them.

    Under a new name they go on without an entry: nobody was granted or revoked anything. In a
    database whose name is another's now they are over, whether we may look inside or not. Those
    of one that is simply gone are left to the next reading of accounts, which the breaker judges.
    """
    renamed, replaced = inventory.renamed, inventory.replaced
    if not (renamed or replaced):
        return
    stored = Stored(instance)
    moved: list[StoredGrant] = []
    ended: dict[int, list[StoredGrant]] = defaultdict(list)
    for grant in stored.grants():
        if grant.record.database in renamed:
            moved.append(grant)
        elif grant.record.database in replaced:
            ended[grant.account].append(grant)
    over = [grant.pk for grants in ended.values() for grant in grants]
    Grant.objects.close([*over, *(grant.pk for grant in moved)], at=at)
    open_edges(
        instance,
        {row.name: row for row in stored.accounts},
        [replace(one.record, database=renamed[one.record.database]) for one in moved],
        at=at,
    )
    losers = [row for row in stored.accounts if row.pk in ended]
    for row in losers:
        row.fingerprint = ""  # it may have the same again, in the new database
    Account.objects.rewrite(losers, ["fingerprint"])
    AccountChange.objects.record(
        [
            entry(
                row,
                AccountChange.Kind.REVOKED,
                AccountChange.Cause.OBSERVED,
                words(ended[row.pk]),
                session=session,
                at=at,
            )
            for row in losers
        ]
    )
