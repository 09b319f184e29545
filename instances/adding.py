"""Register a server: one instance and the credential it signs in with."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from instances.engines import get_engine
from instances.models import Credential, Instance
from instances.references import check_reference
from tags.models import Tag
from whalefall.core.errors import InvalidRequest

PORTS = range(1, 65536)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is, and how to sign in to it."""

    engine: str
    host: str
    port: int | None
    username: str
    password: str
    service_name: str = ""
    tls_mode: str = Instance.TlsMode.PREFER


def add_instance(name: str, address: Address, *, tags: Sequence[str] = ()) -> tuple[Instance, bool]:
    """Make the living instance called ``name`` be at ``address``; whether it is new.

    It has a credential of its own, called like it. Raises UnknownEngine, or InvalidRequest naming
    what is wrong. Call inside a transaction.
    """
    engine = get_engine(address.engine)
    check(name, address)
    credential, _ = Credential.objects.update_or_create(
        name=name, defaults={"username": address.username, "password": address.password}
    )
    instance, is_new = Instance.objects.update_or_create(
        name=name,
        deleted_at=None,
        defaults={
            "engine": address.engine,
            "host": address.host,
            "port": address.port or engine.default_port,
            "service_name": address.service_name,
            "tls_mode": address.tls_mode,
            "credential": credential,
        },
    )
    for tag in tags:
        instance.tags.add(Tag.objects.get_or_create(name=tag)[0])
    return instance, is_new


def check(name: str, address: Address) -> None:
    """Raises InvalidRequest where a field can't hold what it should."""
    try:
        if address.port is not None and address.port not in PORTS:
            raise ValidationError({"port": _("A port is a number from 1 to 65535.")})
        check_reference(address.password)
        Credential(name=name, username=address.username, password=address.password).clean_fields()
        Instance(
            name=name,
            engine=address.engine,
            host=address.host,
            port=address.port or PORTS[0],
            service_name=address.service_name,
            tls_mode=address.tls_mode,
        ).clean_fields(exclude=["credential"])
    except ValidationError as error:
        raise InvalidRequest(" ".join(error.messages)) from None
