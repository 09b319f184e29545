"""Daily sizes of databases and instances; and the writes of those tables."""

from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from capacity.models import DatabaseSize, InstanceSize  # noqa: F401 -- named in a quoted base class


class DatabaseSizeQuerySet(models.QuerySet["DatabaseSize"]):
    pass


class InstanceSizeQuerySet(models.QuerySet["InstanceSize"]):
    pass
