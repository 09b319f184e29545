"""One row of a bulk import: what it may say, and what of that is wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from instances.engines import engine_choices
from instances.hosts import check_host
from instances.models import Instance
from instances.references import check_reference
from whalefall.core.api import RequestDataEmpty, SecretField
from whalefall.core.exports import Row, read_csv, restored, texts_of

COLUMNS = (
    *("name", "engine", "host", "port", "service_name", "credential", "username", "password"),
    *("tls_mode", "tls_ca", "environment", "storage_limit_bytes", "tags", "is_active"),
)
NEEDED = ("name", "engine", "host")
# What an export tells besides; servers tell it, so an import passes it over.
TOLD = ("version", "last_reached_at", "last_error")
BIGGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Draft:
    """A row as it came. ``line`` counts from 1; in a file that is where the row begins."""

    line: int
    facts: Any
    problem: str = ""

    @property
    def name(self) -> str:
        return self._text("name").strip()

    @property
    def password(self) -> str:
        return self._text("password")

    def _text(self, part: str) -> str:
        value = self.facts.get(part) if isinstance(self.facts, Mapping) else None
        return value if isinstance(value, str) else ""


class InstanceRowSerializer(serializers.Serializer[Any]):
    """One server. Either ``credential`` names a stored one, or user name and password make one."""

    name = serializers.CharField(max_length=100)
    engine = serializers.ChoiceField(choices=[])
    host = serializers.CharField(max_length=255, validators=[check_host])
    port = serializers.IntegerField(
        min_value=1, max_value=65535, default=None, allow_null=True, help_text="The engine's own."
    )
    service_name = serializers.CharField(max_length=255, default="", allow_blank=True)
    credential = serializers.CharField(max_length=100, default="", allow_blank=True)
    username = serializers.CharField(max_length=255, default="", allow_blank=True)
    password = SecretField(default="", allow_blank=True, validators=[check_reference])
    tls_mode = serializers.ChoiceField(
        choices=Instance.TlsMode.choices, default=Instance.TlsMode.PREFER
    )
    tls_ca = serializers.CharField(default="", allow_blank=True, max_length=4096)
    environment = serializers.CharField(max_length=50, default="", allow_blank=True)
    storage_limit_bytes = serializers.IntegerField(
        min_value=0, max_value=BIGGEST, default=None, allow_null=True
    )
    tags = serializers.ListField(child=serializers.CharField(max_length=100), default=list)
    is_active = serializers.BooleanField(default=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["engine"] = serializers.ChoiceField(choices=engine_choices())

    def validate_tags(self, names: list[str]) -> list[str]:
        return list(dict.fromkeys(names))

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        own = bool(attrs["username"]), bool(attrs["password"])
        if attrs["credential"] and any(own):
            raise ValidationError({"credential": [_("Name one, or a user name and password.")]})
        if not attrs["credential"] and not all(own):
            raise ValidationError({"credential": [_("Needed, or a user name and password.")]})
        return attrs


class Checker:
    """Checks row after row with one serializer: making one costs more than using it."""

    def __init__(self) -> None:
        self.serializer = InstanceRowSerializer()
        self.known = set(self.serializer.fields)

    def __call__(self, draft: Draft) -> tuple[dict[str, Any], dict[str, list[str]]]:
        if draft.problem:
            return {}, {"row": [draft.problem]}
        if not isinstance(draft.facts, Mapping):
            return {}, {"row": [_("An object with the fields of an instance, please.")]}
        unknown = sorted(str(name) for name in set(draft.facts) - self.known)
        if unknown:
            return {}, {name: [_("There is no such field.")] for name in unknown}
        try:
            return dict(self.serializer.run_validation(draft.facts)), {}
        except ValidationError as error:
            return {}, plain(error.detail)


def plain(detail: Any) -> dict[str, list[str]]:
    """DRF's complaints by field; those about items of a list without their positions."""
    return {
        name: [str(text) for text in (one if isinstance(one, list) else chain(*one.values()))]
        for name, one in detail.items()
    }


# --- from a file or a document ------------------------------------------------------------------


def csv_drafts(data: bytes) -> list[Draft]:
    """The rows of a CSV file. Raises InvalidRequest, or RequestDataEmpty when there is none."""
    if not data.strip():
        raise RequestDataEmpty(_("The file is empty."))
    rows = read_csv(data, (*COLUMNS, *TOLD), NEEDED)
    if not rows:
        raise RequestDataEmpty(_("The file has no row below the names of the columns."))
    return [draft_of(row) for row in rows]


def draft_of(row: Row) -> Draft:
    facts: dict[str, Any] = {
        name: text if name == "password" else restored(text)
        for name, text in row.cells.items()
        if text and name not in TOLD
    }
    problem = row.problem
    try:
        facts["tags"] = texts_of(facts.get("tags", ""))
    except ValueError as error:
        problem = problem or str(error)
    return Draft(row.line, facts, problem)


def json_drafts(items: Sequence[Any]) -> list[Draft]:
    """The rows of a document; the first is line 1."""
    return [Draft(line, item) for line, item in enumerate(items, 1)]
