"""An example for every body that OpenAPI describes, made from its schema: so none is outdated."""

from typing import Any

Document = dict[str, Any]

WORDS = {
    "name": "shop-db-1",
    "host": "db.example.org",
    "username": "whalefall",
    "message": "OK",
    "cron": "0 1 * * *",
    "email": "ada@example.org",
    "privilege": "SELECT",
    "object": "shop.public.orders",
}
"""By the name of a text, where its type alone would say little."""
FORMATS = {
    "date-time": "2026-03-31T01:00:00Z",
    "date": "2026-03-31",
    "uuid": "0f8fad5b-d9cb-469f-a165-70867728950e",
    "email": "ada@example.org",
    "uri": "https://whalefall.example.org/",
    "time": "01:00:00",
}
DEEPEST = 8


def add_examples(result: Document, **_: Any) -> Document:
    """For ``SPECTACULAR_SETTINGS["POSTPROCESSING_HOOKS"]``."""
    schemas = result.get("components", {}).get("schemas", {})
    for operations in result["paths"].values():
        for operation in operations.values():
            for body in (operation.get("requestBody", {}), *operation["responses"].values()):
                for media_type, content in body.get("content", {}).items():
                    if media_type == "application/json" and not content.keys() & {"examples"}:
                        content["example"] = example(content["schema"], schemas)
    return result


def example(schema: Document, schemas: Document, name: str = "", depth: int = 0) -> Any:
    """A value that ``schema`` allows; null or empty where it goes too deep."""
    if "$ref" in schema:
        return example(schemas[schema["$ref"].rpartition("/")[2]], schemas, name, depth)
    for key in ("allOf", "oneOf", "anyOf"):
        if key in schema:
            return example(schema[key][0], schemas, name, depth)
    for key in ("example", "const"):
        if key in schema:
            return schema[key]
    if "enum" in schema:
        return schema["enum"][0]
    kinds = schema.get("type", "object")
    kind = next(iter(kinds)) if isinstance(kinds, list) else kinds
    return MAKERS[kind](schema, schemas, name, depth)


def an_object(schema: Document, schemas: Document, _name: str, depth: int) -> Any:
    if depth > DEEPEST:
        return {}
    parts = schema.get("properties", {})
    return {key: example(part, schemas, key, depth + 1) for key, part in parts.items()}


def an_array(schema: Document, schemas: Document, name: str, depth: int) -> Any:
    return [] if depth > DEEPEST else [example(schema["items"], schemas, name, depth + 1)]


def a_text(schema: Document, _schemas: Document, name: str, _depth: int) -> Any:
    text = FORMATS.get(schema.get("format", ""), WORDS.get(name, "text"))
    return text[: schema.get("maxLength")].ljust(schema.get("minLength", 0), "-")


def a_number(schema: Document, *_: Any) -> Any:
    return min(max(7, schema.get("minimum", 7)), schema.get("maximum", 7))


MAKERS: dict[str, Any] = {
    "object": an_object,
    "array": an_array,
    "string": a_text,
    "integer": a_number,
    "number": a_number,
    "boolean": lambda *_: True,
    "null": lambda *_: None,
}
