"""What every viewset stands on."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django.db import transaction
from django.db.models import Model
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer, CharField, Serializer
from rest_framework.viewsets import GenericViewSet

from whalefall.core.errors import WhalefallError
from whalefall.logs import keep_secret, scrub_text

if TYPE_CHECKING:
    from whalefall.users.models import User

M = TypeVar("M", bound=Model)
F = TypeVar("F", bound=Callable[..., Any])
S = TypeVar("S", bound=BaseSerializer[Any])
MOST_COMPLAINTS = 20


class SignedInRequest(Request):
    """A request that the permissions let through: its user is a person."""

    if TYPE_CHECKING:
        user: User


class RequestDataEmpty(WhalefallError):
    """A write without anything to write."""

    code = "REQUEST_DATA_EMPTY"
    http_status = 400
    category = "validation"


class SecretField(CharField):
    """Write-only text that no log line shows from here on."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(write_only=True, trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        return keep_secret(super().to_internal_value(data))


class NoBody(Serializer[Any]):
    """For actions that take none; the browsable API asks every view for a serializer."""


def without_body(**described: Any) -> Callable[[F], F]:
    """``extend_schema`` for an action that takes no body, and refuses one."""

    def mark(action: F) -> F:
        action.takes_no_body = True  # type: ignore[attr-defined]
        return extend_schema(request=None, **described)(action)

    return mark


def refuse_body(request: Request) -> None:
    """Raises ValidationError, also for what can't be read: whoever sent it meant something."""
    if request.data:
        given = request.data if isinstance(request.data, Mapping) else ["non_field_errors"]
        raise ValidationError(complaints(given, "This takes no body."))


def refuse_unknown_fields(serializer: BaseSerializer[Any]) -> None:
    """A misspelt field must not be lost. Raises ValidationError.

    One that is read-only is passed over: whoever changes what he has read sends all of it back.
    """
    given = serializer.initial_data
    if isinstance(serializer, Serializer) and isinstance(given, Mapping):
        fields = serializer.fields
        if unknown := set(given) - set(fields):
            known = ", ".join(sorted(name for name, one in fields.items() if not one.read_only))
            text = f"There is no such field; known are {known}."
            raise ValidationError(complaints(unknown, text))


def checked(serializer: S) -> S:
    """``serializer``, whose data are valid. Raises ValidationError, also for unknown fields."""
    refuse_unknown_fields(serializer)
    serializer.is_valid(raise_exception=True)
    return serializer


def complaints(names: Iterable[str], text: str) -> dict[str, list[str]]:
    """The same about each of some fields that a caller made up, of at most so many."""
    return {scrub_text(name): [text] for name in sorted(names)[:MOST_COMPLAINTS]}


class ViewSet(GenericViewSet[M]):
    """``required_permissions``: action → permission, where it is not the model's for the method.

    ``messages``: action → the sentence of its success. ``failures``: action → the codes of its
    failures, beyond those of any action like it (see ``EnvelopeSchema``).
    """

    lookup_value_regex = "[0-9]+"
    required_permissions: ClassVar[Mapping[str, str]] = {}
    messages: ClassVar[Mapping[str, str]] = {}
    failures: ClassVar[Mapping[str, Sequence[str]]] = {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        action = getattr(self, self.action or "", None)
        if self.action == "destroy" or getattr(action, "takes_no_body", False):
            refuse_body(request)

    def filter_queryset(self, queryset: Any) -> Any:
        """Filters narrow a list; what is asked for by its id is shown whatever it is."""
        is_list = self.action in {"list", "exports"}
        return super().filter_queryset(queryset) if is_list else queryset

    def get_serializer(self, *args: Any, **kwargs: Any) -> BaseSerializer[M]:
        if "data" in kwargs and not kwargs["data"]:
            raise RequestDataEmpty("The request has no body, or an empty one.")
        serializer = super().get_serializer(*args, **kwargs)
        if "data" in kwargs:
            refuse_unknown_fields(serializer)
        return serializer

    def valid(self, request: Request) -> dict[str, Any]:
        """The body as the action's serializer takes it. Raises ValidationError."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data: dict[str, Any] = serializer.validated_data
        return data


class ReadOnlyViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ViewSet[M]):
    pass


class AtomicModelViewSet(
    mixins.CreateModelMixin, mixins.UpdateModelMixin, mixins.DestroyModelMixin, ReadOnlyViewSet[M]
):
    """CRUD whose writes commit, or roll back, as one unit."""

    create = transaction.atomic(mixins.CreateModelMixin.create)
    update = transaction.atomic(mixins.UpdateModelMixin.update)

    @transaction.atomic
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """200, since 204 has no room for the envelope."""
        self.perform_destroy(self.get_object())
        return Response(None)
