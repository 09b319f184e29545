"""Sum measurements up, by the workers."""

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.response import Response

from capacity.aggregate import launch_aggregation
from capacity.models import InstanceAggregate
from capacity.serializers.aggregations import ScopeSerializer
from sync_sessions.models import SyncSession
from sync_sessions.serializers import SessionIdSerializer
from whalefall.core.api import SignedInRequest, ViewSet

MAY_AGGREGATE = "instances.change_instance"


class AggregationViewSet(ViewSet[InstanceAggregate]):
    queryset = InstanceAggregate.objects.none()
    serializer_class = ScopeSerializer
    required_permissions = {"current": MAY_AGGREGATE, "metadata": MAY_AGGREGATE}
    messages = {"current": "Queued."}

    @extend_schema(request=ScopeSerializer, responses={202: SessionIdSerializer})
    @action(detail=False, methods=["post"])
    def current(self, request: SignedInRequest) -> Response:
        scope = self.valid(request)["scope"]
        session = launch_aggregation(
            scope, trigger=SyncSession.Trigger.API, requested_by=request.user
        )
        return Response({"session_id": session.pk}, status.HTTP_202_ACCEPTED)
