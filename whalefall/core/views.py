"""Views that need nobody to be signed in, and the envelope around what fails outside of any."""

import sys
from uuid import uuid4

from django.contrib import admin
from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views import defaults
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import CharField
from rest_framework.views import APIView

from whalefall.core.errors import WhalefallError
from whalefall.core.problems import note, problem_of
from whalefall.core.renderers import failure


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


def page(request: HttpRequest, title: str, text: str, status: int) -> HttpResponse:
    """A page of the console's that says what is wrong, and leads home."""
    context = {**admin.site.each_context(request), "title": title, "text": text}
    return render(request, "console/wrong.html", context, status=status)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """For ``handler404``."""
    text = _("There is nothing at this address, or it is gone.")
    return page(request, _("Not found"), text, 404)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """For ``handler403``."""
    text = _("Your role does not allow this. An administrator can change it.")
    return page(request, _("Not allowed"), text, 403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """For ``CSRF_FAILURE_VIEW``; the API, which answers in its envelope, has a check of its own."""
    text = _(
        "The form was older than your session, or your browser sends no cookies. Nothing was "
        "changed. Open the page again and send it once more."
    )
    return page(request, _("The form has expired"), text, 403)


def server_error(request: HttpRequest) -> HttpResponse:
    """For ``handler500``: what failed before a view began, or after it had ended."""
    error = sys.exc_info()[1]
    if not request.path.startswith("/api/") or not isinstance(error, Exception):
        return defaults.server_error(request)
    return failed(error)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """For ``handler400``: a host that is not ours, a broken upload and the like."""
    if not request.path_info.startswith("/api/"):
        return defaults.bad_request(request, exception)
    return failed(exception)


def failed(error: Exception) -> JsonResponse:
    problem, error_id = problem_of(error), uuid4().hex
    note(error, problem, error_id)
    response = JsonResponse(failure(problem.document(error_id)), status=problem.status)
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response
