"""The published JSON Schema of a rule's expression."""

from typing import Any

from accounts.facts import FACTS
from instances.engines.base import AccountKind, Scope

VERSION = 5
MOST_DAYS = 36_500

# Capabilities that are a column, a fact, or an attribute under the engine's own word.
COLUMNS = ("can_login",)
FACT_CAPABILITIES = ("superuser", "can_grant", "can_become_superuser", "password_absent")
ATTRIBUTES = ("createdb", "createrole", "replication", "bypassrls")
PASSWORD_STATES = ("absent", "expired", "never_expires")
assert set(FACT_CAPABILITIES) <= set(FACTS)  # a misspelt fact would be unknown for ever

# PostgreSQL stores no NUL, and nothing encodes half of a surrogate pair.
TEXT = r"^[^\u0000\ud800-\udfff]*$"


def text(description: str, *, least: int = 1) -> dict[str, Any]:
    return {
        "type": "string",
        "minLength": least,
        "maxLength": 200,
        "pattern": TEXT,
        "description": description,
    }


def any_of(item: dict[str, Any], description: str) -> dict[str, Any]:
    return {
        "type": "array",
        "items": item,
        "minItems": 1,
        "maxItems": 50,
        "description": description,
    }


def one_of(values: tuple[str, ...]) -> dict[str, Any]:
    return {"type": "string", "enum": list(values)}


def obj(properties: dict[str, Any], description: str, *required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        **({"required": list(required)} if required else {"minProperties": 1}),
        "additionalProperties": False,
        "description": description,
    }


def days(description: str, *, least: int = 0) -> dict[str, Any]:
    """``min`` and ``max`` days, both included."""
    one = {"type": "integer", "minimum": least, "maximum": MOST_DAYS}
    return obj({"min": one, "max": one}, description)


NODE = {"$ref": "#/$defs/node"}
PATTERN = text("Shell style: * is any text, ? one character, \\ takes a character as it is.")
HOLDS = {"type": "boolean"}

PREDICATES: dict[str, dict[str, Any]] = {
    "engine": any_of(text("The folder's name, such as postgresql."), "One of these engines."),
    "kind": any_of(one_of(tuple(AccountKind)), "One of these kinds of account."),
    "name": any_of(PATTERN, "The account's name, without the host, has one of these patterns."),
    "host": any_of(
        text(str(PATTERN["description"]), least=0),
        "The host it may come from has one of these patterns; never true where there are none.",
    ),
    "tag": any_of(text("The name of a tag."), "The instance has one of these tags."),
    "environment": any_of(
        text("'' is an instance without one.", least=0), "The instance is in one of these."
    ),
    "superuser": {**HOLDS, "description": "Superuser, or not."},
    "locked": {**HOLDS, "description": "Locked, or not."},
    "system": {**HOLDS, "description": "The engine's own account, or not."},
    "capability": any_of(
        one_of((*COLUMNS, *FACT_CAPABILITIES, *ATTRIBUTES)), "It can one of these."
    ),
    "role": obj(
        {
            "name": any_of(PATTERN, "Patterns of the role's name."),
            "reach": {
                "enum": ["direct", "inherited", "any"],
                "default": "inherited",
                "description": "Member of it; inherits it at any depth; or could SET ROLE to it.",
            },
        },
        "It has a role of one of these names.",
        "name",
    ),
    "privilege": obj(
        {
            "name": any_of(text("As the server calls it, such as SELECT or OWNER."), "One of."),
            "scope": any_of(one_of(tuple(Scope)), "On one of these kinds of thing."),
            "database": any_of(PATTERN, "In one of these databases."),
            "schema": any_of(PATTERN, "In one of these schemas."),
            "object": any_of(PATTERN, "On one of these."),
            "grantable": {**HOLDS, "description": "It may pass it on, or not."},
            "denied": {
                **HOLDS,
                "default": False,
                "description": "It is a denial, which takes the privilege away.",
            },
            "effective": {
                **HOLDS,
                "default": True,
                "description": "Through inherited roles and PUBLIC too; false: by itself only.",
            },
        },
        "It holds a privilege that all of this is true of.",
    ),
    "password": any_of(one_of(PASSWORD_STATES), "Its password is one of these."),
    "password_age_days": days("Days since the password was set."),
    "password_expires_in_days": days("Days until it expires; below 0: since.", least=-MOST_DAYS),
    "last_seen_days": days("Days since it last logged in."),
    "classification": any_of(
        {**text("A code."), "pattern": "^[-a-zA-Z0-9_]+$"},
        "It belongs to one of these classifications, by hand or by a rule.",
    ),
}


def schema() -> dict[str, Any]:
    """A node has exactly one key, so that a complaint can point at the one that is wrong."""
    nodes = {"type": "array", "items": NODE, "maxItems": 100}
    combined = {
        "all": {**nodes, "description": "Every one is true. Empty: nobody."},
        "any": {**nodes, "description": "At least one is true. Empty: nobody."},
        "not": {**NODE, "description": "Known to be false; what is unknown is not matched."},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Which accounts a classification rule matches",
        **obj({"version": {"const": VERSION}, "match": NODE}, "A rule.", "version", "match"),
        "$defs": {
            "node": {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": False,
                "properties": {**combined, **PREDICATES},
            }
        },
    }
