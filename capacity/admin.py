"""Capacity in the console: pages of its own, since the admin refuses composite keys."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from capacity.aggregate import launch_aggregation
from capacity.collect import launch_collection
from capacity.filters import DatabaseSizeFilter, InstanceSizeFilter, OwnerFilter
from capacity.listing import DATABASES, INSTANCES, STALE_DAYS, Level, every
from capacity.maintain import launch_maintenance, launch_retention
from capacity.models import Period
from capacity.pages import detail_page, list_page, period_of
from capacity.partitions import partition_status, partitions
from instances.engines import engine_choices
from instances.models import Instance
from sync_sessions.models import SyncSession
from tags.models import Tag
from whalefall.core.admin import console_page, page_of_console, signed_in
from whalefall.core.display import object_url

MAY_SEE = "instances.view_database"
MAY_COLLECT = "sync_sessions.add_syncsession"
# What an admin may and an operator may not: the whole fleet's numbers are computed anew.
MAY_AGGREGATE = "instances.change_instance"
# Months are dropped with all that was measured in them.
MAY_KEEP = "instances.delete_instance"


@console_page(
    *("capacity/instances/", "capacity_instances", MAY_SEE),
    title=_("Instances"),
    menu_group=_("Capacity"),
    menu_icon="hard_drive",
    menu_position=25,
)
def instance_list(request: HttpRequest) -> HttpResponse:
    return list_view(request, InstanceSizeFilter, gettext("Capacity of instances"))


@console_page(
    *("capacity/databases/", "capacity_databases", MAY_SEE),
    title=_("Databases"),
    menu_group=_("Capacity"),
    menu_icon="database",
    menu_position=26,
)
def database_list(request: HttpRequest) -> HttpResponse:
    return list_view(request, DatabaseSizeFilter, gettext("Capacity of databases"))


@console_page("capacity/instances/<int:pk>/", "capacity_instance", MAY_SEE)
def instance_detail(request: HttpRequest, pk: int) -> HttpResponse:
    return detail_view(request, INSTANCES, pk)


@console_page("capacity/databases/<int:pk>/", "capacity_database", MAY_SEE)
def database_detail(request: HttpRequest, pk: int) -> HttpResponse:
    return detail_view(request, DATABASES, pk)


@console_page("capacity/collect/", "capacity_collect", MAY_COLLECT)
@require_POST
def collect(request: HttpRequest) -> HttpResponse:
    """Of the instance that the form names, or of all."""
    instances = Instance.objects.active()
    if key := request.POST.get("instance"):
        instances = instances.filter(pk=key) if key.isdecimal() else instances.none()
    chosen = list(instances)
    if not chosen:
        messages.error(request, gettext("No such instance is active, so nothing was queued."))
        return HttpResponseRedirect(reverse("admin:capacity_instances"))
    trigger = SyncSession.Trigger.ADMIN
    session = launch_collection(chosen, trigger=trigger, requested_by=signed_in(request))
    return HttpResponseRedirect(object_url(session))


@console_page("capacity/aggregate/", "capacity_aggregate", MAY_AGGREGATE)
@require_POST
def aggregate_now(request: HttpRequest) -> HttpResponse:
    trigger = SyncSession.Trigger.ADMIN
    session = launch_aggregation("all", trigger=trigger, requested_by=signed_in(request))
    return HttpResponseRedirect(object_url(session))


@console_page(
    *("capacity/partitions/", "capacity_partitions", MAY_SEE),
    title=_("Partitions"),
    menu_group=_("Capacity"),
    menu_icon="calendar_view_month",
    menu_position=29,
)
@require_http_methods(["GET", "HEAD", "POST"])
def partition_page(request: HttpRequest) -> HttpResponse:
    may_keep = request.user.has_perm(MAY_KEEP)
    if request.method == "POST":
        if not may_keep:
            raise PermissionDenied
        is_retention = request.POST.get("action") == "retention"
        launch = launch_retention if is_retention else launch_maintenance
        session = launch(trigger=SyncSession.Trigger.ADMIN, requested_by=signed_in(request))
        return HttpResponseRedirect(object_url(session))
    context = {"status": partition_status(), "parts": partitions(), "may_keep": may_keep}
    return show(request, "partitions", gettext("Partitions of sizes"), context)


def list_view(request: HttpRequest, kind: type[OwnerFilter], title: str) -> HttpResponse:
    asked = kind(request.GET, queryset=every(kind.level))
    today = timezone.localdate()
    context: dict[str, Any] = {"asked": asked, "form": asked.form, "level": kind.level.name}
    if asked.is_valid():
        context |= list_page(request, asked, today=today)
    return show(request, "list", title, {**context, **choices()})


def choices() -> dict[str, Any]:
    """Of the filters."""
    return {
        "engines": engine_choices(),
        "instances": Instance.objects.living().only("name"),
        "periods": Period.choices,
        "tags": Tag.objects.values_list("name", flat=True),
    }


def detail_view(request: HttpRequest, level: Level, pk: int) -> HttpResponse:
    owner = get_object_or_404(every(level), pk=pk)
    period, today = period_of(request.GET.get("period", "")), timezone.localdate()
    context = detail_page(request, level, pk, period, today=today)
    title = gettext("Capacity of %(name)s") % {"name": owner}
    return show(request, "detail", title, {**context, "level": level.name})


def show(request: HttpRequest, page: str, title: str, context: dict[str, Any]) -> HttpResponse:
    shared = {
        "stale_before": timezone.localdate() - timedelta(days=STALE_DAYS),
        "may_collect": request.user.has_perm(MAY_COLLECT),
        "may_aggregate": request.user.has_perm(MAY_AGGREGATE),
    }
    return page_of_console(request, f"admin/capacity/{page}.html", title, {**context, **shared})
