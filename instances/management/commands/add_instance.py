"""Register a server, or change how it is reached."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from instances.adding import Address, add_instance
from instances.engines import ENGINES
from instances.models import Instance
from whalefall.core.commands import WhalefallCommand
from whalefall.core.errors import InvalidRequest


class Command(WhalefallCommand):
    help = "Register a server under NAME, or change the one of that name."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--engine", required=True, choices=sorted(ENGINES))
        parser.add_argument("--host", required=True)
        parser.add_argument("--port", type=int, help="the engine's own when left out")
        parser.add_argument("--username", required=True)
        password = parser.add_mutually_exclusive_group(required=True)
        password.add_argument("--password-env", metavar="VARIABLE")
        password.add_argument("--password-stdin", action="store_true")
        parser.add_argument("--service-name", default="", help="the database to connect to first")
        parser.add_argument(
            "--tls-mode", choices=Instance.TlsMode.values, default=Instance.TlsMode.PREFER
        )
        parser.add_argument("--tag", action="append", default=[], dest="tags")

    def handle(self, *, name: str, tags: list[str], **options: Any) -> str:
        parts = ("engine", "host", "port", "username", "service_name", "tls_mode")
        address = Address(
            password=given_password(options["password_env"]),
            **{part: options[part] for part in parts},
        )
        try:
            with transaction.atomic():
                instance, is_new = add_instance(name, address, tags=tags)
        except IntegrityError:
            raise InvalidRequest(
                f"Another instance is at {address.host}:{address.port} already."
            ) from None
        return f"{'Added' if is_new else 'Updated'} {instance.name}. Next: probe {instance.name}"


def given_password(variable: str | None) -> str:
    """The password from a variable of the environment, or one line of the standard input."""
    if variable is None:
        password = sys.stdin.readline().rstrip("\r\n")
        place = "standard input"
    else:
        password = settings.ENVIRONMENT_SECRET(variable) or ""
        place = f"variable {variable}"
    if not password:
        raise InvalidRequest(f"There is no password in the {place}.")
    return password
