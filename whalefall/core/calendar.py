"""The days that can be asked about."""

from datetime import date

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

FIRST_YEAR, LAST_YEAR = 1900, 9998
"""With room on both sides: what is computed from a day must be one as well."""


def check_year(day: date) -> None:
    """A validator of dates and moments. Raises ValidationError."""
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        years = {"first": FIRST_YEAR, "last": LAST_YEAR}
        raise ValidationError(_("Only the years %(first)d to %(last)d can be asked about.") % years)
