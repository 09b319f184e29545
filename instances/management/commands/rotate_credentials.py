"""Encrypt every stored password anew with the newest key."""

from typing import Any

from django.db import transaction

from instances.models import Credential
from whalefall.core.commands import WhalefallCommand


class Command(WhalefallCommand):
    help = "Encrypt every stored password anew with the newest of WHALEFALL_ENCRYPTION_KEYS."

    def handle(self, **options: Any) -> str:
        with transaction.atomic():
            number = Credential.objects.all().rotate()
        return f"{number} credentials are encrypted with the newest key."
