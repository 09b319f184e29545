from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts.effect_serializers import AccountChangeDetailSerializer
from accounts.exporting import account_columns, with_classes
from accounts.filters import AccountChangeFilter, AccountFilter, HeldReadingFilter, HistoryFilter
from accounts.held import accept_reading, reject_reading
from accounts.ledgers import permissions_document
from accounts.models import Account, AccountChange, HeldReading
from accounts.objects import parse_object
from accounts.serializers import (
    AccountChangeSerializer,
    AccountDetailSerializer,
    AccountSerializer,
    AccountStatisticsSerializer,
    HeldReadingSerializer,
    HolderSerializer,
    PermissionsQuerySerializer,
    PermissionsSerializer,
    UntoldSerializer,
    WhoCanQuerySerializer,
)
from accounts.statistics import account_statistics
from accounts.sync import launch_account_sync
from accounts.sync_result import result, synced_record
from accounts.take_away import removal_document, take_away
from accounts.take_away_serializers import RemovalSerializer, TakeAwayQuerySerializer
from accounts.who_can import holder_documents, who_can
from instances.coverage import coverage_by_instance
from instances.models import Instance
from sync_sessions.models import SyncSession
from sync_sessions.serializers import SessionIdSerializer, SyncedSerializer
from whalefall.core.api import NoBody, ReadOnlyViewSet, SignedInRequest, ViewSet, without_body
from whalefall.core.codes import READING
from whalefall.core.errors import InvalidRequest
from whalefall.core.exports import Columns, ExportMixin
from whalefall.core.filters import refuse_unknown
from whalefall.core.pagination import PagesOfWideRows

MAY_RUN = "sync_sessions.add_syncsession"
API = SyncSession.Trigger.API


class AccountSyncViewSet(ViewSet[Instance]):
    """Registered on ``instances``. Runs open their own transactions, so these views open none."""

    queryset = Instance.objects.living().select_related("credential")
    serializer_class = NoBody
    required_permissions = {"sync_all": MAY_RUN, "sync_one": MAY_RUN}
    messages = {"sync_all": "Queued.", "sync_one": "Synced."}
    failures = {"sync_one": ("SYNC_ALREADY_RUNNING", "SYNC_IMPLAUSIBLE", *READING)}

    @without_body(operation_id="instances_sync_accounts_all", responses={202: SessionIdSerializer})
    @action(detail=False, methods=["post"], url_path="actions/sync-accounts")
    def sync_all(self, request: SignedInRequest) -> Response:
        instances = list(Instance.objects.active())
        if not instances:
            raise InvalidRequest("No instance is active, so there is nothing to sync.")
        session = launch_account_sync(instances, trigger=API, requested_by=request.user)
        return Response({"session_id": session.pk}, status.HTTP_202_ACCEPTED)

    @without_body(responses=SyncedSerializer)
    @action(detail=True, methods=["post"], url_path="actions/sync-accounts")
    def sync_one(self, request: SignedInRequest, pk: str) -> Response:
        record = synced_record(self.get_object(), requested_by=request.user)
        return Response({"result": result(record)})


class AccountViewSet(ExportMixin, ReadOnlyViewSet[Account]):
    queryset = Account.objects.select_related("instance")
    filterset_class = AccountFilter
    pagination_class = PagesOfWideRows
    search_fields = ("name", "instance__name")
    ordering_fields = (
        *("name", "instance", "kind", "is_superuser", "is_locked", "first_seen_at"),
        *("password_changed_at", "password_expires_at", "last_login_at", "removed_at"),
    )
    ordering = ("instance", "name")
    export_name = "accounts"
    failures = {
        "permissions": ("SNAPSHOT_MISSING", "PERMISSION_FACTS_MISSING"),
        "take_away": ("SNAPSHOT_MISSING",),
    }
    shown: tuple[Account, ...] = ()

    def export_columns(self) -> Columns:
        return account_columns(timezone.now())

    def get_queryset(self) -> QuerySet[Account]:
        rows = super().get_queryset()
        return with_classes(rows) if self.action == "exports" else rows

    def get_serializer_class(self) -> type[BaseSerializer[Account]]:
        return AccountSerializer if self.action == "list" else AccountDetailSerializer

    def get_object(self) -> Account:
        account = super().get_object()
        self.shown = (account,)
        return account

    def paginate_queryset(self, queryset: Any) -> Any:
        self.shown = tuple(super().paginate_queryset(queryset) or ())
        return list(self.shown)

    def get_serializer_context(self) -> dict[str, Any]:
        instances = [account.instance_id for account in self.shown]
        return {**super().get_serializer_context(), "coverage": coverage_by_instance(instances)}

    @extend_schema(parameters=[PermissionsQuerySerializer], responses=PermissionsSerializer)
    @action(detail=True)
    def permissions(self, request: SignedInRequest, pk: str) -> Response:
        query = PermissionsQuerySerializer(data=request.query_params)
        refuse_unknown(request, {*query.fields, "format"})
        query.is_valid(raise_exception=True)
        document = permissions_document(self.get_object(), **query.validated_data)
        return Response(PermissionsSerializer(document).data)

    @extend_schema(parameters=[TakeAwayQuerySerializer], responses=RemovalSerializer)
    @action(detail=True, url_path="take-away")
    def take_away(self, request: SignedInRequest, pk: str) -> Response:
        query = TakeAwayQuerySerializer(data=request.query_params)
        refuse_unknown(request, {*query.fields, "format"})
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        parts = parse_object(asked["object"])
        removal = take_away(
            self.get_object(), asked["privilege"], parts, set_role=asked["set_role"]
        )
        return Response(RemovalSerializer(removal_document(removal)).data)


