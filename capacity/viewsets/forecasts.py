# mypy: disallow-subclassing-any=False, warn-return-any=False

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db.models import F, QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters  # type: ignore[import-untyped]
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from capacity.growth import growth
from capacity.models import Forecast
from capacity.serializers.forecasts import (
    ForecastSerializer,
    ForecastSummarySerializer,
    GrowthQuerySerializer,
    GrowthSerializer,
)
from instances.engines import engine_choices
from instances.models import Database, Instance
from whalefall.core.api import NoBody, ReadOnlyViewSet, SignedInRequest, ViewSet
from whalefall.core.filters import BooleanFilter, Filter, Sort, refuse_unknown

MAY_SEE = "instances.view_database"
LEVELS = [("instance", "instance"), ("database", "database")]


class ForecastFilter(filters.FilterSet):
    instance = filters.ModelChoiceFilter(queryset=Instance.objects.living())
    database = filters.ModelChoiceFilter(queryset=Database.objects.all())
    engine = filters.ChoiceFilter(field_name="instance__engine", choices=engine_choices)
    status = filters.ChoiceFilter(choices=Forecast.Status.choices)
    level = filters.ChoiceFilter(method="of_level", choices=LEVELS)
    include_past = BooleanFilter(method="as_it_is", label="Forecasts of earlier days too.")

    class Meta:
        model = Forecast
        fields = ()

    def filter_queryset(self, queryset: QuerySet[Forecast]) -> QuerySet[Forecast]:
        if not self.form.cleaned_data["include_past"]:
            queryset = queryset.filter(pk__in=Forecast.objects.latest_run().current().values("pk"))
        return super().filter_queryset(queryset)

    def of_level(self, queryset: QuerySet[Any], _name: str, level: str) -> QuerySet[Any]:
        return queryset.filter(database__isnull=level == "instance")

    def as_it_is(self, queryset: QuerySet[Any], _name: str, _value: Any) -> QuerySet[Any]:
        return queryset


class ForecastSort(Sort):
    """What is NULL, such as the day of what never gets full, comes last either way."""

    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: APIView
    ) -> QuerySet[Any]:
        terms = self.get_ordering(request, queryset, view)
        return queryset.order_by(*(unknown_last(term) for term in terms))


def unknown_last(term: str) -> Any:
    column = F(term.removeprefix("-"))
    return column.desc(nulls_last=True) if term[0] == "-" else column.asc(nulls_last=True)


class ForecastViewSet(ReadOnlyViewSet[Forecast]):
    queryset = Forecast.objects.with_origin().select_related("instance", "database")
    serializer_class = ForecastSerializer
    filterset_class = ForecastFilter
    filter_backends = (Filter, ForecastSort)
    required_permissions = dict.fromkeys(("list", "retrieve", "summary", "metadata"), MAY_SEE)
    ordering_fields = (
        *("full_on", "full_first_on", "full_last_on", "slope_bytes", "latest_bytes"),
        *("predicted_bytes", "made_on", "due_on", "samples", "status"),
    )
    ordering = ("full_on", "-slope_bytes")
    shown: Sequence[Forecast] = ()

    def get_object(self) -> Forecast:
        forecast = super().get_object()
        self.shown = [forecast]
        return forecast

    def paginate_queryset(self, queryset: Any) -> Any:
        self.shown = list(super().paginate_queryset(queryset) or ())
        return self.shown

    def get_serializer_context(self) -> dict[str, Any]:
        grades = Forecast.objects.of_targets_of(self.shown).grades_by_target() if self.shown else {}
        return {**super().get_serializer_context(), "grades": grades}

    @extend_schema(responses=ForecastSummarySerializer)
    @action(detail=False, pagination_class=None, filter_backends=())
    def summary(self, request: SignedInRequest) -> Response:
        refuse_unknown(request, {"format"})
        newest = list(Forecast.objects.latest_run().current().values_list("status", "made_on"))
        counted = Counter(status for status, _ in newest)
        numbers = {status.value: counted[status] for status in Forecast.Status}
        made_on = newest[0][1] if newest else None
        document: dict[str, Any] = {
            "made_on": made_on,
            **numbers,
            "grades": Forecast.objects.grades(),
        }
        return Response(ForecastSummarySerializer(document).data)


class GrowthViewSet(ViewSet[Instance]):
    """What ate it."""

    queryset = Instance.objects.living()
    serializer_class = NoBody
    filter_backends = ()
    pagination_class = None
    required_permissions = {"list": MAY_SEE}

    @extend_schema(parameters=[GrowthQuerySerializer], responses=GrowthSerializer)
    def list(self, request: SignedInRequest) -> Response:
        query = GrowthQuerySerializer(data=request.query_params)
        refuse_unknown(request, {*query.fields, "format"})
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        end = asked.get("end", timezone.localdate())
        start = asked.get("start", end - timedelta(days=30))
        if start >= end:
            raise ValidationError({"start": ["It must be before the end."]})
        found = growth(asked["instance"], start, end, most=asked["limit"])
        return Response(GrowthSerializer(found).data)
