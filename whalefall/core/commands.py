"""The base of every command: expected failures become one line, wrong usage exits with 2."""

import json
import logging
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from whalefall.core.errors import WhalefallError

FAILED, WRONG_USAGE = 1, 2
UNITS = {"d": "days", "h": "hours", "m": "minutes", "w": "weeks"}


class WhalefallCommand(BaseCommand):
    def execute(self, *args: Any, **options: Any) -> str | None:
        # What matters is printed; the events of a run are stored with it. -v 2 shows the log.
        is_quiet = options.get("verbosity", 1) < 2
        try:
            with quiet_log() if is_quiet else nullcontext():
                return super().execute(*args, **options)
        except WhalefallError as error:
            usage = error.code == "VALIDATION_ERROR"
            raise CommandError(str(error), returncode=WRONG_USAGE if usage else FAILED) from error

    def print_json(self, document: Any) -> None:
        self.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, default=str))

    def fail(self, message: str) -> None:
        """End with exit code 1: something that was asked for was not done."""
        raise CommandError(message, returncode=FAILED)


@contextmanager
def quiet_log() -> Iterator[None]:
    """Nothing but what is critical goes to the log's handlers."""
    levels = [(handler, handler.level) for handler in logging.getLogger().handlers]
    for handler, _ in levels:
        handler.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for handler, level in levels:
            handler.setLevel(level)


def moment(text: str) -> datetime:
    """An argument's type: ``2026-03-31``, ``2026-03-31T12:00``, or an age such as ``7d``, ``3h``.

    Without an offset it is local time (``TIME_ZONE``); a day means its beginning.
    """
    if text[-1:] in UNITS and text[:-1].isdecimal():
        try:
            return timezone.now() - timedelta(**{UNITS[text[-1]]: int(text[:-1])})
        except (OverflowError, ValueError):  # int() refuses thousands of digits
            raise ArgumentTypeError(f"{text[:30]!r} ago is before all time.") from None
    try:
        parsed = parse_datetime(text)
        day = None if parsed else parse_date(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no moment: {error}.") from None
    if parsed is None and day is not None:
        parsed = datetime.combine(day, datetime.min.time())
    if parsed is None:
        raise ArgumentTypeError(f"{text!r} is no moment; write 2026-03-31, 2026-03-31T12:00 or 7d.")
    return parsed if timezone.is_aware(parsed) else timezone.make_aware(parsed)


def past_moment(text: str) -> datetime:
    """An argument's type: like ``moment``, but nobody knows the future."""
    parsed = moment(text)
    if parsed > timezone.now():
        raise ArgumentTypeError(f"{text!r} is in the future, which nobody knows.")
    return parsed


def positive(text: str) -> int:
    """An argument's type: a number of things, at least one."""
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) > 0):
        raise ArgumentTypeError(f"{text[:30]!r} is no number from 1 on.")
    return int(text)
