# mypy: disallow-subclassing-any=False, warn-return-any=False

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters  # type: ignore[import-untyped]

from instances.engines import engine_choices
from instances.models import Instance
from whalefall.core.filters import BooleanFilter, NamesFilter


class InstanceFilter(filters.FilterSet):
    engine = filters.ChoiceFilter(choices=engine_choices)
    tags = NamesFilter(field_name="tags__name", distinct=True, label="Any of these tags.")
    is_active = BooleanFilter(field_name="is_active")
    deleted = BooleanFilter(method="in_bin", label="Those in the recycle bin instead.")

    class Meta:
        model = Instance
        fields = ("environment", "credential")

    def filter_queryset(self, queryset: QuerySet[Instance]) -> QuerySet[Instance]:
        if not self.form.cleaned_data["deleted"]:
            queryset = queryset.filter(deleted_at=None)
        return super().filter_queryset(queryset)

    def in_bin(self, queryset: QuerySet[Instance], _name: str, value: Any) -> QuerySet[Instance]:
        return queryset.filter(deleted_at__isnull=not value)
