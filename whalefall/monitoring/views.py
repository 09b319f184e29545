"""For whoever watches over Whalefall."""

from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView
from drf_spectacular.utils import extend_schema
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from whalefall.core.filters import refuse_unknown
from whalefall.monitoring.health import CHECKS, STATUS_CHOICES, health
from whalefall.monitoring.metrics import Metrics

FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP")


class CheckSerializer(serializers.Serializer[Any]):
    name = serializers.ChoiceField(choices=list(CHECKS))
    status = serializers.ChoiceField(choices=STATUS_CHOICES)
    message = serializers.CharField()
    suggestion = serializers.CharField(help_text="What to do; empty when all is well.")


class HealthReportSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=STATUS_CHOICES, help_text="The worst of the checks.")
    checked_at = serializers.DateTimeField()
    checks = CheckSerializer(many=True)


class HealthDetailed(APIView):
    """How each part of Whalefall is. It answers with 200 whatever it has to tell."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(responses=HealthReportSerializer)
    def get(self, request: Request) -> Response:
        refuse_unknown(request, {"format"})
        return Response(HealthReportSerializer(health(timezone.now())).data)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """What this process, or all under PROMETHEUS_MULTIPROC_DIR, did; and what our database says."""
    if not may_read_metrics(request):
        refusal = _("Send METRICS_TOKEN as a bearer token, or ask from this machine.")
        challenge = {"WWW-Authenticate": "Bearer"}
        return HttpResponse(refusal, status=401, content_type="text/plain", headers=challenge)
    registry = CollectorRegistry()
    registry.register(Metrics(timezone.now()))
    of_requests: bytes = ExportToDjangoView(request).content
    return HttpResponse(of_requests + generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def may_read_metrics(request: HttpRequest) -> bool:
    kind, _space, given = request.headers.get("Authorization", "").partition(" ")
    if settings.METRICS_TOKEN and kind.lower() == "bearer":
        return constant_time_compare(given, settings.METRICS_TOKEN)
    return is_local(request)


def is_local(request: HttpRequest) -> bool:
    """From this machine itself: what a proxy passes on comes from somewhere else."""
    address = request.META.get("REMOTE_ADDR", "")
    if any(name in request.headers for name in FORWARDED):
        return False
    return not address or ip_address(address).is_loopback  # none: over a socket of this machine
