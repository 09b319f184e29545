"""A text column that holds ciphertext, and the key ring behind it."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models

from whalefall.logs import keep_secret


class CannotDecrypt(Exception):
    """No key of the ring opens the value. The caller knows whose value it is, and says so."""


@lru_cache
def key_ring(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def _ring() -> MultiFernet:
    return key_ring(tuple(settings.WHALEFALL_ENCRYPTION_KEYS))


class Ciphertext:
    """An encrypted value as it stands in the database. Its ``repr`` and ``str`` tell nothing."""

    __slots__ = ("token",)

    def __init__(self, token: str) -> None:
        self.token = token

    def __str__(self) -> str:
        return "[encrypted]"

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ciphertext) and other.token == self.token

    def __hash__(self) -> int:
        return hash(self.token)

    def decrypt(self) -> str:
        """The plain text. Raises CannotDecrypt; never returns an empty text in its place."""
        try:
            return keep_secret(_ring().decrypt(self.token.encode()).decode())
        except InvalidToken:
            raise CannotDecrypt from None

    def rotated(self) -> "Ciphertext":
        """The same value under the newest key. Raises CannotDecrypt."""
        try:
            return Ciphertext(_ring().rotate(self.token.encode()).decode())
        except InvalidToken:
            raise CannotDecrypt from None


def encrypt(plain: str) -> Ciphertext:
    return Ciphertext(_ring().encrypt(keep_secret(plain).encode()).decode())


if TYPE_CHECKING:
    TextField = models.TextField[Any, Any]
else:
    TextField = models.TextField


class EncryptedField(TextField):
    """Takes a ``str`` or a ``Ciphertext``, gives a ``Ciphertext``: reading a list opens nothing."""

    def from_db_value(self, value: str | None, *_: object) -> Ciphertext | None:
        return None if value is None else Ciphertext(value)

    def to_python(self, value: Any) -> Any:
        # Validation runs through here: as text a Ciphertext would become its "[encrypted]".
        return value if isinstance(value, Ciphertext) else super().to_python(value)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Whoever saves a plain text holds a Ciphertext afterwards."""
        value = getattr(model_instance, self.attname)
        if isinstance(value, str):
            value = encrypt(value)
            setattr(model_instance, self.attname, value)
        return value

    def get_prep_value(self, value: str | Ciphertext | None) -> str | None:
        if value is None:
            return None
        return value.token if isinstance(value, Ciphertext) else encrypt(value).token
