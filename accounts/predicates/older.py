"""The older form of a rule, ``{"version": 4, "expr": …}``, told as the present one."""

import re
from collections.abc import Callable
from typing import Any

from accounts.predicates.schema import VERSION

OLD_VERSION = 4
OPERATORS = {"AND": "all", "OR": "any"}
CAPABILITIES = {"SUPERUSER": "superuser", "GRANT_ADMIN": "can_grant"}
SCOPES = {
    "global": "server",
    "server": "server",
    "database": "database",
    "tablespace": "tablespace",
}


class NotConvertible(Exception):
    """``pointer`` is where in the old document; the message says what is wrong there."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(message)
        self.pointer = pointer


def is_older(document: Any) -> bool:
    return isinstance(document, dict) and document.get("version") == OLD_VERSION


def converted(document: dict[str, Any]) -> dict[str, Any]:
    """``document`` in the present form. Raises NotConvertible."""
    if set(document) != {"version", "expr"}:
        raise NotConvertible("", "A rule of version 4 has the keys version and expr.")
    return {"version": VERSION, "match": node(document["expr"], "/expr")}


def node(old: Any, pointer: str) -> dict[str, Any]:
    if not isinstance(old, dict) or "args" not in old or len(old) != 2:
        raise NotConvertible(pointer, "Expected an object with op and args, or with fn and args.")
    if "op" in old:
        return operation(old["op"], old["args"], pointer)
    if "fn" in old:
        return call(old["fn"], old["args"], pointer)
    raise NotConvertible(pointer, "Expected op or fn beside args.")


def operation(name: Any, parts: Any, pointer: str) -> dict[str, Any]:
    if not isinstance(parts, list):
        raise NotConvertible(f"{pointer}/args", "Expected a list.")
    nodes = [node(part, f"{pointer}/args/{n}") for n, part in enumerate(parts)]
    if name == "NOT" and len(nodes) == 1:
        return {"not": nodes[0]}
    if isinstance(name, str) and name in OPERATORS:
        return {OPERATORS[name]: nodes}
    raise NotConvertible(f"{pointer}/op", "One of AND, OR, or NOT with one argument.")


def call(name: Any, given: Any, pointer: str) -> dict[str, Any]:
    if not isinstance(name, str) or name not in FUNCTIONS:
        raise NotConvertible(f"{pointer}/fn", f"One of {', '.join(sorted(FUNCTIONS))}.")
    function, known = FUNCTIONS[name]
    if not isinstance(given, dict) or not set(given) <= set(known):
        raise NotConvertible(f"{pointer}/args", f"Takes {', '.join(known) or 'nothing'}.")
    return function(given, f"{pointer}/args")


def engines(given: dict[str, Any], pointer: str) -> dict[str, Any]:
    types = given.get("types")
    if not isinstance(types, list):
        raise NotConvertible(f"{pointer}/types", "Expected a list of engines.")
    return {"engine": types}


def superuser(_given: dict[str, Any], _pointer: str) -> dict[str, Any]:
    return {"superuser": True}


def capability(given: dict[str, Any], pointer: str) -> dict[str, Any]:
    return {"capability": [chosen(CAPABILITIES, given, "name", pointer)]}


def role(given: dict[str, Any], pointer: str) -> dict[str, Any]:
    return {"role": {"name": [literal(given, "name", pointer)]}}


def privilege(given: dict[str, Any], pointer: str) -> dict[str, Any]:
    wanted: dict[str, Any] = {"name": [word(given, "name", pointer)]}
    if "scope" in given:
        wanted["scope"] = [chosen(SCOPES, given, "scope", pointer)]
    if "database" in given:
        wanted["database"] = [literal(given, "database", pointer)]
    return {"privilege": wanted}


def word(given: dict[str, Any], key: str, pointer: str) -> str:
    if not isinstance(given.get(key), str):
        raise NotConvertible(f"{pointer}/{key}", "Expected a text.")
    return str(given[key])


def chosen(known: dict[str, str], given: dict[str, Any], key: str, pointer: str) -> str:
    try:
        return known[word(given, key, pointer)]
    except KeyError:
        raise NotConvertible(f"{pointer}/{key}", f"One of {', '.join(known)}.") from None


def literal(given: dict[str, Any], key: str, pointer: str) -> str:
    """The old form had names, not patterns."""
    return re.sub(r"([*?\\])", r"\\\1", word(given, key, pointer))


Function = Callable[[dict[str, Any], str], dict[str, Any]]
FUNCTIONS: dict[str, tuple[Function, tuple[str, ...]]] = {
    "db_type_in": (engines, ("types",)),
    "is_superuser": (superuser, ()),
    "has_capability": (capability, ("name",)),
    "has_role": (role, ("name",)),
    "has_privilege": (privilege, ("name", "scope", "database")),
}
