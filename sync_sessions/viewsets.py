from typing import Any

from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from django_q.models import Schedule
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from sync_sessions.filters import SyncSessionFilter
from sync_sessions.jobs import job_named, jobs, start
from sync_sessions.launch import cancel_session, retry_failed
from sync_sessions.models import SyncEvent, SyncRecord, SyncSession
from sync_sessions.schedules import change_cron, pause, resume
from sync_sessions.serializers import (
    ErrorLogSerializer,
    JobSerializer,
    JobStartedSerializer,
    SessionIdSerializer,
    SyncEventSerializer,
    SyncRecordSerializer,
    SyncSessionSerializer,
)
from whalefall.core.api import M, ReadOnlyViewSet, SignedInRequest, ViewSet, without_body
from whalefall.core.errors import WhalefallError
from whalefall.core.filters import refuse_unknown

UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
OF_SESSION = f"(?P<session>{UUID})"


class SessionOver(WhalefallError):
    """There is nothing left to cancel."""

    code = "CONSTRAINT_VIOLATION"
    http_status = 409
    category = "conflict"


class SyncSessionViewSet(ReadOnlyViewSet[SyncSession]):
    queryset = SyncSession.objects.select_related("requested_by")
    serializer_class = SyncSessionSerializer
    lookup_value_regex = UUID
    filterset_class = SyncSessionFilter
    search_fields = ("requested_by__username", "schedule")
    ordering_fields = ("created_at", "started_at", "finished_at", "status", "category", "trigger")
    ordering = ("-created_at",)
    required_permissions = {
        "cancel": "sync_sessions.change_syncsession",
        "retry_failed": "sync_sessions.add_syncsession",
    }
    messages = {"cancel": "The session is being cancelled.", "retry_failed": "Queued."}
    failures = {"cancel": ("CONSTRAINT_VIOLATION",)}

    def paginate_queryset(self, queryset: Any) -> Any:
        """Counts the records of the page only: those of all sessions are millions."""
        return SyncSession.objects.counted(super().paginate_queryset(queryset) or ())

    def get_object(self) -> SyncSession:
        [session] = SyncSession.objects.counted([super().get_object()])
        return session

    @without_body()
    @action(detail=True, methods=["post"], url_path="actions/cancel")
    def cancel(self, request: SignedInRequest, pk: str) -> Response:
        session = self.get_object()
        if not cancel_session(session):
            raise SessionOver(
                f"The session is {session.get_status_display()} already, or was told to stop."
            )
        return self.retrieve(request, pk)

    @without_body(responses={202: SessionIdSerializer})
    @action(detail=True, methods=["post"], url_path="actions/retry-failed")
    def retry_failed(self, request: SignedInRequest, pk: str) -> Response:
        session = retry_failed(
            self.get_object(), trigger=SyncSession.Trigger.API, requested_by=request.user
        )
        return Response({"session_id": session.pk}, status.HTTP_202_ACCEPTED)


class JobViewSet(ViewSet[Any]):
    """What runs by itself, and when."""

    queryset = Schedule.objects.none()
    serializer_class = JobSerializer
    filter_backends = ()
    lookup_value_regex = "[a-z_]+"
    required_permissions = dict.fromkeys(
        ("update", "pause", "resume", "run"), "django_q.change_schedule"
    )
    messages = {"pause": "Paused.", "resume": "Resumed.", "run": "Started."}
    failures = {"run": ("SYNC_ALREADY_RUNNING",)}

    @extend_schema(responses=JobSerializer(many=True))
    def list(self, request: SignedInRequest) -> Response:
        refuse_unknown(request, {"page", "limit", "format"})
        page: Any = self.paginate_queryset(jobs())
        return self.get_paginated_response(JobSerializer(page, many=True).data)

    @extend_schema(responses=JobSerializer)
    def retrieve(self, request: SignedInRequest, pk: str) -> Response:
        return Response(JobSerializer(job_named(pk)).data)

    @extend_schema(responses=JobSerializer)
    @transaction.atomic
    def update(self, request: SignedInRequest, pk: str) -> Response:
        change_cron(pk, self.valid(request)["cron"])
        return self.retrieve(request, pk)

    @without_body(responses=JobSerializer)
    @action(detail=True, methods=["post"], url_path="actions/pause")
    @transaction.atomic
    def pause(self, request: SignedInRequest, pk: str) -> Response:
        pause(pk)
        return self.retrieve(request, pk)

    @without_body(responses=JobSerializer)
    @action(detail=True, methods=["post"], url_path="actions/resume")
    @transaction.atomic
    def resume(self, request: SignedInRequest, pk: str) -> Response:
        resume(pk)
        return self.retrieve(request, pk)

    @without_body(responses={202: JobStartedSerializer})
    @action(detail=True, methods=["post"], url_path="actions/run")
    def run(self, request: SignedInRequest, pk: str) -> Response:
        job_named(pk)
        session = start(pk, trigger=SyncSession.Trigger.API, requested_by=request.user)
        return Response({"session_id": session and session.pk}, status.HTTP_202_ACCEPTED)


class OfSessionViewSet(mixins.ListModelMixin, ViewSet[M]):
    """A list of what belongs to one session."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        get_object_or_404(SyncSession, pk=kwargs["session"])

    def get_queryset(self) -> QuerySet[M]:
        return super().get_queryset().filter(session=self.kwargs.get("session"))


class SyncRecordViewSet(OfSessionViewSet[SyncRecord]):
    queryset = SyncRecord.objects.select_related("instance")
    serializer_class = SyncRecordSerializer
    filterset_fields = ("status", "instance", "error_code")
    search_fields = ("instance__name", "error_message")
    ordering_fields = ("status", "started_at", "finished_at", "instance")


class SyncEventViewSet(OfSessionViewSet[SyncEvent]):
    queryset = SyncEvent.objects.all()
    serializer_class = SyncEventSerializer
    filterset_fields = ("record", "level", "event")
    search_fields = ("event",)
    ordering_fields = ("at", "level", "event")
    ordering = ("at",)


class ErrorLogViewSet(OfSessionViewSet[SyncRecord]):
    queryset = (
        SyncRecord.objects.filter(status=SyncRecord.Status.FAILED)
        .select_related("instance")
        .prefetch_related(
            Prefetch(
                "events",
                SyncEvent.objects.filter(level__in=["warning", "error", "critical"]),
                to_attr="complaints",
            )
        )
    )
    serializer_class = ErrorLogSerializer
    filterset_fields = ("instance", "error_code")
    search_fields = ("instance__name", "error_message")
    ordering_fields = ("error_code", "finished_at", "instance")