class AccountStatisticsViewSet(ViewSet[Account]):
    """Registered on ``accounts``."""

    queryset = Account.objects.all()
    serializer_class = AccountStatisticsSerializer

    @extend_schema(responses=AccountStatisticsSerializer)
    @action(detail=False)
    def statistics(self, request: SignedInRequest) -> Response:
        refuse_unknown(request, {"format"})
        return Response(AccountStatisticsSerializer(account_statistics(timezone.now())).data)


class WhoCanViewSet(ViewSet[Account]):
    """Who may do something to an object, on one instance or all."""

    queryset = Account.objects.all()
    serializer_class = HolderSerializer

    @extend_schema(
        operation_id="accounts_who_can",
        parameters=[WhoCanQuerySerializer],
        responses=HolderSerializer(many=True),
    )
    def list(self, request: SignedInRequest) -> Response:
        query = WhoCanQuerySerializer(data=request.query_params)
        refuse_unknown(request, {*query.fields, "page", "limit", "format"})
        query.is_valid(raise_exception=True)
        asked = dict(query.validated_data)
        answer = who_can(asked.pop("privilege"), parse_object(asked.pop("object")), **asked)
        page: Any = self.paginate_queryset(answer)  # type: ignore[arg-type]
        response = self.get_paginated_response(holder_documents(page, answer.question))
        response.data["could_not_be_told"] = UntoldSerializer(answer.untold, many=True).data
        return response


class AccountChangeViewSet(ReadOnlyViewSet[AccountChange]):
    """One entry also tells its effect: who gained or lost what."""

    queryset = AccountChange.objects.select_related("account__instance")
    serializer_class = AccountChangeSerializer
    filterset_class = AccountChangeFilter
    search_fields = ("account__name", "account__instance__name")
    ordering_fields = ("occurred_at", "kind", "cause")
    ordering = ("-occurred_at",)

    def get_serializer_class(self) -> type[BaseSerializer[AccountChange]]:
        one = self.action == "retrieve"
        return AccountChangeDetailSerializer if one else AccountChangeSerializer


class ChangeHistoryViewSet(mixins.ListModelMixin, ViewSet[AccountChange]):
    """The changes of one account."""

    queryset = AccountChange.objects.select_related("account__instance")
    serializer_class = AccountChangeSerializer
    filterset_class = HistoryFilter
    ordering_fields = ("occurred_at", "kind", "cause")
    ordering = ("-occurred_at",)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        get_object_or_404(Account, pk=kwargs["account"])

    def get_queryset(self) -> QuerySet[AccountChange]:
        return super().get_queryset().filter(account=self.kwargs.get("account"))


class HeldReadingViewSet(ReadOnlyViewSet[HeldReading]):
    queryset = HeldReading.objects.select_related("record__instance", "decided_by")
    serializer_class = HeldReadingSerializer
    filterset_class = HeldReadingFilter
    ordering_fields = ("decision", "decided_at")
    ordering = ("-pk",)
    required_permissions = {
        "accept": "accounts.change_heldreading",
        "reject": "accounts.change_heldreading",
    }
    messages = {"accept": "Accepted and applied.", "reject": "Rejected."}
    failures = dict.fromkeys(("accept", "reject"), ("CONSTRAINT_VIOLATION",))

    def get_queryset(self) -> QuerySet[HeldReading]:
        rows = super().get_queryset()
        return rows if self.action == "accept" else rows.defer("reading")

    @without_body(responses=SessionIdSerializer)
    @action(detail=True, methods=["post"], url_path="actions/accept")
    def accept(self, request: SignedInRequest, pk: str) -> Response:
        session = accept_reading(self.get_object(), trigger=API, by=request.user)
        return Response({"session_id": session.pk})

    @without_body()
    @action(detail=True, methods=["post"], url_path="actions/reject")
    def reject(self, request: SignedInRequest, pk: str) -> Response:
        held = self.get_object()
        reject_reading(held, by=request.user)
        return Response(self.get_serializer(held).data)
