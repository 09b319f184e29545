"""Table sizes as edges in time; and the writes of that table."""

from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from capacity.models import TableSize  # noqa: F401 -- named in a quoted base class


class TableSizeQuerySet(models.QuerySet["TableSize"]):
    pass
