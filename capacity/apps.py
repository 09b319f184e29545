from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from sync_sessions.signals import session_finished


class CapacityConfig(AppConfig):
    name = "capacity"
    verbose_name = _("Capacity")

    def ready(self) -> None:
        from capacity.follow_up import queue_refresh  # noqa: PLC0415 -- models are not loaded before

        session_finished.connect(queue_refresh, dispatch_uid="capacity.follow_up")
