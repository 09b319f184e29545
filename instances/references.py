"""Passwords that stand elsewhere: ``env:NAME`` and ``file:/path`` instead of a password."""

import stat
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

LONGEST_BYTES = 64 * 1024


class MayNotBeNamed(Exception):
    """The place is Whalefall's own, or outside of what SECRET_FILES_DIRS allows."""


def split_reference(password: str) -> tuple[str, str]:
    """``("env", NAME)``, ``("file", path)``, or ``("", "")`` for a password as it is."""
    kind, colon, place = password.partition(":")
    return (kind, place) if colon and kind in {"env", "file"} else ("", "")


def check_reference(password: str) -> None:
    """What may be stored as a password. Raises ValidationError; the file need not be there yet."""
    kind, place = split_reference(password)
    if kind == "env" and not place:
        raise ValidationError(_("env: takes the name of a variable."))
    if kind == "env" and place in settings.OWN_SECRETS:
        raise ValidationError(_("This variable is Whalefall's own and may not be named."))
    if kind == "file":
        try:
            allowed_path(place)
        except MayNotBeNamed:
            raise ValidationError(
                _("A file of a password must be below one of: %(directories)s."),
                params={"directories": ", ".join(settings.SECRET_FILES_DIRS) or "—"},
            ) from None


def read_reference(kind: str, place: str) -> str | None:
    """The password there; None where there is none. Raises MayNotBeNamed."""
    if kind == "file":
        return first_line(allowed_path(place))
    if place in settings.OWN_SECRETS:
        raise MayNotBeNamed
    value: str | None = settings.ENVIRONMENT_SECRET(place)
    return value


def allowed_path(place: str) -> Path:
    """The file that ``place`` leads to over all links. Raises MayNotBeNamed."""
    try:
        path = Path(place).resolve()
        roots = [Path(one).resolve() for one in settings.SECRET_FILES_DIRS]
    except (OSError, RuntimeError, ValueError):  # a circle of links, or a NUL in the name
        raise MayNotBeNamed from None
    if not Path(place).is_absolute() or not any(root in path.parents for root in roots):
        raise MayNotBeNamed
    return path


def first_line(path: Path) -> str | None:
    try:
        # A pipe or a device would keep its reader waiting.
        if not stat.S_ISREG(path.stat().st_mode):
            return None
        with path.open() as file:
            return file.readline(LONGEST_BYTES).rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        return None  # the caller raises, naming the credential and the file
