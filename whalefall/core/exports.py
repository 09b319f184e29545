"""CSV out and in. What a spreadsheet would run as a formula leaves with an apostrophe before it."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from typing import IO, Any, Protocol

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.text import get_valid_filename
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from whalefall.core.errors import InvalidRequest
from whalefall.core.renderers import EnvelopeBrowsableRenderer, EnvelopeJSONRenderer

# Apostrophes before it too: or a text that really begins with one would lose it on its way back.
FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
ESCAPED = re.compile(r"'+[=+\-@\t\r\n]")
ROWS_AT_A_TIME = 1000
UNKNOWN = "unknown"
"""Stands in the cell of a fact that nobody knows: an empty one would look like none."""
DELIMITERS = ",;\t"

Columns = Mapping[str, Callable[[Any], Any]]
"""The title of each column, and how to get its value from a row."""

# A cell may be as long as the largest file that is taken; csv's own limit would end the reading.
csv.field_size_limit(settings.MOST_UPLOAD_BYTES)


# --- out --------------------------------------------------------------------------------------


def cell(value: Any) -> Any:
    """What stands in the file for ``value``; None is an empty cell."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and FORMULA.match(value):
        return f"'{value}"
    return value


def line_of(values: Iterable[str]) -> str:
    """Several texts in one cell: a line of CSV of their own."""
    buffer = Line()
    csv.writer(buffer).writerow(values)
    return buffer.text.removesuffix("\r\n")


class Line:
    """What a csv writer needs of a file: it keeps the last line."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text


def csv_lines(columns: Columns, rows: Iterable[Any]) -> Iterator[str]:
    """The lines of a file, the titles first; one row is in memory at a time."""
    line = Line()
    writer = csv.writer(line)
    writer.writerow(columns)
    yield line.text
    for row in rows:
        writer.writerow(cell(value(row)) for value in columns.values())
        yield line.text


def csv_response(name: str, columns: Columns, rows: "QuerySet[Any]") -> StreamingHttpResponse:
    """``rows`` as a download called ``name``.csv, read from the database as they are sent."""
    found = rows.iterator(chunk_size=ROWS_AT_A_TIME)
    response = StreamingHttpResponse(
        csv_lines(columns, found), content_type="text/csv; charset=utf-8"
    )
    filename = get_valid_filename(f"{name}.csv")
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


class CsvRenderer(BaseRenderer):
    """Lets a caller ask for ``text/csv``; the response is made by ``csv_response``."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(self, data: Any, *_: Any, **__: Any) -> bytes:
        """What is no file, such as the answer to OPTIONS."""
        rendered: bytes = JSONRenderer().render(data)
        return rendered


def refuse_other_formats(request: Request) -> None:
    """Raises ValidationError: whoever asks for JSON must not take a file for it."""
    if request.query_params.get("format", CsvRenderer.format) != CsvRenderer.format:
        raise ValidationError({"format": [_("This is a CSV file, and there is no other format.")]})


WITH_CSV = (EnvelopeJSONRenderer, EnvelopeBrowsableRenderer, CsvRenderer)


class Exported(Protocol):
    """What ``ExportMixin`` needs of its viewset."""

    export_name: str

    def export_columns(self) -> Columns: ...
    def get_queryset(self) -> "QuerySet[Any]": ...
    def filter_queryset(self, queryset: "QuerySet[Any]") -> "QuerySet[Any]": ...


class ExportMixin:
    """``exports``: the whole list as CSV, under the list's own filters, search and sort."""

    export_name: str

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR}, filters=True)
    @action(detail=False, renderer_classes=WITH_CSV)
    def exports(self: Exported, request: Request) -> StreamingHttpResponse:
        pages = sorted({"page", "limit"} & set(request.query_params))
        if pages:
            raise ValidationError({name: [_("An export has all rows.")] for name in pages})
        refuse_other_formats(request)
        rows = self.filter_queryset(self.get_queryset())
        return csv_response(self.export_name, self.export_columns(), rows)


