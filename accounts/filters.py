# mypy: disallow-subclassing-any=False, warn-return-any=False

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters  # type: ignore[import-untyped]

from accounts.models import Account, AccountChange, Classification, Grant, HeldReading
from accounts.objects import parse_object
from accounts.worlds import securables_called
from instances.engines import engine_choices
from instances.models import Instance
from whalefall.core.filters import BooleanFilter, MomentFilter, NamesFilter


def unchanged(queryset: QuerySet[Any], _name: str, _value: Any) -> QuerySet[Any]:
    """For a parameter that ``filter_queryset`` has dealt with."""
    return queryset


class AccountFilter(filters.FilterSet):
    instance = filters.ModelChoiceFilter(queryset=Instance.objects.all())
    engine = filters.ChoiceFilter(field_name="instance__engine", choices=engine_choices)
    tags = NamesFilter(method="tagged", label="Any of these tags.")
    kind = filters.ChoiceFilter(choices=Account.Kind.choices)
    can_login = BooleanFilter(field_name="can_login")
    is_superuser = BooleanFilter(field_name="is_superuser")
    is_locked = BooleanFilter(field_name="is_locked")
    classification = filters.ModelChoiceFilter(
        queryset=Classification.objects.all(), method="of_class", label="In this class now."
    )
    privilege = filters.CharFilter(
        method=unchanged, label="With a grant of this privilege, its own; on the object, if given."
    )
    object = filters.CharFilter(
        method=unchanged, label="With a grant on this object, its own; written as for who-can."
    )
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
        return self.granted(super().filter_queryset(queryset))

    def tagged(
        self, queryset: QuerySet[Account], _name: str, value: list[str]
    ) -> QuerySet[Account]:
        # A join would repeat accounts, and telling them apart again compares whole rows.
        return queryset.filter(instance__in=Instance.objects.filter(tags__name__in=value))

    def of_class(
        self, queryset: QuerySet[Account], _name: str, value: Classification
    ) -> QuerySet[Account]:
        return queryset.filter(pk__in=value.assignments.open().values("account"))

    def granted(self, queryset: QuerySet[Account]) -> QuerySet[Account]:
        """Raises InvalidRequest for an object that is not written as one."""
        privilege, text = (self.form.cleaned_data[name] for name in ("privilege", "object"))
        if not privilege and not text:
            return queryset
        grants = Grant.objects.open()
        if privilege:
            grants = grants.filter(privilege=privilege.upper())
        if text:
            grants = grants.filter(securable__in=securables_called(parse_object(text)))
        return queryset.filter(pk__in=grants.values("account"))


class HistoryFilter(filters.FilterSet):
    kind = filters.ChoiceFilter(choices=AccountChange.Kind.choices)
    cause = filters.ChoiceFilter(choices=AccountChange.Cause.choices)
    session = filters.UUIDFilter(field_name="session")
    since = MomentFilter(field_name="occurred_at", lookup_expr="gte")
    until = MomentFilter(field_name="occurred_at", lookup_expr="lt")

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
