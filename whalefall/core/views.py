"""The two views that need nobody to be signed in."""

from django.db import DatabaseError, connection
from django.http import Http404
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import CharField
from rest_framework.views import APIView

from whalefall.core.errors import WhalefallError


class Unhealthy(WhalefallError):
    """Our own database does not answer."""

    http_status = 503


class Public(APIView):
    authentication_classes = ()
    permission_classes = ()


class Health(Public):
    """Whether this process runs and reaches its own database."""

    @extend_schema(responses=inline_serializer("Health", {"status": CharField()}))
    def get(self, request: Request) -> Response:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except DatabaseError as error:
            raise Unhealthy("Whalefall's own database does not answer.") from error
        return Response({"status": "ok"})


class UnknownPath(Public):
    """Whatever is asked for under ``/api/`` that nothing else answers."""

    schema = None

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        raise Http404(f"There is nothing at {request.path}.")
