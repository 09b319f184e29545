"""Facts worth a DBA's look, each as a question that is answered yes, no, or not at all.

The overview counts with them and the list of accounts filters with them, so that the number and
the list behind it can't differ.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

EVERYBODY = Q(pk__isnull=False)
MAY_LOG_IN = ~Q(can_login=False)


@dataclass(frozen=True, slots=True)
class StandOut:
    """A question about the accounts ``among``; whoever is in neither ``yes`` nor ``no`` is unknown.

    Unknown is what remains, never a negated Q: on a missing JSON key a negation is NULL, not true.
    """

    title: "StrPromise | str"
    yes: Q
    no: Q
    among: Q = EVERYBODY

    @property
    def answered(self) -> Q:
        return self.among & (self.yes | self.no)


def fact(name: str, value: bool) -> Q:
    return Q(**{f"facts__{name}__value": value})


def standouts(now: datetime) -> dict[str, StandOut]:
    soon = now + timedelta(days=settings.PASSWORD_EXPIRING_DAYS)
    expired = fact("password_expired", True) | Q(password_expires_at__lte=now)
    lasts = fact("password_never_expires", True)
    has_date = Q(password_expires_at__gt=now)
    return {
        "superuser": StandOut(_("superusers"), Q(is_superuser=True), Q(is_superuser=False)),
        "can_grant": StandOut(
            _("may hand out rights"), fact("can_grant", True), fact("can_grant", False)
        ),
        "password_absent": StandOut(
            _("log in without a password"),
            fact("password_absent", True) & MAY_LOG_IN,
            fact("password_absent", False),
            MAY_LOG_IN,
        ),
        "password_expired": StandOut(
            _("password expired"),
            expired & MAY_LOG_IN,
            fact("password_expired", False) | has_date | lasts,
            MAY_LOG_IN,
        ),
        "password_expiring": StandOut(
            _("password expires soon"),
            has_date & Q(password_expires_at__lte=soon) & MAY_LOG_IN,
            Q(password_expires_at__isnull=False) | lasts | expired,
            MAY_LOG_IN,
        ),
        "password_never_expires": StandOut(
            _("password never expires"),
            lasts & MAY_LOG_IN,
            fact("password_never_expires", False) | Q(password_expires_at__isnull=False),
            MAY_LOG_IN,
        ),
    }
