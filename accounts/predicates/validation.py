"""Whether an expression is one, and where it is not."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from accounts.predicates.older import NotConvertible, converted, is_older
from accounts.predicates.schema import schema
from whalefall.core.errors import InvalidRequest

Complaint = tuple[str, str]
"""The JSON pointer of what is wrong, and what is wrong with it."""
MOST_COMPLAINTS = 20
MOST_NESTING = 50
"""Levels of objects and lists in one another."""


class InvalidExpression(InvalidRequest):
    """``extra["errors"]``: [{"pointer", "message"}], and the same as the field ``expression``."""

    def __init__(self, complaints: list[Complaint]) -> None:
        texts = [f"{pointer or '/'}: {message}" for pointer, message in complaints]
        super().__init__(
            _("The expression is not valid. %(complaint)s") % {"complaint": texts[0]},
            extra={
                "fields": {"expression": texts},
                "errors": [{"pointer": one, "message": text} for one, text in complaints],
            },
        )
        self.complaints = complaints


def checked(document: Any) -> dict[str, Any]:
    """``document`` in the present form. Raises InvalidExpression, which says where it is wrong.

    Whether the classifications that it names exist is not looked at.
    """
    if is_too_deep(document):
        raise InvalidExpression([("", _("Its parts are nested too deeply."))])
    if is_older(document):
        try:
            document = converted(document)
        except NotConvertible as error:
            raise InvalidExpression([(error.pointer, str(error))]) from None
    errors = sorted(Draft202012Validator(schema()).iter_errors(document), key=pointer_of)
    if errors:
        raise InvalidExpression(
            [(pointer_of(error), complaint(error)) for error in errors[:MOST_COMPLAINTS]]
        )
    return {**document}


def is_too_deep(document: Any) -> bool:
    """Found without recursion, which is what has to be prevented."""
    level: list[Any] = [document]
    for _depth in range(MOST_NESTING):
        level = [child for one in level for child in children(one)]
        if not level:
            return False
    return True


def children(one: Any) -> list[Any]:
    if isinstance(one, dict):
        return list(one.values())
    return one if isinstance(one, list) else []


def pointer_of(error: ValidationError) -> str:
    return "".join(
        "/" + str(part).replace("~", "~0").replace("/", "~1") for part in error.absolute_path
    )


def complaint(error: ValidationError) -> str:
    known = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
    if error.validator == "additionalProperties":
        unknown = sorted(set(error.instance) - set(known))
        return _("%(unknown)s is not known here; known are %(known)s.") % {
            "unknown": ", ".join(unknown)[:200],
            "known": ", ".join(known),
        }
    if error.validator in ("minProperties", "maxProperties") and "maxProperties" in error.schema:
        return _("Expected an object with exactly one key.")
    value, known = error.validator_value, ", ".join(known)
    told = {
        "enum": _("One of %(value)s."),
        "maximum": _("At most %(value)s."),
        "minItems": _("Choose or enter at least one."),
        "minLength": _("It must not be empty."),
        "minProperties": _("Fill in at least one of %(known)s."),
        "minimum": _("At least %(value)s."),
    }.get(str(error.validator), str(error.message).replace("%", "%%"))
    listed = ", ".join(map(str, value)) if isinstance(value, list) else value
    return (told % {"value": listed, "known": known})[:300]


def predicates(tree: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Every predicate of a checked expression: its pointer, name and value."""
    waiting: list[tuple[str, Mapping[str, Any]]] = [("/match", tree["match"])]
    while waiting:
        pointer, node = waiting.pop()
        ((name, value),) = node.items()
        place = f"{pointer}/{name}"
        if name == "not":
            waiting.append((place, value))
        elif name in ("all", "any"):
            waiting += [(f"{place}/{n}", child) for n, child in enumerate(value)]
        else:
            yield place, name, value


def named_classifications(tree: Mapping[str, Any]) -> dict[str, str]:
    """The codes that a checked expression names, each with the pointer to it."""
    return {
        code: f"{pointer}/{n}"
        for pointer, name, value in predicates(tree)
        if name == "classification"
        for n, code in enumerate(value)
    }
