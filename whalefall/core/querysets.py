"""Deleting old rows of any table, some at a time."""

from collections import Counter
from typing import Any

from django.db.models import QuerySet

BATCH = 2000


def forget_oldest(rows: "QuerySet[Any]", field: str, *, most: int = BATCH) -> "Counter[str]":
    """Delete the ``most`` oldest of ``rows`` by ``field``; how many of each model, by its name.

    All that share the last one's ``field`` go with it: a batch is a range, never a slice, which
    deletes every row of a table with a composite key on SQLite. Empty when nothing is left.
    """
    ordered = rows.order_by(field).values_list(field, flat=True)
    last = ordered[most - 1 : most].first()
    batch = rows if last is None else rows.filter(**{f"{field}__lte": last})
    _, deleted = batch.order_by().delete()
    by_name = {label.rpartition(".")[2].lower(): number for label, number in deleted.items()}
    return Counter({name: number for name, number in by_name.items() if number})
