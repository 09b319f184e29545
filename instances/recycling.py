"""The recycle bin: out of the lists and the runs, with its history kept."""

from collections.abc import Collection

from django.utils import timezone

from instances.models import Instance
from instances.places import refuse_taken
from whalefall.core.audit import note


def recycle(instance: Instance) -> None:
    recycle_all([instance.pk])


def recycle_all(keys: Collection[int]) -> int:
    """Into the recycle bin; how many were not there before. Call inside a transaction."""
    now = timezone.now()
    living = Instance.objects.living().filter(pk__in=keys)
    going = list(living.select_for_update(of=("self",)))
    Instance.objects.recycle([one.pk for one in going], at=now)
    note((one, {"deleted_at": [None, str(now)]}) for one in going)
    return len(going)


def restore(instance: Instance) -> None:
    """Make ``instance`` alive again, if it is not. Raises NameTaken or AddressTaken."""
    if instance.deleted_at is None:
        return
    refuse_taken(vars(instance), by=instance)
    Instance.objects.restore(instance.pk)
    note([(instance, {"deleted_at": [str(instance.deleted_at), None]})])
    instance.deleted_at = None
