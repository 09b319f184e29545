from typing import Any

from django.db import transaction
from django.db.models import Count, Q
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.response import Response

from instances.tagging import assign_tags, remove_all_tags, remove_tags
from tags.models import Tag
from tags.serializers import (
    BulkTagsSerializer,
    RemoveAllTagsSerializer,
    TagCategorySerializer,
    TaggingSerializer,
    TagSerializer,
)
from whalefall.core.api import AtomicModelViewSet, SignedInRequest, ViewSet
from whalefall.core.errors import WhalefallError
from whalefall.core.filters import refuse_unknown

MAY_TAG = "tags.change_tag"


class TagInUse(WhalefallError):
    """Deleting it would silently take it off its instances."""

    code = "TAG_IN_USE"
    http_status = 409
    category = "conflict"
    suggestions = ("Take it off its instances first.",)


class TagViewSet(AtomicModelViewSet[Tag]):
    failures = {"destroy": ("TAG_IN_USE",)}
    queryset = Tag.objects.all()
    serializer_class = TagSerializer
    filterset_fields = ("category",)
    search_fields = ("name", "category")
    ordering_fields = ("name", "category")
    ordering = ("category", "name")

    def perform_destroy(self, instance: Tag) -> None:
        used = instance.instances.count()
        if used:
            raise TagInUse(f"The tag {instance} is on {used} instance(s).")
        instance.delete()

    @extend_schema(responses=TagSerializer(many=True), filters=False)
    @action(detail=False, url_path="options", pagination_class=None)
    def choices(self, request: SignedInRequest) -> Response:
        """Every tag, for a list to choose from."""
        refuse_unknown(request, {"format"})
        rows = Tag.objects.order_by(*self.ordering)
        return Response(TagSerializer(rows, many=True).data)

    @extend_schema(responses=TagCategorySerializer(many=True), filters=False)
    @action(detail=False, pagination_class=None)
    def categories(self, request: SignedInRequest) -> Response:
        refuse_unknown(request, {"format"})
        living = Count("instances", filter=Q(instances__deleted_at=None), distinct=True)
        found: Any = Tag.objects.order_by("category").values("category")
        rows = found.annotate(tags=Count("pk", distinct=True), instances=living)
        return Response(TagCategorySerializer(rows, many=True).data)


class TagBulkViewSet(ViewSet[Tag]):
    """Tags of many instances at once: each is one statement, all of it or nothing."""

    queryset = Tag.objects.all()
    serializer_class = BulkTagsSerializer
    required_permissions = {"assign": MAY_TAG, "remove": MAY_TAG, "remove_all": MAY_TAG}
    messages = {"assign": "Assigned.", "remove": "Removed.", "remove_all": "Removed."}

    @extend_schema(responses=TaggingSerializer)
    @action(detail=False, methods=["post"], url_path="actions/assign")
    @transaction.atomic
    def assign(self, request: SignedInRequest) -> Response:
        return Response(TaggingSerializer(assign_tags(**self.valid(request))).data)

    @extend_schema(responses=TaggingSerializer)
    @action(detail=False, methods=["post"], url_path="actions/remove")
    @transaction.atomic
    def remove(self, request: SignedInRequest) -> Response:
        return Response(TaggingSerializer(remove_tags(**self.valid(request))).data)

    @extend_schema(responses=TaggingSerializer)
    @action(
        detail=False,
        methods=["post"],
        url_path="actions/remove-all",
        serializer_class=RemoveAllTagsSerializer,
    )
    @transaction.atomic
    def remove_all(self, request: SignedInRequest) -> Response:
        return Response(TaggingSerializer(remove_all_tags(**self.valid(request))).data)
