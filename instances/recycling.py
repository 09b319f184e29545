"""The recycle bin: out of the lists and the runs, with its history kept."""

from django.utils import timezone

from instances.models import Instance
from instances.places import refuse_taken


def recycle(instance: Instance) -> None:
    Instance.objects.recycle(instance.pk, at=timezone.now())


def restore(instance: Instance) -> None:
    """Make ``instance`` alive again. Raises NameTaken or AddressTaken."""
    refuse_taken(vars(instance), by=instance)
    Instance.objects.restore(instance.pk)
    instance.deleted_at = None
