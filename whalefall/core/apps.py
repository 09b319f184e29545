from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "whalefall.core"
    verbose_name = "Whalefall"
