"""``INSERT … SELECT … ON CONFLICT``: rows that the database computes and stores by itself."""

from collections.abc import Collection, Mapping
from typing import Any

from django.db import connections
from django.db.models import QuerySet


def upsert_from(
    target: QuerySet[Any],
    rows: QuerySet[Any],
    columns: Mapping[str, Any],
    *,
    unique: Collection[str],
    unless_more: str = "",
) -> int:
    """Store ``rows`` in the table of ``target``, in one statement; how many were written.

    ``columns`` has an expression over ``rows`` for each field of the target. ``rows`` has a WHERE
    or a GROUP BY, or SQLite would take ON CONFLICT for a join. A row that meets one with the same
    ``unique`` fields replaces it, unless that one has more in ``unless_more``. The same text runs
    on both own databases.
    """
    connection = connections[target.db]
    meta, quote = target.model._meta, connection.ops.quote_name

    def column(name: str) -> str:
        return quote(meta.get_field(name).column)

    # Under other names: the rows may be of a model that has such fields too.
    named = {f"new_{name}": expression for name, expression in columns.items()}
    select, params = rows.annotate(**named).values_list(*named).query.sql_with_params()
    table, names = quote(meta.db_table), [*map(column, columns)]
    changes = [f"{name} = EXCLUDED.{name}" for name in names if name not in map(column, unique)]
    sql = (
        f"INSERT INTO {table} ({', '.join(names)}) {select} "
        f"ON CONFLICT ({', '.join(map(column, unique))}) DO UPDATE SET {', '.join(changes)}"
    )
    if unless_more:
        number = column(unless_more)
        sql += f" WHERE EXCLUDED.{number} >= {table}.{number}"
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)
