"""A name and an address belong to one living instance at a time."""

from typing import Any

from instances.models import Instance
from whalefall.core.errors import WhalefallError

ADDRESS = ("engine", "host", "port", "service_name")


class NameTaken(WhalefallError):
    """A living instance has that name."""

    code = "NAME_EXISTS"
    http_status = 409
    category = "conflict"
    suggestions = ("Choose another name, or rename the other instance.",)


class AddressTaken(WhalefallError):
    """A living instance is at that address."""

    code = "CONSTRAINT_VIOLATION"
    http_status = 409
    category = "conflict"
    suggestions = ("Use the other instance, or delete it first.",)


def refuse_taken(wanted: dict[str, Any], *, by: Instance | None = None) -> None:
    """Raises NameTaken or AddressTaken when another instance than ``by`` has what is wanted.

    Kind words only: what decides is the unique index.
    """
    others = Instance.objects.living()
    if by is not None:
        others = others.exclude(pk=by.pk)
    if others.filter(name=wanted["name"]).exists():
        raise NameTaken(f"There is an instance named {wanted['name']} already.")
    other = others.filter(**{part: wanted[part] for part in ADDRESS}).first()
    if other is not None:
        raise AddressTaken(f"{other} is at that address already.")
