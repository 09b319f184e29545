from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

from instances.signals import databases_changed
from sync_sessions.signals import session_finished


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        from accounts.classify import queue_follow_up  # noqa: PLC0415 -- no models before
        from accounts.databases import follow_databases  # noqa: PLC0415
        from accounts.system_rules import ship  # noqa: PLC0415

        databases_changed.connect(follow_databases, dispatch_uid="accounts.databases")
        session_finished.connect(queue_follow_up, dispatch_uid="accounts.classify")
        post_migrate.connect(ship, sender=self, dispatch_uid="accounts.system_rules")
