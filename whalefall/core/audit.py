"""Who changed what: who acts now, and the entries of writes that no signal sees.

django-auditlog hears of ``save()`` and ``delete()`` of the models in ``whalefall.audit.tracked``.
A statement over many rows, ``update()`` or ``bulk_create()``, is noted by whoever runs it.
"""

import getpass
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from auditlog.diff import model_instance_diff
from auditlog.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.db.models.signals import pre_save
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponseBase

from whalefall.core.addresses import ip_of

if TYPE_CHECKING:
    from whalefall.users.models import User

# field → [before, after]; None is "nothing there", as with a row that is new or gone.
Changes = Mapping[str, Any]
CREATE, UPDATE = LogEntry.Action.CREATE, LogEntry.Action.UPDATE


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a write comes from. Neither a request nor a command: a worker, by itself."""

    request: HttpRequest | None = None
    command: str = ""

    def user(self) -> "User | None":
        """Whoever is signed in now: DRF finds out after the middleware has run."""
        user = getattr(self.request, "user", None)
        return user if user is not None and user.is_authenticated else None

    def address(self) -> str | None:
        """Where the request came from; None over a socket that has no address."""
        return ip_of(self.request) if self.request else None

    def details(self) -> dict[str, str]:
        """The names stay when the person is deleted."""
        if self.command:
            return {"source": "command", "command": self.command, "system_user": system_user()}
        if self.request is None:
            return {"source": "worker"}
        source = "api" if self.request.path.startswith("/api/") else "console"
        user = self.user()
        return {"source": source, **({"user": user.get_username()} if user else {})}


_origin: ContextVar[Origin] = ContextVar("origin")


@contextmanager
def acting(origin: Origin) -> Iterator[None]:
    """What is written inside comes from ``origin``."""
    token = _origin.set(origin)
    try:
        yield
    finally:
        _origin.reset(token)


class AuditMiddleware:
    """Every request is the origin of what it writes, however its caller signs in."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with acting(Origin(request=request)):
            return self.get_response(request)


def system_user() -> str:
    """Who runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an id without a name, as in many containers
        return ""


def request_id() -> str | None:
    """For ``AUDITLOG_CID_GETTER``: the request's id, as the log has it."""
    found: str | None = structlog.contextvars.get_contextvars().get("request_id")
    return found


def hidden(_value: str) -> str:
    """For ``mask_callable``: that a secret changed is told, and nothing of it."""
    return "[hidden]"


def signature() -> dict[str, Any]:
    """The fields of an entry that say who acts now, and from where."""
    origin = _origin.get(Origin())
    user = origin.user()
    return {
        "actor": user,
        "actor_email": user.email if user else None,
        "remote_addr": origin.address(),
        "additional_data": origin.details(),
    }


@receiver(pre_save, sender=LogEntry, dispatch_uid="whalefall.core.audit")
def sign(instance: LogEntry, **_: Any) -> None:
    if instance._state.adding:
        for name, value in signature().items():
            setattr(instance, name, value)


def initial(row: Model) -> Changes:
    """The changes that made ``row``: each tracked field from nothing to its value."""
    found: Changes = model_instance_diff(None, row, use_json_for_changes=True) or {}
    return found


def difference(before: Model, after: Model) -> Changes:
    """The tracked fields in which two states of a row differ."""
    found: Changes = model_instance_diff(before, after, use_json_for_changes=True) or {}
    return found


def note(changed: Iterable[tuple[Model, Changes]], *, action: int = UPDATE) -> None:
    """One entry for each row, in a number of statements that grows with its hundreds only."""
    signed, cid = signature(), request_id()
    LogEntry.objects.bulk_create(
        (
            LogEntry(
                content_type=ContentType.objects.get_for_model(row),
                object_pk=str(row.pk),
                object_id=row.pk if isinstance(row.pk, int) else None,
                object_repr=getattr(row, "name", None) or str(row),
                action=action,
                changes=dict(changes),
                cid=cid,
                **signed,
            )
            for row, changes in changed
        ),
        batch_size=500,
    )
