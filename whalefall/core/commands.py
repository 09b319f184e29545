"""The base of every command: expected failures become one line, wrong usage exits with 2."""

import json
import logging
import re
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, OutputWrapper
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from whalefall.core.audit import Origin, acting
from whalefall.core.calendar import check_year
from whalefall.core.errors import WhalefallError

FAILED, WRONG_USAGE = 1, 2
UNITS = {"d": "days", "h": "hours", "m": "minutes", "w": "weeks"}
# What makes a terminal do something, or show text in another order: C0, C1, the marks of
# direction, the separators of lines; and halves of characters, which no stream can encode.
UNPRINTABLE = re.compile(
    r"[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str) -> str:
    """``text`` in one line that means to a terminal what it says, its control characters escaped.

    A backslash stays one: ``DOMAIN\\name`` is a name. ``--json`` has every name exactly.
    """
    return UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


class Lines(OutputWrapper):
    """Each write is a line. Names come from servers, where anybody may have made them."""

    @property
    def stream(self) -> Any:
        """Where it goes, for whoever draws."""
        return self._out

    def write(  # type: ignore[override]  # Django's differs from a stream's
        self, msg: str = "", style_func: Any = None, ending: str | None = None
    ) -> None:
        super().write(printable(str(msg).removesuffix("\n")), style_func, ending)


class Complaints(Lines):
    """For what Django reports itself, in several lines."""

    def write(  # type: ignore[override]  # Django's differs from a stream's
        self, msg: str = "", style_func: Any = None, ending: str | None = None
    ) -> None:
        text = "\n".join(map(printable, str(msg).split("\n")))
        OutputWrapper.write(self, text, style_func, ending)


class WhalefallCommand(BaseCommand):
    # Django sets both, once when the command is made and again for whoever calls it.
    @property
    def stdout(self) -> Lines:
        return self._stdout

    @stdout.setter
    def stdout(self, wrapper: OutputWrapper) -> None:
        self._stdout = Lines(wrapper._out)  # type: ignore[arg-type]  # a stream

    @property
    def stderr(self) -> Complaints:
        return self._stderr

    @stderr.setter
    def stderr(self, wrapper: OutputWrapper) -> None:
        self._stderr = Complaints(wrapper._out)  # type: ignore[arg-type]  # a stream

    def execute(self, *args: Any, **options: Any) -> str | None:
        # What matters is printed; the events of a run are stored with it. -v 2 shows the log.
        is_quiet = options.get("verbosity", 1) < 2
        command = type(self).__module__.rpartition(".")[2]
        try:
            with acting(Origin(command=command)), quiet_log() if is_quiet else nullcontext():
                return super().execute(*args, **options)
        except WhalefallError as error:
            usage = error.code == "VALIDATION_ERROR"
            raise CommandError(str(error), returncode=WRONG_USAGE if usage else FAILED) from error

    def print_json(self, document: Any) -> None:
        text = json.dumps(document, indent=2, ensure_ascii=False, default=str)
        for line in text.split("\n"):
            self.stdout.write(UNPRINTABLE.sub(lambda one: f"\\u{ord(one[0]):04x}", line))

    def fail(self, message: str) -> None:
        """End with exit code 1: something that was asked for was not done."""
        raise CommandError(printable(message), returncode=FAILED)


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
    try:
        check_year(parsed)
    except ValidationError as error:
        raise ArgumentTypeError(error.messages[0]) from None
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
