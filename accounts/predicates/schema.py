"""The published JSON Schema of a rule's expression.

Its titles and descriptions are what the editor of rules says, in the reader's language.
"""

from typing import Any

from django.utils.translation import gettext_noop as _

from accounts.facts import FACTS
from instances.engines.base import AccountKind, Scope

VERSION = 5
MOST_DAYS = 36_500
MOST_NODES = 100

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


def any_of(title: str, item: dict[str, Any], description: str) -> dict[str, Any]:
    return {
        "title": title,
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


def days(title: str, description: str, *, least: int = 0) -> dict[str, Any]:
    """``min`` and ``max`` days, both included."""
    one = {"type": "integer", "minimum": least, "maximum": MOST_DAYS}
    parts = {
        "min": {"title": _("At least"), **one, "description": _("Days; this one counts too.")},
        "max": {"title": _("At most"), **one, "description": _("Days; this one counts too.")},
    }
    return {"title": title, **obj(parts, description)}


def holds(title: str, description: str, **more: Any) -> dict[str, Any]:
    return {"title": title, "type": "boolean", "description": description, **more}


NODE = {"$ref": "#/$defs/node"}
PATTERN = text(_("Shell style: * is any text, ? one character, \\ takes a character as it is."))

PREDICATES: dict[str, dict[str, Any]] = {
    "engine": any_of(
        _("Engine"), text("The folder's name, such as postgresql."), _("One of these engines.")
    ),
    "kind": any_of(_("Kind"), one_of(tuple(AccountKind)), _("One of these kinds of account.")),
    "name": any_of(
        _("Name"), PATTERN, _("The account's name, without the host, has one of these patterns.")
    ),
    "host": any_of(
        _("Host"),
        text(str(PATTERN["description"]), least=0),
        _("The host it may come from has one of these patterns; never true where there are none."),
    ),
    "tag": any_of(_("Tag"), text("The name of a tag."), _("The instance has one of these tags.")),
    "environment": any_of(
        _("Environment"),
        text("'' is an instance without one.", least=0),
        _("The instance is in one of these."),
    ),
    "superuser": holds(_("Superuser"), _("Superuser, or not.")),
    "locked": holds(_("Locked"), _("Locked, or not.")),
    "system": holds(_("The engine's own"), _("The engine's own account, or not.")),
    "capability": any_of(
        _("Capability"),
        one_of((*COLUMNS, *FACT_CAPABILITIES, *ATTRIBUTES)),
        _("It can one of these."),
    ),
    "role": {
        "title": _("Role"),
        **obj(
            {
                "name": any_of(_("Name"), PATTERN, _("Patterns of the role's name.")),
                "reach": {
                    "title": _("Reach"),
                    "enum": ["direct", "inherited", "any"],
                    "default": "inherited",
                    "description": _(
                        "Member of it; inherits it at any depth; or could SET ROLE to it."
                    ),
                },
            },
            _("It has a role of one of these names."),
            "name",
        ),
    },
    "privilege": {
        "title": _("Privilege"),
        **obj(
            {
                "name": any_of(
                    _("Privilege"),
                    text(_("As the server calls it, such as SELECT or OWNER.")),
                    _("One of these."),
                ),
                "scope": any_of(
                    _("Scope"), one_of(tuple(Scope)), _("On one of these kinds of thing.")
                ),
                "database": any_of(_("Database"), PATTERN, _("In one of these databases.")),
                "schema": any_of(_("Schema"), PATTERN, _("In one of these schemas.")),
                "object": any_of(_("Object"), PATTERN, _("On one of these.")),
                "grantable": holds(_("Grantable"), _("It may pass it on, or not.")),
                "denied": holds(
                    _("Denied"),
                    _("It is a denial, which takes the privilege away."),
                    default=False,
                ),
                "effective": holds(
                    _("Effective"),
                    _("Through inherited roles and PUBLIC too; false: by itself only."),
                    default=True,
                ),
            },
            _("It holds a privilege that all of this is true of."),
        ),
    },
    "password": any_of(_("Password"), one_of(PASSWORD_STATES), _("Its password is one of these.")),
    "password_age_days": days(_("Age of the password"), _("Days since the password was set.")),
    "password_expires_in_days": days(
        _("Password expires"), _("Days until it expires; below 0: since."), least=-MOST_DAYS
    ),
    "last_seen_days": days(
        _("Last login"),
        _(
            "Days since it last logged in. Where the server keeps no logins, nobody knows how long "
            "ago it was at least."
        ),
    ),
    "classification": any_of(
        _("Classification"),
        {**text("A code."), "pattern": "^[-a-zA-Z0-9_]+$"},
        _("It belongs to one of these classifications, by hand or by a rule."),
    ),
}
GROUPS: dict[str, dict[str, Any]] = {
    "all": {
        "title": _("All of these"),
        "type": "array",
        "items": NODE,
        "maxItems": MOST_NODES,
        "description": _("Every one is true. Empty: nobody."),
    },
    "any": {
        "title": _("Any of these"),
        "type": "array",
        "items": NODE,
        "maxItems": MOST_NODES,
        "description": _("At least one is true. Empty: nobody."),
    },
    "not": {
        "title": _("Not"),
        **NODE,
        "description": _("Known to be false; what is unknown is not matched."),
    },
}


def schema() -> dict[str, Any]:
    """A node has exactly one key, so that a complaint can point at the one that is wrong."""
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
                "properties": {**GROUPS, **PREDICATES},
            }
        },
    }
