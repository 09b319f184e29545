from typing import Any, ClassVar

from django.db import transaction
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts.by_hand import assign, unassign
from accounts.classification_filters import AssignmentFilter, RuleFilter
from accounts.classification_serializers import (
    AssignmentSerializer,
    AutoClassifySerializer,
    ClassificationSerializer,
    ExpressionSerializer,
    PreviewQuerySerializer,
    PreviewSerializer,
    RuleSerializer,
    ValidationSerializer,
)
from accounts.classify import launch_classification
from accounts.models import Assignment, Classification, ClassificationRule
from accounts.predicates.schema import schema
from accounts.predicates.validation import InvalidExpression
from accounts.rules import add_rule, check_expression, preview, refuse_use, retire_rule, revise_rule
from sync_sessions.models import SyncSession
from sync_sessions.serializers import SessionIdSerializer
from whalefall.core.api import AtomicModelViewSet, SignedInRequest, ViewSet, checked

MAY_RUN = "sync_sessions.add_syncsession"
MAY_SEE = "accounts.view_classificationrule"


class ClassificationViewSet(AtomicModelViewSet[Classification]):
    failures: ClassVar[dict[str, tuple[str, ...]]] = {"destroy": ("CLASSIFICATION_IN_USE",)}
    queryset = Classification.objects.with_accounts()
    serializer_class = ClassificationSerializer
    filterset_fields = ("risk_level", "is_system")
    search_fields = ("code", "name")
    ordering_fields = ("code", "name", "priority", "risk_level")
    ordering = ("priority", "name")

    def perform_destroy(self, instance: Classification) -> None:
        refuse_use(instance)
        instance.delete()


class AutoClassifyViewSet(ViewSet[Classification]):
    """Apart from the others, whose writes are atomic."""

    queryset = Classification.objects.all()
    serializer_class = AutoClassifySerializer
    required_permissions: ClassVar[dict[str, str]] = {"auto_classify": MAY_RUN}
    messages: ClassVar[dict[str, str]] = {"auto_classify": "Queued."}

    @extend_schema(request=AutoClassifySerializer, responses={202: SessionIdSerializer})
    @action(detail=False, methods=["post"], url_path="actions/auto-classify")
    def auto_classify(self, request: SignedInRequest) -> Response:
        asked = checked(AutoClassifySerializer(data=request.data))
        instances = [asked.validated_data.get("instance_id")]
        session = launch_classification(
            instances, trigger=SyncSession.Trigger.API, requested_by=request.user
        )
        return Response({"session_id": session.pk}, status.HTTP_202_ACCEPTED)


class RuleViewSet(AtomicModelViewSet[ClassificationRule]):
    queryset = ClassificationRule.objects.select_related("classification", "created_by")
    serializer_class = RuleSerializer
    filterset_class = RuleFilter
    search_fields = ("name", "classification__code", "classification__name")
    ordering_fields = ("name", "classification", "version", "created_at")
    ordering = ("classification", "name", "-version")
    required_permissions: ClassVar[dict[str, str]] = {
        "validate_expression": MAY_SEE,
        "preview": MAY_SEE,
    }

    def perform_create(self, serializer: BaseSerializer[ClassificationRule]) -> None:
        person: Any = self.request.user
        serializer.instance = add_rule(by=person, **serializer.validated_data)

    def perform_update(self, serializer: BaseSerializer[ClassificationRule]) -> None:
        rule: Any = serializer.instance
        person: Any = self.request.user
        changed = revise_rule(rule, by=person, **serializer.validated_data)
        serializer.instance = changed

    def perform_destroy(self, instance: ClassificationRule) -> None:
        retire_rule(instance)

    @extend_schema(request=ExpressionSerializer, responses=ValidationSerializer)
    @action(detail=False, methods=["post"], url_path="actions/validate-expression")
    def validate_expression(self, request: SignedInRequest) -> Response:
        asked = checked(ExpressionSerializer(data=request.data))
        told: dict[str, Any]
        try:
            told = {"expression": check_expression(**asked.asked()), "errors": []}
        except InvalidExpression as error:  # it is what was asked for
            told = {"expression": None, "errors": error.extra["errors"]}
        return Response({"is_valid": not told["errors"], **told})

    @extend_schema(request=PreviewQuerySerializer, responses=PreviewSerializer)
    @action(detail=False, methods=["post"], url_path="actions/preview")
    def preview(self, request: SignedInRequest) -> Response:
        """What a run would change if this were a rule. Nothing is saved."""
        asked = checked(PreviewQuerySerializer(data=request.data))
        return Response(PreviewSerializer(preview(**asked.asked())).data)

    @extend_schema(responses=OpenApiTypes.OBJECT, filters=False)
    @action(detail=False, url_path="schema", pagination_class=None, filter_backends=())
    def expression_schema(self, request: Request) -> Response:
        """The JSON Schema of an expression."""
        return Response(schema())


class AssignmentViewSet(
    mixins.CreateModelMixin,
    mixins.DestroyModelMixin,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    ViewSet[Assignment],
):
    """A person may give and take those by hand; a rule's own are changed with the rule."""

    queryset = Assignment.objects.select_related(
        "account__instance", "classification", "rule", "assigned_by"
    )
    serializer_class = AssignmentSerializer
    filterset_class = AssignmentFilter
    search_fields = ("account__name", "account__instance__name", "classification__code")
    ordering_fields = ("assigned_at", "revoked_at", "account", "classification")
    ordering = ("-assigned_at",)
    create = transaction.atomic(mixins.CreateModelMixin.create)

    def perform_create(self, serializer: BaseSerializer[Assignment]) -> None:
        person: Any = self.request.user
        serializer.instance = assign(by=person, **serializer.validated_data)

    @transaction.atomic
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        unassign(self.get_object())
        return Response(None)
