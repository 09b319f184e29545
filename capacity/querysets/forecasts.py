"""Forecasts and their grades; and the writes of that table."""

from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from capacity.models import Forecast  # noqa: F401 -- named in a quoted base class


class ForecastQuerySet(models.QuerySet["Forecast"]):
    pass
