"""Measure instances: all by the workers, or one now."""

from rest_framework import status
from rest_framework.decorators import action
from rest_framework.response import Response

from capacity.collect import launch_collection
from capacity.collect_result import collected_record, result
from instances.models import Instance
from sync_sessions.models import SyncSession
from sync_sessions.serializers import SessionIdSerializer, SyncedSerializer
from whalefall.core.api import NoBody, SignedInRequest, ViewSet, without_body
from whalefall.core.codes import READING
from whalefall.core.errors import InvalidRequest

MAY_RUN = "sync_sessions.add_syncsession"


class CapacitySyncViewSet(ViewSet[Instance]):
    """Registered on ``instances``. Runs open their own transactions, so these views open none."""

    queryset = Instance.objects.living().select_related("credential")
    serializer_class = NoBody
    required_permissions = {"sync_all": MAY_RUN, "sync_one": MAY_RUN}
    messages = {"sync_all": "Queued.", "sync_one": "Synced."}
    failures = {"sync_one": ("SYNC_ALREADY_RUNNING", *READING)}

    @without_body(operation_id="instances_sync_capacity_all", responses={202: SessionIdSerializer})
    @action(detail=False, methods=["post"], url_path="actions/sync-capacity")
    def sync_all(self, request: SignedInRequest) -> Response:
        instances = list(Instance.objects.active())
        if not instances:
            raise InvalidRequest("No instance is active, so there is nothing to sync.")
        session = launch_collection(
            instances, trigger=SyncSession.Trigger.API, requested_by=request.user
        )
        return Response({"session_id": session.pk}, status.HTTP_202_ACCEPTED)

    @without_body(responses=SyncedSerializer)
    @action(detail=True, methods=["post"], url_path="actions/sync-capacity")
    def sync_one(self, request: SignedInRequest, pk: str) -> Response:
        record = collected_record(self.get_object(), requested_by=request.user)
        return Response({"result": result(record)})
