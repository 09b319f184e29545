"""Every viewset and its path, one line each."""

from django.urls import re_path
from drf_spectacular.views import (
    SpectacularAPIView,
    SpectacularRedocView,
    SpectacularSwaggerView,
)
from rest_framework.routers import DefaultRouter

from accounts.classification_viewsets import (
    AssignmentViewSet,
    AutoClassifyViewSet,
    ClassificationViewSet,
    RuleViewSet,
)
from accounts.viewsets import (
    AccountChangeViewSet,
    AccountStatisticsViewSet,
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
from instances.bulk_viewsets import InstanceBulkViewSet
from instances.viewsets import CredentialViewSet, InstanceConnectionViewSet, InstanceViewSet
from sync_sessions.viewsets import (
    OF_SESSION,
    ErrorLogViewSet,
    JobViewSet,
    SyncEventViewSet,
    SyncRecordViewSet,
    SyncSessionViewSet,
)
from tags.viewsets import TagBulkViewSet, TagViewSet
from whalefall.audit.viewsets import AuditLogViewSet
from whalefall.core.schema import OneSchema
from whalefall.core.views import Health
from whalefall.monitoring.views import HealthDetailed
from whalefall.users.viewsets import ApiTokenViewSet, AuthViewSet, UserViewSet


class Schema(SpectacularAPIView):
    http_method_names = ("get", "head")  # DRF's OPTIONS would be no schema, and without envelope


class Docs(SpectacularSwaggerView):
    http_method_names = ("get", "head")  # DRF's OPTIONS has no template for it


class Redoc(SpectacularRedocView):
    http_method_names = ("get", "head")
    template_name = "api/redoc.html"  # theirs fetches fonts from elsewhere


router = DefaultRouter()
router.trailing_slash = "/?"  # the constructor's argument knows only yes and no
router.include_format_suffixes = False

router.register("instances", AccountSyncViewSet, "account-sync")
router.register("instances", CapacitySyncViewSet, "capacity-sync")
router.register("instances", InstanceConnectionViewSet, "instance-connection")
router.register("instances", InstanceBulkViewSet, "instance-bulk")
router.register("instances", InstanceViewSet, "instance")
router.register("credentials", CredentialViewSet, "credential")
router.register("tags/bulk", TagBulkViewSet, "tag-bulk")
router.register("tags", TagViewSet, "tag")
router.register("audit-logs", AuditLogViewSet, "audit-log")
router.register("auth/tokens", ApiTokenViewSet, "api-token")
router.register("auth", AuthViewSet, "auth")
router.register("users", UserViewSet, "user")
router.register("accounts/ledgers", AccountViewSet, "account")
router.register(
    "accounts/ledgers/(?P<account>[0-9]+)/change-history", ChangeHistoryViewSet, "change-history"
)
router.register("accounts", AccountStatisticsViewSet, "account-statistics")
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
router.register("scheduler/jobs", JobViewSet, "job")
for sessions in ("sync-sessions", "sessions"):
    router.register(f"{sessions}/{OF_SESSION}/records", SyncRecordViewSet, f"{sessions}-record")
    router.register(f"{sessions}/{OF_SESSION}/events", SyncEventViewSet, f"{sessions}-event")
    router.register(f"{sessions}/{OF_SESSION}/error-logs", ErrorLogViewSet, f"{sessions}-error")
    router.register(sessions, SyncSessionViewSet, sessions)

urlpatterns = [
    *router.urls,
    re_path(r"^health/?$", Health.as_view(), name="health"),
    re_path(r"^health/detailed/?$", HealthDetailed.as_view(), name="health-detailed"),
    re_path(r"^schema/?$", Schema.as_view(generator_class=OneSchema), name="schema"),
    re_path(r"^docs/?$", Docs.as_view(url_name="schema"), name="docs"),
    re_path(r"^redoc/?$", Redoc.as_view(url_name="schema"), name="redoc"),
]
