import gc

from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "whalefall.core"
    verbose_name = "Whalefall"

    def ready(self) -> None:
        # What the process has loaded by now stays until it ends. Left to the collector, every
        # sync would look through all of it several times. And the objects of a reading all stay
        # until it is written, so looking at them after every 700 new ones finds nothing.
        gc.freeze()
        gc.set_threshold(20_000)
