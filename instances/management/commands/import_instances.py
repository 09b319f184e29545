"""Add servers from a CSV file, with a result for each row."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from instances.bulk import Status, import_document, run_import
from instances.bulk_rows import COLUMNS, csv_drafts
from whalefall.core.commands import WhalefallCommand
from whalefall.core.errors import InvalidRequest


class Command(WhalefallCommand):
    help = f"Add the servers of a CSV file. Its first line names columns of {', '.join(COLUMNS)}."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE.csv")
        parser.add_argument("--dry-run", action="store_true", help="change nothing")
        parser.add_argument(
            "--all-or-nothing", action="store_true", help="change nothing if any row is wrong"
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *, file: Path, json: bool, **options: Any) -> None:
        drafts = csv_drafts(content_of(file))
        chosen = {name: options[name] for name in ("dry_run", "all_or_nothing")}
        with transaction.atomic():
            rows = run_import(drafts, **chosen)
        document = import_document(rows)
        if json:
            self.print_json(document)
        else:
            self.report(document)
        if document["counts"][Status.INVALID]:
            self.fail(f"{document['counts'][Status.INVALID]} rows are wrong.")

    def report(self, document: dict[str, Any]) -> None:
        for row in document["rows"]:
            errors = [f"{part}: {' '.join(texts)}" for part, texts in row["errors"].items()]
            self.stdout.write(
                f"line {row['line']}: {row['name']}: {'; '.join([row['status'], *errors])}"
            )
        told = [f"{number} {status}" for status, number in document["counts"].items() if number]
        self.stdout.write(", ".join(told))


def content_of(file: Path) -> bytes:
    """What stands in ``file``. Raises InvalidRequest."""
    try:
        size = file.stat().st_size
        if size > settings.MOST_UPLOAD_BYTES:
            raise InvalidRequest(
                f"{file} has {size} bytes; MOST_UPLOAD_BYTES allows {settings.MOST_UPLOAD_BYTES}."
            )
        return file.read_bytes()
    except OSError as error:
        raise InvalidRequest(f"{file} can't be read: {error.strerror}.") from None
