# mypy: disallow-subclassing-any=False, warn-return-any=False

from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _
from django_filters import rest_framework as filters  # type: ignore[import-untyped]
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

from capacity.listing import DATABASES, INSTANCES, Level, Timeframe, history, present
from capacity.models import Period, TableSize
from instances.engines import engine_choices
from instances.models import Database, Instance
from whalefall.core.filters import BooleanFilter, DayFilter, NamesFilter


def unchanged(queryset: QuerySet[Any], _name: str, _value: Any) -> QuerySet[Any]:
    """For a parameter that ``rows`` deals with."""
    return queryset


class SpanForm(forms.Form):
    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        start, end = given.get("start"), given.get("end")
        if start and end and end < start:
            self.add_error("end", _("It is before the start."))
        return given


@extend_schema_field(OpenApiTypes.INT)
class OwnerKey(filters.ModelChoiceFilter):
    """One of those that the list is about."""

    def filter(self, qs: QuerySet[Any], value: Any) -> QuerySet[Any]:
        return qs.filter(pk=value.pk) if value else qs


class OwnerFilter(filters.FilterSet):
    """Which databases or instances, and of which time.

    ``queryset`` is of all of them; ``qs`` is the rows of a list, as ``capacity.listing`` defines.
    """

    level: Level

    period = filters.ChoiceFilter(
        choices=Period.choices, method=unchanged, label="Without it: daily.", empty_label=None
    )
    start = DayFilter(method=unchanged, label="Periods that touch this day or later ones.")
    end = DayFilter(method=unchanged, label="Periods that touch this day or earlier ones.")
    search = filters.CharFilter(method="named", label="A part of the name.")

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        owners, span = self.owners(queryset), self.span
        if not span.is_bounded:
            return present(owners, self.level)
        return history(owners if self.is_narrowed else None, self.level, span)

    def owners(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those of ``queryset`` that the form asks for, whatever the time."""
        return super().filter_queryset(queryset)

    @property
    def span(self) -> Timeframe:
        given = self.form.cleaned_data
        return Timeframe(given["period"] or Period.DAILY, given["start"], given["end"])

    @property
    def is_narrowed(self) -> bool:
        """Not everybody is asked for; an instance in the recycle bin narrows it too."""
        given = self.form.cleaned_data
        wanted = any(given[name] for name in given if name not in {"period", "start", "end"})
        return wanted or Instance.objects.exclude(deleted_at=None).exists()

    def tagged(self, queryset: QuerySet[Any], _name: str, names: Any) -> QuerySet[Any]:
        # Not a join: two of the tags on one instance would show its rows twice.
        found = Instance.objects.filter(tags__name__in=names).values("pk")
        return queryset.filter(**{f"{self.level.instance}pk__in": found})

    def named(self, queryset: QuerySet[Any], _name: str, text: Any) -> QuerySet[Any]:
        found = Q(name__icontains=text)
        if self.level is DATABASES:
            found |= Q(instance__name__icontains=text)
        return queryset.filter(found)


class DatabaseSizeFilter(OwnerFilter):
    level = DATABASES
    instance = filters.ModelChoiceFilter(queryset=Instance.objects.living())
    engine = filters.ChoiceFilter(field_name="instance__engine", choices=engine_choices)
    database = OwnerKey(queryset=Database.objects.all())
    tag = NamesFilter(method="tagged", label="Any of these tags.")

    class Meta:
        model = Database
        form = SpanForm
        fields = ()


class InstanceSizeFilter(OwnerFilter):
    level = INSTANCES
    instance = OwnerKey(queryset=Instance.objects.living())
    engine = filters.ChoiceFilter(choices=engine_choices)
    database = filters.ModelChoiceFilter(
        field_name="databases", queryset=Database.objects.all(), label="The instance that has it."
    )
    tag = NamesFilter(method="tagged", label="Any of these tags.")

    class Meta:
        model = Instance
        form = SpanForm
        fields = ()


class TableSizeFilter(filters.FilterSet):
    instance = filters.ModelChoiceFilter(
        field_name="database__instance", queryset=Instance.objects.living()
    )
    database = filters.ModelChoiceFilter(queryset=Database.objects.all())
    schema = filters.CharFilter(field_name="schema")
    search = filters.CharFilter(field_name="name", lookup_expr="icontains")
    history = BooleanFilter(method=unchanged, label="What tables were before, and tables gone.")

    class Meta:
        model = TableSize
        fields = ()

    def filter_queryset(self, queryset: QuerySet[TableSize]) -> QuerySet[TableSize]:
        if not self.form.cleaned_data["history"]:
            queryset = queryset.filter(
                valid_to=None, database__removed_at=None, database__instance__deleted_at=None
            )
        return super().filter_queryset(queryset)
