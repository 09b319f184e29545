"""A table in parts of one month on PostgreSQL: which there are, made and dropped; plain on SQLite.

Locks are taken at once or not at all (``NOWAIT``). Whoever waits for a table holds up all that ask
for it later, and one that waits while it holds another can dead-lock with a run that writes.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from django.db import connections, models
from django.db.models import ForeignKey, Min

M = TypeVar("M", bound=models.Model)

# For what a statement locks besides the tables that are locked before it.
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '2s'"
PARTS = """
SELECT part.relname,
       substring(bound.text FROM 'FROM \\(''([^'']+)''')::date,
       substring(bound.text FROM 'TO \\(''([^'']+)''')::date,
       CASE WHEN part.reltuples >= 0 THEN part.reltuples::bigint END,
       pg_total_relation_size(part.oid)
  FROM pg_inherits
  JOIN pg_class part ON part.oid = inhrelid
 CROSS JOIN LATERAL (SELECT pg_get_expr(part.relpartbound, part.oid) AS text) bound
 WHERE inhparent = to_regclass(%s)
 ORDER BY 2 NULLS FIRST
"""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of ``table``: the days from ``start`` to the one before ``end``.

    The default part, for days of a month that has none, has neither. ``rows`` is PostgreSQL's
    estimate, None before its first ANALYZE; ``total_bytes`` is None when it was dropped meanwhile.
    """

    name: str
    table: str
    start: date | None
    end: date | None
    rows: int | None
    total_bytes: int | None

    @property
    def is_default(self) -> bool:
        return self.start is None


def month_of(day: date) -> date:
    """The first day of its month."""
    return day.replace(day=1)


def month_after(month: date, number: int = 1) -> date:
    """The first day of the month ``number`` months later; earlier when it is negative."""
    years, position = divmod(month.month - 1 + number, 12)
    return date(month.year + years, position + 1, 1)


class PartitionedQuerySet(models.QuerySet[M]):
    """Months are named by their first day. Call what writes inside a transaction."""

    @property
    def is_partitioned(self) -> bool:
        return connections[self.db].vendor == "postgresql"

    def parts(self) -> list[Part]:
        """The default part, then the months from the oldest; none on a database without parts."""
        if not self.is_partitioned:
            return []
        table = self.model._meta.db_table
        rows = self._fetch(PARTS, [table])
        return [Part(name, table, *rest) for name, *rest in rows]

    def months(self) -> set[date]:
        return {part.start for part in self.parts() if part.start is not None}

    def stray_months(self) -> list[date]:
        """The months of the rows in the default part, from the oldest."""
        if not self.is_partitioned:
            return []
        found = self._fetch(
            "SELECT DISTINCT date_trunc('month', measured_on)::date "  # noqa: S608 -- a name of ours
            f"FROM {self._default} ORDER BY 1"
        )
        return [month for (month,) in found]

    def stray_rows(self) -> int | None:
        """How many rows are in the default part; None on a database without parts."""
        if not self.is_partitioned:
            return None
        count: int = self._fetch(f"SELECT count(*) FROM {self._default}")[0][0]  # noqa: S608 -- a name of ours
        return count

    def oldest_day(self) -> date | None:
        oldest: date | None = self.aggregate(oldest=Min("measured_on"))["oldest"]
        return oldest

    def make_month(self, month: date) -> int | None:
        """Make the part of ``month`` and move its rows there; how many, None if it is there.

        Raises OperationalError (SQLSTATE 55P03) when another transaction holds one of the tables.
        """
        # ATTACH gives the part our foreign keys, which takes this lock on what they refer to.
        self._lock("SHARE ROW EXCLUSIVE", "ACCESS EXCLUSIVE")
        if month in self.months():
            return None
        part, parent, check = self._part(month), self._parent, self._quoted(f"{month:in_%Y_%m}")
        bounds = [month.isoformat(), month_after(month).isoformat()]
        self._execute(f"CREATE TABLE {part} (LIKE {parent} INCLUDING ALL)")
        # Known to hold for every row, so ATTACH does not read them all under the lock.
        self._execute(
            f"ALTER TABLE {part} ADD CONSTRAINT {check} CHECK "
            f"(measured_on >= '{bounds[0]}' AND measured_on < '{bounds[1]}')"
        )
        moved = self._move(part, bounds)
        self._execute(
            f"ALTER TABLE {parent} ATTACH PARTITION {part} "
            f"FOR VALUES FROM ('{bounds[0]}') TO ('{bounds[1]}')"
        )
        self._execute(f"ALTER TABLE {part} DROP CONSTRAINT {check}")
        return moved

    def drop_month(self, month: date) -> bool:
        """Drop the part of ``month`` with its rows; False if there is none.

        Raises OperationalError (SQLSTATE 55P03) when another transaction holds one of the tables.
        """
        # DROP takes these triggers off what the foreign keys refer to: nobody may read it then.
        self._lock("ACCESS EXCLUSIVE", "ACCESS EXCLUSIVE")
        part = next((one for one in self.parts() if one.start == month), None)
        if part is None:
            return False
        self._execute(f"LOCK TABLE {self._quoted(part.name)} IN ACCESS EXCLUSIVE MODE NOWAIT")
        self._execute(f"DROP TABLE {self._quoted(part.name)}")
        return True

    def forget_month(self, month: date) -> int:
        """Delete the rows of ``month``; how many there were."""
        of_month = self.filter(measured_on__gte=month, measured_on__lt=month_after(month))
        return of_month.delete()[0]

    def _lock(self, mode: str, default_mode: str) -> None:
        """Nobody writes here until the transaction ends, and nobody reads the default part."""
        referred = {
            field.related_model._meta.db_table
            for field in self.model._meta.local_fields
            if isinstance(field, ForeignKey)
        }
        self._execute(LOCK_TIMEOUT)
        for table in sorted(referred):
            self._execute(f"LOCK TABLE {self._quoted(table)} IN {mode} MODE NOWAIT")
        self._execute(f"LOCK TABLE ONLY {self._parent} IN {mode} MODE NOWAIT")
        self._execute(f"LOCK TABLE {self._default} IN {default_mode} MODE NOWAIT")

    def _move(self, part: str, bounds: list[str]) -> int:
        """Rows of the default part into ``part``, in one statement."""
        columns = ", ".join(
            self._quoted(str(field.column)) for field in self.model._meta.local_concrete_fields
        )
        return self._execute(
            f"WITH moved AS (DELETE FROM {self._default} "  # noqa: S608 -- names of ours
            f"WHERE measured_on >= %s AND measured_on < %s RETURNING {columns}) "
            f"INSERT INTO {part} ({columns}) SELECT {columns} FROM moved",
            bounds,
        )

    @property
    def _parent(self) -> str:
        return self._quoted(self.model._meta.db_table)

    @property
    def _default(self) -> str:
        return self._quoted(f"{self.model._meta.db_table}_default")

    def _part(self, month: date) -> str:
        return self._quoted(f"{self.model._meta.db_table}_{month:%Y_%m}")

    def _quoted(self, name: str) -> str:
        quoted: str = connections[self.db].ops.quote_name(name)
        return quoted

    def _execute(self, sql: str, parameters: list[Any] | None = None) -> int:
        with connections[self.db].cursor() as cursor:
            cursor.execute(sql, parameters)
            return int(cursor.rowcount)

    def _fetch(self, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        with connections[self.db].cursor() as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())
