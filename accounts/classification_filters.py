# mypy: disallow-subclassing-any=False, warn-return-any=False

from django.db.models import QuerySet
from django_filters import rest_framework as filters  # type: ignore[import-untyped]

from accounts.filters import unchanged
from accounts.models import Account, Assignment, Classification, ClassificationRule
from instances.engines import engine_choices
from instances.models import Instance
from whalefall.core.filters import BooleanFilter


class RuleFilter(filters.FilterSet):
    classification = filters.ModelChoiceFilter(queryset=Classification.objects.all())
    engine = filters.ChoiceFilter(choices=engine_choices)
    group = filters.UUIDFilter(field_name="group")
    is_active = BooleanFilter(field_name="is_active")
    is_policy = BooleanFilter(field_name="is_policy")
    include_superseded = BooleanFilter(method=unchanged, label="Older versions too.")

    class Meta:
        model = ClassificationRule
        fields = ()

    def filter_queryset(
        self, queryset: QuerySet[ClassificationRule]
    ) -> QuerySet[ClassificationRule]:
        if not self.form.cleaned_data["include_superseded"]:
            queryset = queryset.filter(superseded_at=None)
        return super().filter_queryset(queryset)


class AssignmentFilter(filters.FilterSet):
    """Of accounts that lists show, as they are now."""

    account = filters.ModelChoiceFilter(queryset=Account.objects.all())
    classification = filters.ModelChoiceFilter(queryset=Classification.objects.all())
    rule = filters.ModelChoiceFilter(queryset=ClassificationRule.objects.all())
    instance = filters.ModelChoiceFilter(
        field_name="account__instance", queryset=Instance.objects.all()
    )
    is_manual = BooleanFilter(field_name="is_manual")
    include_revoked = BooleanFilter(method=unchanged, label="Those that have ended too.")

    class Meta:
        model = Assignment
        fields = ()

    def filter_queryset(self, queryset: QuerySet[Assignment]) -> QuerySet[Assignment]:
        if not self.form.cleaned_data["include_revoked"]:
            queryset = queryset.filter(
                revoked_at=None, account__removed_at=None, account__instance__deleted_at=None
            )
        return super().filter_queryset(queryset)
