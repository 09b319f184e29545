from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from instances.signals import databases_changed
from sync_sessions.signals import session_finished


class CapacityConfig(AppConfig):
    name = "capacity"
    verbose_name = _("Capacity")

    def ready(self) -> None:
        from capacity.follow_up import end_tables, queue_refresh  # noqa: PLC0415 -- no models before

        databases_changed.connect(end_tables, dispatch_uid="capacity.tables")
        session_finished.connect(queue_refresh, dispatch_uid="capacity.follow_up")
