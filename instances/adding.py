"""Register a server: one instance and the credential it signs in with."""

from collections.abc import Sequence
from dataclasses import dataclass

from instances.engines import get_engine
from instances.models import Credential, Instance
from tags.models import Tag


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

    It has a credential of its own, called like it. Raises UnknownEngine. Call inside a
    transaction.
    """
    engine = get_engine(address.engine)
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
