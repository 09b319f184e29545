from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from capacity.maintain import launch_maintenance, launch_retention
from capacity.models import DatabaseSize
from capacity.partitions import partition_status, partitions
from capacity.serializers.partitions import PartitionStatusSerializer, PartSerializer
from sync_sessions.models import SyncSession
from sync_sessions.serializers import SessionIdSerializer
from whalefall.core.api import SignedInRequest, ViewSet, without_body
from whalefall.core.filters import refuse_unknown

MAY_SEE = "instances.view_database"
# What an admin may and an operator may not: months are dropped with all that was measured.
MAY_KEEP = "instances.delete_instance"
API = SyncSession.Trigger.API


class PartitionViewSet(ViewSet[Any]):
    """Parts are no rows of a model. Runs open their own transactions, so this opens none."""

    queryset = DatabaseSize.objects.none()
    serializer_class = PartSerializer
    filter_backends = ()
    required_permissions = {
        "list": MAY_SEE,
        "state": MAY_SEE,
        "create": MAY_KEEP,
        "cleanup": MAY_KEEP,
        "metadata": MAY_SEE,
    }
    messages = {"create": "Queued.", "cleanup": "Queued."}

    @extend_schema(operation_id="partitions_list", responses=PartSerializer(many=True))
    def list(self, request: Request) -> Response:
        refuse_unknown(request, {"page", "limit", "format"})
        page: Any = self.paginate_queryset(partitions())
        return self.get_paginated_response(PartSerializer(page, many=True).data)

    @without_body(responses={202: SessionIdSerializer})
    def create(self, request: SignedInRequest) -> Response:
        """Make the months to come and drop the old ones."""
        session = launch_maintenance(trigger=API, requested_by=request.user)
        return Response({"session_id": session.pk}, status.HTTP_202_ACCEPTED)

    @extend_schema(responses=PartitionStatusSerializer)
    @action(detail=False, url_path="status")
    def state(self, request: Request) -> Response:
        return Response(PartitionStatusSerializer(partition_status()).data)

    @without_body(responses={202: SessionIdSerializer})
    @action(detail=False, methods=["post"], url_path="actions/cleanup")
    def cleanup(self, request: SignedInRequest) -> Response:
        """Drop the old months only."""
        session = launch_retention(trigger=API, requested_by=request.user)
        return Response({"session_id": session.pk}, status.HTTP_202_ACCEPTED)
