from contextlib import nullcontext
from typing import Any

from django.db import transaction
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from instances.bulk import batch_delete, import_document, run_import
from instances.bulk_rows import COLUMNS, Draft, csv_drafts, json_drafts
from instances.bulk_serializers import (
    BatchCreateSerializer,
    BatchDeletedSerializer,
    BatchDeleteSerializer,
    ImportOptionsSerializer,
    ImportResultSerializer,
    UploadSerializer,
)
from instances.models import Instance
from whalefall.core.api import RequestDataEmpty, SignedInRequest, ViewSet
from whalefall.core.exports import (
    WITH_CSV,
    CsvParser,
    csv_response,
    refuse_other_formats,
    uploaded,
)
from whalefall.core.filters import refuse_unknown
from whalefall.core.parsers import BoundedJSONParser


class InstanceBulkViewSet(ViewSet[Instance]):
    """Many servers at once. Registered on ``instances``."""

    queryset = Instance.objects.all()
    serializer_class = BatchCreateSerializer
    required_permissions = {
        "batch_create": "instances.add_instance",
        "batch_delete": "instances.delete_instance",
    }
    messages = {"batch_delete": "Moved to the recycle bin."}

    @extend_schema(
        request={
            "application/json": BatchCreateSerializer,
            "text/csv": OpenApiTypes.STR,
            "multipart/form-data": UploadSerializer,
        },
        parameters=[ImportOptionsSerializer],
        responses=ImportResultSerializer,
    )
    @action(
        detail=False,
        methods=["post"],
        url_path="actions/batch-create",
        parser_classes=[BoundedJSONParser, CsvParser, MultiPartParser],
    )
    def batch_create(self, request: SignedInRequest) -> Response:
        options = ImportOptionsSerializer(data=request.query_params)
        refuse_unknown(request, {*options.fields, "format"})
        options.is_valid(raise_exception=True)
        asked, drafts = options.validated_data, self.drafts(request)
        # SQLite lets one transaction in at a time, and a dry run needs none.
        with nullcontext() if asked["dry_run"] else transaction.atomic():
            rows = run_import(drafts, **asked)
        return Response(import_document(rows))

    def drafts(self, request: SignedInRequest) -> list[Draft]:
        """The rows of a file, as it is or in a form, or of a JSON document."""
        if isinstance(request.data, bytes):
            return csv_drafts(request.data)
        if not request.data and not request.FILES:
            raise RequestDataEmpty("The request has no body, or an empty one.")
        if request.content_type.startswith(MultiPartParser.media_type):
            return csv_drafts(uploaded(request, "file"))
        return json_drafts(self.valid(request)["instances"])

    @extend_schema(request=BatchDeleteSerializer, responses=BatchDeletedSerializer)
    @action(
        detail=False,
        methods=["post"],
        url_path="actions/batch-delete",
        serializer_class=BatchDeleteSerializer,
    )
    @transaction.atomic
    def batch_delete(self, request: SignedInRequest) -> Response:
        return Response(batch_delete(self.valid(request)["instance_ids"]))

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR})
    @action(detail=False, url_path="imports/template", renderer_classes=WITH_CSV)
    def template(self, request: SignedInRequest) -> StreamingHttpResponse:
        """The columns that an import takes, with nothing below them."""
        refuse_unknown(request, {"format"})
        refuse_other_formats(request)
        columns: dict[str, Any] = dict.fromkeys(COLUMNS)
        return csv_response("instances-template", columns, Instance.objects.none())