# --- in ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a file: ``line`` is where it begins. With ``problem``, what it says is not sure."""

    line: int
    cells: Mapping[str, str]
    problem: str = ""


def read_csv(data: bytes, known: Iterable[str], needed: Iterable[str]) -> list[Row]:
    """The rows of a file with commas, semicolons or tabs, in UTF-8 with or without a mark.

    ``known`` are the columns that it may have, ``needed`` those that it must. Where the quotes
    break, the last row says so: nothing after it could be read. Raises InvalidRequest where the
    file as a whole can't be understood.
    """
    text = decoded(data)
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter_of(text), strict=True)
    try:
        titles = [title.strip() for title in next(reader, [])]
    except csv.Error as error:
        raise InvalidRequest(_("The first line is no CSV: %(why)s.") % {"why": error}) from None
    check_titles(titles, list(known), list(needed))
    return list(rows_of(reader, titles))


def decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            _("The file is not in UTF-8 (byte %(byte)d); save it as CSV UTF-8.")
            % {"byte": error.start + 1}
        ) from None


def delimiter_of(text: str) -> str:
    """Spreadsheets write what their language does: the one that the first line has most of."""
    first = text.partition("\n")[0]
    return max(DELIMITERS, key=first.count)


def check_titles(titles: list[str], known: list[str], needed: list[str]) -> None:
    """Raises InvalidRequest: a misspelt column must not be passed over."""
    problems = {
        _("unknown"): [title for title in titles if title not in known],
        _("missing"): [title for title in needed if title not in titles],
        _("twice"): sorted({title for title in titles if titles.count(title) > 1}),
    }
    wrong = [f"{word}: {', '.join(map(repr, found))}" for word, found in problems.items() if found]
    if wrong:
        text = _("The first line must name the columns. %(wrong)s. Known are %(known)s.")
        raise InvalidRequest(text % {"wrong": "; ".join(wrong)[:500], "known": ", ".join(known)})


def rows_of(reader: Any, titles: list[str]) -> Iterator[Row]:
    line = reader.line_num + 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error:  # the row says so
            yield Row(line, {}, _("Its quotes do not fit; nothing from here on could be read."))
            return
        if cells is None:
            return
        if any(cells):
            yield Row(line, dict(zip(titles, cells, strict=False)), length_problem(cells, titles))
        line = reader.line_num + 1


def length_problem(cells: list[str], titles: list[str]) -> str:
    if len(cells) == len(titles):
        return ""
    text = _("It has %(cells)d cells, and the first line %(titles)d.")
    return text % {"cells": len(cells), "titles": len(titles)}


def restored(text: str) -> str:
    """A cell without the apostrophe that ``cell`` put before it."""
    return text[1:] if ESCAPED.match(text) else text


def texts_of(line: str) -> list[str]:
    """The texts that ``line_of`` put into one cell. Raises ValueError where the quotes break."""
    try:
        texts = next(csv.reader(StringIO(line, newline=""), skipinitialspace=True, strict=True), [])
    except csv.Error:
        raise ValueError(_("Its quotes do not fit.")) from None
    return [text.strip() for text in texts if text.strip()]


class CsvParser(BaseParser):
    """The body as it came, and no longer than MOST_UPLOAD_BYTES."""

    media_type = "text/csv"

    def parse(self, stream: IO[bytes], media_type: Any = None, parser_context: Any = None) -> Any:
        return bounded(stream)


def bounded(stream: IO[bytes]) -> bytes:
    """All of ``stream``. Raises RequestDataTooBig."""
    data = stream.read(settings.MOST_UPLOAD_BYTES + 1)
    if len(data) > settings.MOST_UPLOAD_BYTES:
        raise RequestDataTooBig
    return data


def uploaded(request: HttpRequest, name: str) -> bytes:
    """The file of a form. Raises InvalidRequest when none was chosen."""
    file = request.FILES.get(name)
    if file is None:
        raise InvalidRequest(_("Choose a file."), extra={"fields": {name: [_("Choose a file.")]}})
    return bounded(file)
