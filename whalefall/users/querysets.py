"""Everything that writes the tables of people, their tokens and their attempts."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING, Any, Self

from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.db import models
from django.db.models import Q

from whalefall.core.errors import WhalefallError
from whalefall.users.limits import LONGEST_WINDOW, Limit, RateLimited
from whalefall.users.roles import NAMES

if TYPE_CHECKING:
    from whalefall.users.models import ApiToken, Attempt, SignIn, User  # noqa: F401

USE_IS_NOTED_EVERY = timedelta(minutes=1)


class LastAdmin(WhalefallError):
    """Nobody could manage users any more."""

    code = "CONSTRAINT_VIOLATION"
    http_status = 409
    category = "conflict"
    suggestions = ("Give another active user the role admin first.",)


class UserQuerySet(models.QuerySet["User"]):
    def active(self) -> Self:
        return self.filter(is_active=True)

    def administrators(self) -> Self:
        return self.active().filter(
            Q(is_superuser=True) | Q(pk__in=self.model.objects.filter(groups__name=NAMES[-1]))
        )

    @contextmanager
    def keep_an_administrator(self) -> Iterator[None]:
        """Whoever takes rights away from users does it in here, inside a transaction.

        The lock on the group makes such changes take turns: two people who demote each other
        at the same moment do not both succeed. Raises LastAdmin.
        """
        list(Group.objects.select_for_update().filter(name=NAMES[-1]))
        had_one = self.administrators().exists()
        yield
        if had_one and not self.administrators().exists():
            raise LastAdmin("This is the last active administrator, so nothing was changed.")


class SignInQuerySet(models.QuerySet["SignIn"]):
    def begin(
        self, user: "User", *, session_key: str, at: datetime, expires_at: datetime
    ) -> "SignIn":
        """A new one; those that are over by themselves, with session and tokens, are forgotten."""
        alive = Session.objects.values("session_key")
        self.filter(expires_at__lte=at).exclude(session_key__in=alive).delete()
        return self.create(user=user, session_key=session_key, expires_at=expires_at)

    def prolong(self, sign_in: "SignIn", *, until: datetime) -> None:
        """An update, which does not bring back what ended meanwhile."""
        self.filter(pk=sign_in.pk).update(expires_at=until)

    def end(self) -> None:
        """With each its session; its tokens are good no more."""
        keys = list(self.exclude(session_key="").values_list("session_key", flat=True))
        Session.objects.filter(session_key__in=keys).delete()
        self.delete()


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self, *, at: datetime) -> Self:
        """Those that sign in at ``at``."""
        return self.filter(revoked_at=None, expires_at__gt=at, user__is_active=True)

    def issue(self, **fields: Any) -> "ApiToken":
        return self.create(**fields)

    def revoke(self, *, at: datetime) -> int:
        """How many were revoked; the others had been before."""
        return self.filter(revoked_at=None).update(revoked_at=at)

    def note_use(self, token: "ApiToken", *, at: datetime) -> None:
        """At most once a minute: reading with a token shall not become writing."""
        before = at - USE_IS_NOTED_EVERY
        if token.last_used_at is None or token.last_used_at <= before:
            unused = Q(last_used_at=None) | Q(last_used_at__lte=before)
            self.filter(unused, pk=token.pk).update(last_used_at=at)


class AttemptQuerySet(models.QuerySet["Attempt"]):
    def admit(self, limit: Limit, subject: str, *, at: datetime) -> None:
        """Count an attempt of ``subject``. Raises RateLimited beyond ``limit``, counting nothing.

        It is stored before it is counted, so attempts at the same moment see each other: at most
        ``limit.times`` get through in any window, whatever the number of processes. Call outside
        a transaction.
        """
        self.filter(at__lte=at - LONGEST_WINDOW).delete()
        key = limit.key_of(subject)
        own = self.create(key=key, at=at)
        window = self.filter(key=key, at__gt=at - limit.window).exclude(pk=own.pk)
        others = list(window.order_by("at").values_list("at", flat=True))
        if len(others) >= limit.times:
            own.delete()
            free_at = others[len(others) - limit.times] + limit.window
            raise RateLimited(limit, wait=max(1, ceil((free_at - at).total_seconds())))
