from django.apps import AppConfig


class SyncSessionsConfig(AppConfig):
    name = "sync_sessions"
