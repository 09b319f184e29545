"""Filter, search and sort; a parameter that we do not know is an error, never ignored."""

# mypy: disallow-subclassing-any=False, warn-return-any=False

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from django.db.models import Model, QuerySet
from django_filters import rest_framework as filters  # type: ignore[import-untyped]
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework.exceptions import ValidationError
from rest_framework.filters import OrderingFilter
from rest_framework.request import Request
from rest_framework.views import APIView

from whalefall.core.calendar import check_year

ALWAYS = {"page", "limit", "sort", "format"}


def refuse_unknown(request: Request, known: Collection[str]) -> None:
    """A misspelt filter must not show everything. Raises ValidationError."""
    unknown = sorted(set(request.query_params) - set(known))
    if unknown:
        text = f"There is no such parameter; known are {', '.join(sorted(known))}."
        raise ValidationError({name: [text] for name in unknown})


class Filter(filters.DjangoFilterBackend):
    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: APIView
    ) -> QuerySet[Any]:
        filterset = self.get_filterset_class(view, queryset)
        own = set(filterset.base_filters) if filterset else set()
        search = {"search"} if getattr(view, "search_fields", None) else set()
        refuse_unknown(request, ALWAYS | own | search)
        filtered: QuerySet[Any] = super().filter_queryset(request, queryset, view)
        return filtered


class Sort(OrderingFilter):
    """``?sort=field`` or ``-field``; the key breaks ties, or pages could overlap."""

    ordering_param = "sort"
    ordering_description = "A field to sort by, with - before it for descending."

    def get_ordering(
        self, request: Request, queryset: QuerySet[Model], view: APIView
    ) -> tuple[str, ...]:
        given = [term.strip() for term in request.query_params.get("sort", "").split(",") if term]
        known = [str(name) for name, _ in self.get_valid_fields(queryset, view, {})]
        unknown = [term for term in given if term.removeprefix("-") not in known]
        if unknown:
            text = f"Can't sort by {', '.join(unknown)}; can by {', '.join(known)}."
            raise ValidationError({"sort": [text]})
        return (*(given or self.get_default_ordering(view) or ()), "pk")


@extend_schema_field(OpenApiTypes.BOOL)
class BooleanFilter(filters.TypedChoiceFilter):
    """``true`` or ``false``. Django-filter's own takes anything else for "not given"."""

    def __init__(self, **kwargs: Any) -> None:
        choices = [("true", "true"), ("false", "false")]
        super().__init__(choices=choices, coerce=is_true, **kwargs)


def is_true(text: str) -> bool:
    return text == "true"


class MomentFilter(filters.IsoDateTimeFilter):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validators=[check_year], **kwargs)

    def filter(self, qs: QuerySet[Any], value: datetime | None) -> QuerySet[Any]:
        """PostgreSQL takes no offset from UTC of 16 hours or more; ISO 8601 has them to 23:59."""
        return super().filter(qs, value and value.astimezone(UTC))


class DayFilter(filters.DateFilter):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validators=[check_year], **kwargs)


class NamesFilter(filters.BaseInFilter, filters.CharFilter):
    """Any of some names, separated by commas."""
