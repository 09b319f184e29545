"""What a form has to ask for each predicate, read off the schema."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from accounts.predicates.schema import GROUPS, PREDICATES

Choices = Sequence[tuple[str, str]]
"""Values with what they are called."""

# What the schema's own words are called where the word itself would not be understood.
LABELS = {
    "public": _("everybody"),
    "can_login": _("can log in"),
    "can_grant": _("can grant"),
    "can_become_superuser": _("can become superuser"),
    "password_absent": _("has no password"),
    "createdb": _("creates databases"),
    "createrole": _("creates roles"),
    "replication": _("replicates"),
    "bypassrls": _("passes row security by"),
    "direct": _("member of it"),
    "inherited": _("inherits it, at any depth"),
    "any": _("inherits it, or could SET ROLE to it"),
    "absent": _("absent"),
    "expired": _("expired"),
    "never_expires": _("never expires"),
}


def groups() -> list[dict[str, Any]]:
    """``all``, ``any`` and ``not``: name, title and help of each."""
    return [named(name, spec) for name, spec in GROUPS.items()]


def fields(choices: Mapping[str, Choices]) -> list[dict[str, Any]]:
    """A form field for each predicate, with ``choices`` for those whose values are names of ours.

    ``widget``: ``picks`` (several of ``choices``), ``texts`` (several texts; ``may_be_empty``),
    ``yes_no``, ``choice``, ``number`` (``min``, ``max``), or ``parts``, whose ``parts`` are fields
    again, ``required`` or with a ``default``.
    """
    return [field(name, spec, choices.get(name)) for name, spec in PREDICATES.items()]


def field(name: str, spec: Mapping[str, Any], choices: Choices | None = None) -> dict[str, Any]:
    return {**named(name, spec), **widget(spec, choices)}


def named(name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "title": gettext(spec["title"]), "help": gettext(spec["description"])}


def widget(spec: Mapping[str, Any], choices: Choices | None) -> dict[str, Any]:
    if "enum" in spec:
        return {"widget": "choice", "choices": labelled(spec["enum"])}
    if spec["type"] == "object":
        return {"widget": "parts", "parts": parts(spec)}
    if spec["type"] == "boolean":
        return {"widget": "yes_no"}
    if spec["type"] == "integer":
        return {"widget": "number", "min": spec["minimum"], "max": spec["maximum"]}
    item = spec["items"]
    if "enum" in item:
        choices = labelled(item["enum"])
    if choices is not None:
        return {"widget": "picks", "choices": choices}
    return {
        "widget": "texts",
        "max_length": item["maxLength"],
        "may_be_empty": item["minLength"] == 0,
        "item_help": gettext(item["description"]),
    }


def parts(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    required = spec.get("required", ())
    return [
        {**field(name, part), "required": name in required, "default": part.get("default")}
        for name, part in spec["properties"].items()
    ]


def labelled(values: Sequence[str]) -> Choices:
    return [
        (one, gettext(LABELS[one]) if one in LABELS else one.replace("_", " ")) for one in values
    ]
