from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from instances.engines.base import Target
from instances.exporting import EXPORTED
from instances.filters import InstanceFilter
from instances.models import Credential, Instance
from instances.probe import Preflight, probe, probe_target
from instances.recycling import recycle, restore
from instances.serializers import (
    ConnectionStatusSerializer,
    CredentialSerializer,
    InstanceSerializer,
    PreflightSerializer,
    StatisticsSerializer,
    StoredTargetSerializer,
    TypedTargetSerializer,
)
from instances.statistics import fleet_statistics
from whalefall.core.api import AtomicModelViewSet, SignedInRequest, ViewSet, without_body
from whalefall.core.codes import READING
from whalefall.core.exports import Columns, ExportMixin
from whalefall.core.filters import refuse_unknown

# Whoever may run a sync may let us connect to a server that we know.
MAY_CONNECT = "sync_sessions.add_syncsession"


class CredentialViewSet(AtomicModelViewSet[Credential]):
    queryset = Credential.objects.all()
    serializer_class = CredentialSerializer
    filterset_fields = ("username",)
    search_fields = ("name", "username", "description")
    ordering_fields = ("name", "username")
    ordering = ("name",)


class InstanceViewSet(ExportMixin, AtomicModelViewSet[Instance]):
    queryset = Instance.objects.prefetch_related("tags")
    serializer_class = InstanceSerializer
    filterset_class = InstanceFilter
    search_fields = ("name", "host", "environment")
    ordering_fields = ("name", "engine", "host", "environment", "last_reached_at")
    ordering = ("name",)
    required_permissions = {"restore": "instances.change_instance"}
    messages = {"destroy": "Moved to the recycle bin.", "restore": "Restored."}
    failures = {"restore": ("NAME_EXISTS", "CONSTRAINT_VIOLATION")}
    export_name = "instances"

    def export_columns(self) -> Columns:
        return EXPORTED

    def get_queryset(self) -> QuerySet[Instance]:
        if self.action == "exports":
            return Instance.objects.with_parts()
        rows = super().get_queryset()
        return rows if self.action in ("list", "restore") else rows.filter(deleted_at=None)

    def perform_destroy(self, instance: Instance) -> None:
        recycle(instance)

    @without_body()
    @action(detail=True, methods=["post"], url_path="actions/restore")
    @transaction.atomic
    def restore(self, request: SignedInRequest, pk: str) -> Response:
        instance = self.get_object()
        restore(instance)
        return Response(self.get_serializer(instance).data)

    @extend_schema(responses=StatisticsSerializer)
    @action(detail=False)
    def statistics(self, request: SignedInRequest) -> Response:
        refuse_unknown(request, {"format"})
        return Response(StatisticsSerializer(fleet_statistics()).data)


class InstanceConnectionViewSet(ViewSet[Instance]):
    """Everything that connects to a server while the caller waits; never in a transaction."""

    queryset = Instance.objects.living().select_related("credential")
    required_permissions = {"preflight": MAY_CONNECT, "test_connection": MAY_CONNECT}
    failures = dict.fromkeys(("preflight", "test_connection"), READING)

    @extend_schema(responses=ConnectionStatusSerializer)
    @action(detail=True, url_path="connection-status")
    def connection_status(self, request: SignedInRequest, pk: str) -> Response:
        return Response(ConnectionStatusSerializer(self.get_object()).data)

    @extend_schema(responses=PreflightSerializer)
    @action(detail=True)
    def preflight(self, request: SignedInRequest, pk: str) -> Response:
        return Response(PreflightSerializer(probe(self.get_object())).data)

    @extend_schema(
        request=PolymorphicProxySerializer(
            "ConnectionTest", [StoredTargetSerializer, TypedTargetSerializer], None
        ),
        responses=PreflightSerializer,
    )
    @action(detail=False, methods=["post"], url_path="actions/test-connection")
    def test_connection(self, request: SignedInRequest) -> Response:
        return Response(PreflightSerializer(self.probed(request)).data)

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        data = self.request.data
        is_stored = isinstance(data, dict) and "instance_id" in data
        return StoredTargetSerializer if is_stored else TypedTargetSerializer

    def probed(self, request: SignedInRequest) -> Preflight:
        given = self.valid(request)
        if instance := given.get("instance"):
            return probe(instance)
        if not request.user.has_perm("instances.add_instance"):
            raise PermissionDenied("Only who may add instances may test a server that is none.")
        return probe_target(given.pop("engine"), typed_target(given))


def typed_target(given: dict[str, Any]) -> Target:
    return Target(
        connect_timeout_seconds=settings.CONNECT_TIMEOUT_SECONDS,
        statement_timeout_seconds=settings.STATEMENT_TIMEOUT_SECONDS,
        **given,
    )
