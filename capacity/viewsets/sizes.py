from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from django_filters.utils import translate_validation  # type: ignore[import-untyped]
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from capacity.filters import DatabaseSizeFilter, InstanceSizeFilter, OwnerFilter, TableSizeFilter
from capacity.listing import (
    DATABASES,
    INSTANCES,
    SORTABLE,
    Level,
    every,
    ordered,
    size_rows,
    tables,
)
from capacity.models import TableSize
from capacity.serializers.sizes import (
    DatabaseSizeSerializer,
    DatabaseSummarySerializer,
    InstanceSizeSerializer,
    InstanceSummarySerializer,
    TableSizeSerializer,
)
from capacity.summary import Summary, summarize
from instances.models import Database, Instance
from whalefall.core.api import SignedInRequest, ViewSet
from whalefall.core.filters import Filter, Sort, refuse_unknown

MAY_SEE = "instances.view_database"


class SizeSort(Sort):
    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: APIView
    ) -> QuerySet[Any]:
        terms = self.get_ordering(request, queryset, view)
        sizes: Any = view
        return ordered(queryset, terms, sizes.level, sizes.asked.span)


class SizeViewSet(mixins.ListModelMixin, ViewSet[Any]):
    """Its queryset becomes rows in the filter, and a page of them SizeRows."""

    level: ClassVar[Level]
    filterset_class: ClassVar[type[OwnerFilter]]
    filter_backends = (Filter, SizeSort)
    required_permissions = {"list": MAY_SEE, "summary": MAY_SEE}

    @property
    def ordering(self) -> Sequence[str]:
        return ("-period_start",) if self.asked.span.is_bounded else ("name",)

    def paginate_queryset(self, queryset: Any) -> Any:
        page = super().paginate_queryset(queryset)
        assert page is not None  # the product's lists always have pages
        return size_rows(list(page), self.level, self.asked.span)

    @cached_property
    def asked(self) -> OwnerFilter:
        """The valid form behind the address. Raises ValidationError."""
        filterset = self.filterset_class(self.request.query_params, queryset=every(self.level))
        if not filterset.is_valid():
            raise translate_validation(filterset.errors)
        return filterset

    def summarized(self, request: Request) -> Summary:
        refuse_unknown(request, {*self.filterset_class.base_filters, "format"})
        asked = self.asked
        owners = asked.owners(every(self.level))
        return summarize(owners, self.level, asked.span, today=timezone.localdate())


class DatabaseSizeViewSet(SizeViewSet):
    level = DATABASES
    queryset = Database.objects.filter(instance__deleted_at=None)
    serializer_class = DatabaseSizeSerializer
    filterset_class = DatabaseSizeFilter
    ordering_fields = ("name", "instance", *SORTABLE)

    @extend_schema(responses=DatabaseSummarySerializer, filters=True)
    @action(detail=False, pagination_class=None)
    def summary(self, request: SignedInRequest) -> Response:
        return Response(DatabaseSummarySerializer(self.summarized(request)).data)


class InstanceSizeViewSet(SizeViewSet):
    level = INSTANCES
    queryset = Instance.objects.living()
    serializer_class = InstanceSizeSerializer
    filterset_class = InstanceSizeFilter
    ordering_fields = ("name", *SORTABLE)

    @extend_schema(responses=InstanceSummarySerializer, filters=True)
    @action(detail=False, pagination_class=None)
    def summary(self, request: SignedInRequest) -> Response:
        return Response(InstanceSummarySerializer(self.summarized(request)).data)


class TableSizeViewSet(mixins.ListModelMixin, ViewSet[TableSize]):
    queryset = tables()
    serializer_class = TableSizeSerializer
    filterset_class = TableSizeFilter
    required_permissions = {"list": MAY_SEE, "metadata": MAY_SEE}
    ordering_fields = ("total_bytes", "estimated_rows", "name", "schema", "valid_from", "valid_to")
    ordering = ("-total_bytes",)
