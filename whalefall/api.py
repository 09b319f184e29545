"""Every viewset and its path, one line each."""

from django.urls import re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.routers import DefaultRouter

from accounts.classification_viewsets import (
    AssignmentViewSet,
    AutoClassifyViewSet,
    ClassificationViewSet,
    RuleViewSet,
)
from accounts.viewsets import (
    AccountChangeViewSet,
    AccountSyncViewSet,
    AccountViewSet,
    ChangeHistoryViewSet,
    HeldReadingViewSet,
    WhoCanViewSet,
)
from capacity.viewsets import CapacitySyncViewSet
from capacity.viewsets.aggregations import AggregationViewSet
from capacity.viewsets.forecasts import ForecastViewSet, GrowthViewSet
from capacity.viewsets.partitions import PartitionViewSet
from capacity.viewsets.sizes import DatabaseSizeViewSet, InstanceSizeViewSet, TableSizeViewSet
from instances.viewsets import CredentialViewSet, InstanceConnectionViewSet, InstanceViewSet
from sync_sessions.viewsets import (
    OF_SESSION,
    ErrorLogViewSet,
    SyncEventViewSet,
    SyncRecordViewSet,
    SyncSessionViewSet,
)
from tags.viewsets import TagViewSet
from whalefall.core.views import Health


class Docs(SpectacularSwaggerView):
    http_method_names = ("get", "head")  # DRF's OPTIONS has no template for it


router = DefaultRouter()
router.trailing_slash = "/?"  # the constructor's argument knows only yes and no
router.include_format_suffixes = False

router.register("instances", AccountSyncViewSet, "account-sync")
router.register("instances", CapacitySyncViewSet, "capacity-sync")
router.register("instances", InstanceConnectionViewSet, "instance-connection")
router.register("instances", InstanceViewSet, "instance")
router.register("credentials", CredentialViewSet, "credential")
router.register("tags", TagViewSet, "tag")
router.register("accounts/ledgers", AccountViewSet, "account")
router.register(
    "accounts/ledgers/(?P<account>[0-9]+)/change-history", ChangeHistoryViewSet, "change-history"
)
router.register("accounts/who-can", WhoCanViewSet, "who-can")
router.register("accounts/classifications/rules", RuleViewSet, "classification-rule")
router.register("accounts/classifications/assignments", AssignmentViewSet, "assignment")
router.register("accounts/classifications", AutoClassifyViewSet, "auto-classify")
router.register("accounts/classifications", ClassificationViewSet, "classification")
router.register("account-change-logs", AccountChangeViewSet, "account-change")
router.register("held-readings", HeldReadingViewSet, "held-reading")
router.register("capacity/aggregations", AggregationViewSet, "aggregation")
router.register("capacity/databases", DatabaseSizeViewSet, "database-size")
router.register("capacity/instances", InstanceSizeViewSet, "instance-size")
router.register("capacity/forecasts", ForecastViewSet, "forecast")
router.register("capacity/growth", GrowthViewSet, "growth")
router.register("capacity/tables", TableSizeViewSet, "table-size")
router.register("partitions", PartitionViewSet, "partition")
for sessions in ("sync-sessions", "sessions"):
    router.register(f"{sessions}/{OF_SESSION}/records", SyncRecordViewSet, f"{sessions}-record")
    router.register(f"{sessions}/{OF_SESSION}/events", SyncEventViewSet, f"{sessions}-event")
    router.register(f"{sessions}/{OF_SESSION}/error-logs", ErrorLogViewSet, f"{sessions}-error")
    router.register(sessions, SyncSessionViewSet, sessions)

urlpatterns = [
    *router.urls,
    re_path(r"^health/?$", Health.as_view(), name="health"),
    re_path(r"^schema/?$", SpectacularAPIView.as_view(), name="schema"),
    re_path(r"^docs/?$", Docs.as_view(url_name="schema"), name="docs"),
]
