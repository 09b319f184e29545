# mypy: disallow-subclassing-any=False, warn-return-any=False

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters  # type: ignore[import-untyped]

from accounts.models import Account, AccountChange, HeldReading
from instances.engines import engine_choices
from instances.models import Instance
from whalefall.core.filters import BooleanFilter, NamesFilter


def unchanged(queryset: QuerySet[Any], _name: str, _value: Any) -> QuerySet[Any]:
    """For a parameter that ``filter_queryset`` has dealt with."""
    return queryset


class AccountFilter(filters.FilterSet):
    instance = filters.ModelChoiceFilter(queryset=Instance.objects.all())
    engine = filters.ChoiceFilter(field_name="instance__engine", choices=engine_choices)
    tags = NamesFilter(field_name="instance__tags__name", distinct=True, label="Any of these tags.")
    kind = filters.ChoiceFilter(choices=Account.Kind.choices)
    can_login = BooleanFilter(field_name="can_login")
    is_superuser = BooleanFilter(field_name="is_superuser")
    is_locked = BooleanFilter(field_name="is_locked")
    include_removed = BooleanFilter(method=unchanged, label="Removed accounts too.")
    include_system = BooleanFilter(method=unchanged, label="The engine's own accounts too.")

    class Meta:
        model = Account
        fields = ()

    def filter_queryset(self, queryset: QuerySet[Account]) -> QuerySet[Account]:
        if not self.form.cleaned_data["include_removed"]:
            queryset = queryset.filter(removed_at=None, instance__deleted_at=None)
        if not self.form.cleaned_data["include_system"]:
            queryset = queryset.filter(is_system=False)
        return super().filter_queryset(queryset)


class HistoryFilter(filters.FilterSet):
    kind = filters.ChoiceFilter(choices=AccountChange.Kind.choices)
    cause = filters.ChoiceFilter(choices=AccountChange.Cause.choices)
    session = filters.UUIDFilter(field_name="session")
    since = filters.IsoDateTimeFilter(field_name="occurred_at", lookup_expr="gte")
    until = filters.IsoDateTimeFilter(field_name="occurred_at", lookup_expr="lt")

    class Meta:
        model = AccountChange
        fields = ()


class AccountChangeFilter(HistoryFilter):
    instance = filters.ModelChoiceFilter(
        field_name="account__instance", queryset=Instance.objects.all()
    )
    account = filters.NumberFilter(field_name="account")


class HeldReadingFilter(filters.FilterSet):
    instance = filters.ModelChoiceFilter(
        field_name="record__instance", queryset=Instance.objects.all()
    )
    decision = filters.ChoiceFilter(choices=HeldReading.Decision.choices)

    class Meta:
        model = HeldReading
        fields = ()
